// The hashes of an append-only Merkle tree (RFC 9162 §2.1).

import { concat, sha256 } from '../bytes.js';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The hash of an entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

/** The hash of two that stand side by side. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** The root over no entry. */
export function emptyRoot(): Uint8Array {
  return sha256(concat());
}

/** The root over entries that are appended one by one. */
export class Frontier {
  /** Roots of the complete subtrees, the largest first; their sizes are the bits of `#size`. */
  readonly #roots: Uint8Array[] = [];
  #size = 0n;

  get size(): bigint {
    return this.#size;
  }

  /** Appends an entry. */
  append(entry: Uint8Array): void {
    let hash = leafHash(entry);
    for (let size = this.#size; (size & 1n) === 1n; size >>= 1n) {
      const left = this.#roots.pop();
      hash = left === undefined ? hash : nodeHash(left, hash);
    }
    this.#roots.push(hash);
    this.#size += 1n;
  }

  root(): Uint8Array {
    return (
      this.#roots.reduceRight<Uint8Array | undefined>(
        (right, left) => (right === undefined ? left : nodeHash(left, right)),
        undefined,
      ) ?? emptyRoot()
    );
  }
}
