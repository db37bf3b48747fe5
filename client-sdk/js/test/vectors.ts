// The vectors that every implementation of the protocol shares.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../src/bytes.js';

const PROJECT = join(import.meta.dirname, '../../..');

/** The entries of one of the files under proto/tests/golden. */
export function vectors<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(PROJECT, 'proto/tests/golden', file), 'utf8')) as T[];
}

/** The bytes of one of the files under crates/seal/tests/golden. */
export function sealVector(file: string): Uint8Array {
  return fromHex(readFileSync(join(PROJECT, 'crates/seal/tests/golden', file), 'utf8').replaceAll(/\s/g, ''));
}

/** The lines of one of the files under crates/seal/tests/golden. */
export function sealVectorLines(file: string): Uint8Array[] {
  const text = readFileSync(join(PROJECT, 'crates/seal/tests/golden', file), 'utf8');
  return text.trim().split('\n').map(fromHex);
}

/** `length` bytes that count up from `first`. */
export function counting(first: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (first + at) & 0xff);
}
