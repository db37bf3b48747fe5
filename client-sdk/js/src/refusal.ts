// Why a node did not do what it was asked: its code, and its own words about what it wanted and found.

import { refusalName } from './code.js';

/** Those that say that the node is busy, and nothing about the asker. */
const PASSING: ReadonlySet<string> = new Set([
  'draining',
  'too-many',
  'rate-limited',
  'storage-full',
  'internal',
]);

/**
 * A refusal in the node's words. `name` is the code's name as in the protocol, such as `not-permitted`;
 * `message` joins what was refused and why.
 */
export class Refusal extends Error {
  /** The code's number; it never changes its meaning. */
  readonly code: number;
  /** The thing refused. */
  readonly what: string;
  /** What was wanted, and what was found. */
  readonly why: string;

  constructor(code: number, what: string, why: string) {
    super(`${what}: ${why}`);
    this.name = refusalName(code) ?? `code-${code}`;
    this.code = code;
    this.what = what;
    this.why = why;
  }

  /** Whether the same may be granted a little later, without anything being changed. */
  get mayPass(): boolean {
    return PASSING.has(this.name);
  }
}
