// Who somebody is: a key to sign with and a key to be given epochs' keys under. Web Crypto keeps them so
// that no script can read them out; Node.js reads their seeds from a file.

import { concat, owned, randomBytes, sha256Hex } from './bytes.js';
import { DhkemOfCryptoKeys, KemKeys, openBase } from './seal/kem.js';
import type { SealingSuite, Suite } from './suite.js';

/** What everything that signs and is given keys can do. */
export interface Identity {
  /** SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal digits. */
  readonly id: string;
  /** The raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The suite of `kemPublicKey`; 0 where no keys can be given. */
  readonly kemSuite: Suite;
  /** As long as the suite says. */
  readonly kemPublicKey: Uint8Array;
  /** Signs bytes with Ed25519; 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /**
   * Opens what was sealed to `kemPublicKey` by HPKE in base mode with AES-256-GCM and no associated data.
   *
   * @throws SealError where it cannot be opened.
   */
  openSealed(info: Uint8Array, encapsulation: Uint8Array, sealed: Uint8Array): Promise<Uint8Array>;
}

/** Two key pairs of Web Crypto; IndexedDB keeps them as they are. */
export interface WebKeys {
  readonly signing: CryptoKeyPair;
  readonly kem: CryptoKeyPair;
}

/** The seeds of an identity, 32 bytes each. */
export interface IdentitySeeds {
  readonly signingSeed: Uint8Array;
  readonly kemSuite: SealingSuite;
  readonly kemSeed: Uint8Array;
}

const ED25519 = 'Ed25519';
const X25519 = 'X25519';
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const PKCS8_PREFIX = Uint8Array.of(
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x04,
  0x22,
  0x04,
  0x20,
);

/** SHA-256 of the SubjectPublicKeyInfo of a raw Ed25519 key, in hexadecimal digits. */
export function principalId(publicKey: Uint8Array): string {
  return sha256Hex(SPKI_PREFIX, publicKey);
}

/** What people compare: the first 8 bytes of a principal id, in hexadecimal digits. */
export function fingerprint(id: string): string {
  return id.slice(0, 16);
}

/**
 * An identity of raw seeds. Who holds the object can use the keys, but the seeds are not kept readable.
 *
 * @throws SealError where a seed has not 32 bytes.
 */
export async function seedIdentity(seeds: IdentitySeeds): Promise<Identity> {
  const publicKey = await publicKeyOfSeed(seeds.signingSeed);
  const pkcs8 = concat(PKCS8_PREFIX, seeds.signingSeed);
  const signing = await crypto.subtle.importKey('pkcs8', pkcs8, ED25519, false, ['sign']);
  const kem = await KemKeys.fromSeed(seeds.kemSuite, seeds.kemSeed);
  return {
    id: principalId(publicKey),
    publicKey,
    kemSuite: seeds.kemSuite,
    kemPublicKey: kem.publicKey,
    sign: (message) => signWith(signing, message),
    openSealed: (info, encapsulation, sealed) => openBase(kem, info, encapsulation, sealed),
  };
}

/** Fresh seeds of the platform's generator. */
export function randomSeeds(kemSuite: SealingSuite = 2): IdentitySeeds {
  return { signingSeed: randomBytes(32), kemSuite, kemSeed: randomBytes(32) };
}

/** The public key of an Ed25519 seed. */
export async function publicKeyOfSeed(seed: Uint8Array): Promise<Uint8Array> {
  return (await import('./seal/curve.js')).ed25519PublicKey(seed);
}

/** Fresh keys that nobody can read out: Ed25519, and X25519 (KEM suite 1). */
export async function generateWebKeys(): Promise<WebKeys> {
  const signing = await crypto.subtle.generateKey(ED25519, false, ['sign', 'verify']);
  const kem = await crypto.subtle.generateKey(X25519, false, ['deriveBits']);
  return { signing: signing as CryptoKeyPair, kem: kem as CryptoKeyPair };
}

/** An identity of Web Crypto's keys. */
export async function webIdentity(keys: WebKeys): Promise<Identity> {
  const publicKey = await rawOf(keys.signing.publicKey);
  const kemPublicKey = await rawOf(keys.kem.publicKey);
  const kem = new DhkemOfCryptoKeys(keys.kem);
  return {
    id: principalId(publicKey),
    publicKey,
    kemSuite: 1,
    kemPublicKey,
    sign: (message) => signWith(keys.signing.privateKey, message),
    openSealed: (info, encapsulation, sealed) => openBase(kem, info, encapsulation, sealed),
  };
}

async function rawOf(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', key));
}

async function signWith(key: CryptoKey, message: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign(ED25519, key, owned(message)));
}
