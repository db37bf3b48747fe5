// What a derived key or a proof is bound to, in bytes that can be read in one way only.

import { concat, lengthPrefixed, u64, utf8 } from '../bytes.js';

/** A part of a binding: a number as eight bytes, anything else behind its length. */
export type Bound = bigint | number | string | Uint8Array;

/** A context, its closing zero byte, and the parts in order. */
export function binding(context: string, parts: readonly Bound[]): Uint8Array<ArrayBuffer> {
  const bound = parts.map((part) => {
    if (typeof part === 'bigint' || typeof part === 'number') {
      return u64(part);
    }
    return lengthPrefixed(typeof part === 'string' ? utf8(part) : part);
  });
  return concat(utf8(`${context}\0`), ...bound);
}
