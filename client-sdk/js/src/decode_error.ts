// Why bytes or texts are not what they should be, always as thing, wanted and found.

import type { RefusalCodeName } from './code.js';

/** Longest part of a stranger's text that an error repeats, characters. */
const QUOTE_CHARACTERS_MAX = 64;

/** A text or number that is not what it should be. */
export class ParseError extends Error {
  override readonly name = 'ParseError';

  constructor(
    /** What did not parse, such as `topic`. */
    readonly thing: string,
    /** What would have been accepted. */
    readonly wanted: string,
    /** What was there, safe to print. */
    readonly found: string,
  ) {
    super(`${thing}: wanted ${wanted}, found ${found}`);
  }
}

/** Bytes that are not the message they should be. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';

  constructor(
    /** The code under which a node refuses the message. */
    readonly code: RefusalCodeName,
    /** Which message, and where it is about one, which of its fields. */
    readonly thing: string,
    /** What would have been accepted. */
    readonly wanted: string,
    /** What was there, safe to print. */
    readonly found: string,
  ) {
    super(`${thing}: wanted ${wanted}, found ${found}`);
  }
}

/** Text from a stranger, escaped and cut so that it can be printed. */
export function quote(text: string): string {
  const cut = Array.from(text.slice(0, 2 * QUOTE_CHARACTERS_MAX))
    .slice(0, QUOTE_CHARACTERS_MAX)
    .join('');
  return JSON.stringify(cut) + (cut.length < text.length ? '…' : '');
}
