// What needs the curve's arithmetic, and is loaded only where Web Crypto does not do it.

import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, equal, littleEndian } from '../bytes.js';

const { Point } = ed25519;

/**
 * The equation without the cofactor: the encoding of S·B − k·A is R. The key was checked, S is reduced, and R is in
 * its one encoding and not of low order.
 */
export function fitsWithoutCofactor(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const k = littleEndian(sha512(concat(r, key, message))) % Point.Fn.ORDER;
  const a = Point.fromBytes(key, false);
  const sum = Point.BASE.multiplyUnsafe(s).add(a.negate().multiplyUnsafe(k));
  return equal(sum.toBytes(), r);
}

/** The public key of an Ed25519 seed. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(ed25519.getPublicKey(seed));
}

/** The public key of an X25519 scalar. */
export function x25519PublicKey(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(x25519.getPublicKey(seed));
}
