// ChaCha20-Poly1305, which Web Crypto does not know; loaded where something is sealed with it.

import { chacha20poly1305 } from '@noble/ciphers/chacha.js';

/** Ciphertext and tag. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  header: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  return chacha20poly1305(key, nonce, header).encrypt(content);
}

/** The content; throws where something is another. */
export function open(key: Uint8Array, nonce: Uint8Array, header: Uint8Array, body: Uint8Array): Uint8Array {
  return chacha20poly1305(key, nonce, header).decrypt(body);
}
