// HPKE over DHKEM(X25519), loaded when the first thing is sealed or opened.

import {
  Aes256Gcm,
  CipherSuite,
  DhkemX25519HkdfSha256,
  ExportOnly,
  HkdfSha256,
  type KemInterface,
} from '@hpke/core';

/** A KEM's two ways of use: to export a secret, and to seal with AES-256-GCM. */
export interface HpkeSuites {
  readonly export: CipherSuite;
  readonly seal: CipherSuite;
}

/** The suites over one KEM. */
export function suitesOf(make: () => KemInterface): HpkeSuites {
  const suite = (aead: Aes256Gcm | ExportOnly) =>
    new CipherSuite({ kem: make(), kdf: new HkdfSha256(), aead });
  return { export: suite(new ExportOnly()), seal: suite(new Aes256Gcm()) };
}

/** Over DHKEM(X25519, HKDF-SHA256). */
export function x25519Suites(): HpkeSuites {
  return suitesOf(() => new DhkemX25519HkdfSha256());
}
