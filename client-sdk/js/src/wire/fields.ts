// The few steps that checking a message's fields is made of. A message names itself in every error.

import { hex, utf8Length } from '../bytes.js';
import { DecodeError, ParseError } from '../decode_error.js';
import { PROTOCOL_VERSION, TEXT_BYTES_MAX } from '../limits.js';
import type { Suite } from '../suite.js';
import { isSuite } from '../suite.js';
import { hasInvisible } from '../visible_text.js';

/** The message whose fields are being checked. */
export class Fields {
  constructor(readonly message: string) {}

  refusal(field: string, wanted: string, found: string): DecodeError {
    return new DecodeError('malformed', `${this.message}: ${field}`, wanted, found);
  }

  require(field: string, wanted: string, isMet: boolean, found: string | number | bigint): void {
    if (!isMet) {
      throw this.refusal(field, wanted, `${found}`);
    }
  }

  version(found: number): void {
    if (found !== PROTOCOL_VERSION) {
      throw new DecodeError('unknown-version', this.message, 'version 1', `${found}`);
    }
  }

  /** Parses a name, topic or filter. */
  parse<T>(field: string, text: string, parse: (text: string) => T): T {
    try {
      return parse(text);
    } catch (cause) {
      if (cause instanceof ParseError) {
        throw this.refusal(field, cause.wanted, cause.found);
      }
      throw cause;
    }
  }

  /** As {@link parse}; undefined where the text is empty. */
  parseOptional<T>(field: string, text: string, parse: (text: string) => T): T | undefined {
    return text === '' ? undefined : this.parse(field, text, parse);
  }

  /** Bytes of exactly this length. */
  fixed(field: string, bytes: Uint8Array, length: number): Uint8Array {
    this.require(field, `${length} bytes`, bytes.length === length, `${bytes.length} bytes`);
    return bytes;
  }

  /** An id or hash of exactly this length, in hexadecimal digits. */
  id(field: string, bytes: Uint8Array, length = 32): string {
    return hex(this.fixed(field, bytes, length));
  }

  /** As {@link id}; undefined where there are no bytes. */
  idOptional(field: string, bytes: Uint8Array, length = 32): string | undefined {
    return bytes.length === 0 ? undefined : this.id(field, bytes, length);
  }

  suite(field: string, number: number): Suite {
    if (!isSuite(number)) {
      throw this.refusal(field, 'a suite from 0 to 4', `${number}`);
    }
    return number;
  }

  /** One of a list of names that are numbered from 1. */
  numbered<T extends string>(field: string, wanted: string, names: readonly T[], number: number): T {
    const name = names[number - 1];
    if (name === undefined) {
      throw this.refusal(field, wanted, `${number}`);
    }
    return name;
  }

  /** Text for people under a signature: short, and nothing in it that hides. */
  signedText(field: string, text: string, bytesMax = TEXT_BYTES_MAX): string {
    const length = utf8Length(text);
    this.require(field, 'a shorter text', length <= bytesMax, length);
    this.require(field, 'no control characters', !hasInvisible(text), 'one');
    return text;
  }

  /** Text for logs. */
  text(field: string, text: string): string {
    const length = utf8Length(text);
    this.require(field, 'at most 1024 bytes', length <= TEXT_BYTES_MAX, length);
    return text;
  }

  atMost(field: string, limit: number, found: number): void {
    this.require(field, 'fewer entries', found <= limit, found);
  }
}
