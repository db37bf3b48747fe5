// Key encapsulation: how a secret reaches the holder of a private key, by HPKE in base mode (RFC 9180) over
// DHKEM(X25519) or X-Wing, with HKDF-SHA256. A key pair is made from 32 random bytes, its seed, which is the
// KEM's private key as it stands. An X25519 part of low order is refused, since no honest sender makes one.

import type { CipherSuite } from '@hpke/core';
import { EMPTY, hex, owned } from '../bytes.js';
import type { SealingSuite } from '../suite.js';
import { SUITES, suiteName } from '../suite.js';
import type { HpkeSuites } from './hpke.js';

/** Why something cannot be sealed, opened, or given keys. */
export class SealError extends Error {
  override readonly name = 'SealError';

  constructor(
    /** What could not be done: `kem key` and `encapsulation` are wrong inputs, `sealed` does not open. */
    readonly code:
      | 'kem key'
      | 'encapsulation'
      | 'sealed'
      | 'suite'
      | 'commitment'
      | 'stream'
      | 'body'
      | 'sequence',
    wanted: string,
    found: string,
  ) {
    super(`${code}: wanted ${wanted}, found ${found}`);
  }
}

const SEED_BYTES = 32;
const X25519_BYTES = 32;
const EXPORT_BYTES = 32;

/** Every u coordinate of order 1, 2, 4 or 8 on the curve and its twist, also where not reduced by the prime. */
const LOW_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Whether bytes end in an X25519 point of low order. */
export function endsInLowOrder(bytes: Uint8Array): boolean {
  if (bytes.length < X25519_BYTES) {
    return false;
  }
  const point = bytes.slice(bytes.length - X25519_BYTES);
  point[X25519_BYTES - 1] = (point[X25519_BYTES - 1] ?? 0) & 0x7f;
  return LOW_ORDER.has(hex(point));
}

type KemName = 'x25519' | 'xwing';

const suites = new Map<KemName, Promise<HpkeSuites>>();

async function hpke(kem: KemName, mode: keyof HpkeSuites): Promise<CipherSuite> {
  const known = suites.get(kem) ?? load(kem);
  suites.set(kem, known);
  return (await known)[mode];
}

async function load(kem: KemName): Promise<HpkeSuites> {
  return kem === 'xwing'
    ? (await import('./xwing.js')).xwingSuites()
    : (await import('./hpke.js')).x25519Suites();
}

/** A private key, in whatever form its KEM takes it. */
export interface KemPrivate {
  readonly kem: KemName;
  /** Checked lengths. */
  readonly encapsulationBytes: number;
  pair(): CryptoKeyPair;
}

/** X25519 keys of Web Crypto that nobody can read out. */
export class DhkemOfCryptoKeys implements KemPrivate {
  readonly kem = 'x25519';
  readonly encapsulationBytes = X25519_BYTES;

  constructor(private readonly keys: CryptoKeyPair) {}

  pair(): CryptoKeyPair {
    return this.keys;
  }
}

/** A KEM's key pair that was made from a seed. */
export class KemKeys implements KemPrivate {
  private constructor(
    readonly suite: SealingSuite,
    /** As long as the suite says. */
    readonly publicKey: Uint8Array<ArrayBuffer>,
    private readonly keys: CryptoKeyPair,
  ) {}

  get kem(): KemName {
    return SUITES[this.suite].kem;
  }

  get encapsulationBytes(): number {
    return SUITES[this.suite].encapsulationBytes;
  }

  /** @throws SealError where the seed has not 32 bytes. */
  static async fromSeed(suite: SealingSuite, seed: Uint8Array): Promise<KemKeys> {
    if (seed.length !== SEED_BYTES) {
      throw new SealError('kem key', 'a seed of 32 bytes', `${seed.length} bytes`);
    }
    const own = new Uint8Array(seed);
    if (SUITES[suite].kem === 'xwing') {
      const pair = await (await import('./xwing.js')).xwingPair(own);
      const publicKey = await (await hpke('xwing', 'export')).kem.serializePublicKey(pair.publicKey);
      return new KemKeys(suite, new Uint8Array(publicKey), pair);
    }
    const { kem } = await hpke('x25519', 'export');
    const publicKey = (await import('./curve.js')).x25519PublicKey(own);
    const privateKey = await kem.importKey('raw', own.buffer, false);
    const pair = { privateKey, publicKey: await kem.importKey('raw', publicKey.buffer, true) };
    return new KemKeys(suite, publicKey, pair);
  }

  pair(): CryptoKeyPair {
    return this.keys;
  }
}

function checkEncapsulation(wanted: number, encapsulation: Uint8Array): void {
  if (encapsulation.length !== wanted) {
    throw new SealError('encapsulation', `one of ${wanted} bytes`, `${encapsulation.length} bytes`);
  }
  if (endsInLowOrder(encapsulation)) {
    throw new SealError('encapsulation', 'a point of large order', 'a weak one');
  }
}

/** What the sender of an encapsulation exported, 32 bytes. */
export async function exportReceived(
  keys: KemPrivate,
  info: Uint8Array,
  encapsulation: Uint8Array,
  context: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  checkEncapsulation(keys.encapsulationBytes, encapsulation);
  const recipient = { recipientKey: keys.pair(), enc: owned(encapsulation), info: owned(info) };
  try {
    const receiving = await (await hpke(keys.kem, 'export')).createRecipientContext(recipient);
    return new Uint8Array(await receiving.export(owned(context), EXPORT_BYTES));
  } catch (cause) {
    throw new SealError('encapsulation', 'one that this key takes', `another: ${cause}`);
  }
}

/** Opens what was sealed with AES-256-GCM, of any length, without associated data. */
export async function openBase(
  keys: KemPrivate,
  info: Uint8Array,
  encapsulation: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  checkEncapsulation(keys.encapsulationBytes, encapsulation);
  const recipient = { recipientKey: keys.pair(), enc: owned(encapsulation), info: owned(info) };
  try {
    const receiving = await (await hpke(keys.kem, 'seal')).createRecipientContext(recipient);
    return new Uint8Array(await receiving.open(owned(sealed), EMPTY));
  } catch {
    throw new SealError('sealed', 'bytes that this key opens', `${sealed.length} others`);
  }
}

/** A public key that somebody else's secrets are encapsulated to. */
export class KemPublicKey {
  private constructor(
    readonly suite: SealingSuite,
    readonly bytes: Uint8Array<ArrayBuffer>,
    private readonly key: CryptoKey,
  ) {}

  /** @throws SealError where it is none of the suite, or its X25519 part is of low order. */
  static async parse(suite: SealingSuite, bytes: Uint8Array): Promise<KemPublicKey> {
    const wanted = SUITES[suite].publicKeyBytes;
    if (bytes.length !== wanted) {
      throw new SealError('kem key', `${wanted} bytes for ${suiteName(suite)}`, `${bytes.length} bytes`);
    }
    if (endsInLowOrder(bytes)) {
      throw new SealError('kem key', 'a point of large order', 'a weak one');
    }
    const own = new Uint8Array(bytes);
    const { kem } = await hpke(SUITES[suite].kem, 'export');
    const key = await kem.importKey('raw', own.buffer, true);
    return new KemPublicKey(suite, own, key);
  }

  /**
   * Makes a secret that only the holder of the private key gets, too.
   *
   * @param ekm - the randomness, for vectors alone; drawn where it is left out
   */
  async export(
    info: Uint8Array,
    context: Uint8Array,
    ekm?: Uint8Array,
  ): Promise<{ encapsulation: Uint8Array<ArrayBuffer>; secret: Uint8Array<ArrayBuffer> }> {
    const sending = await this.sender('export', info, ekm);
    const secret = await sending.export(owned(context), EXPORT_BYTES);
    return { encapsulation: new Uint8Array(sending.enc), secret: new Uint8Array(secret) };
  }

  /** Seals bytes with AES-256-GCM, without associated data, so that only the private key's holder opens them. */
  async seal(
    info: Uint8Array,
    content: Uint8Array,
    ekm?: Uint8Array,
  ): Promise<{ encapsulation: Uint8Array<ArrayBuffer>; sealed: Uint8Array<ArrayBuffer> }> {
    const sending = await this.sender('seal', info, ekm);
    const sealed = await sending.seal(owned(content), EMPTY);
    return { encapsulation: new Uint8Array(sending.enc), sealed: new Uint8Array(sealed) };
  }

  private async sender(mode: 'export' | 'seal', info: Uint8Array, ekm: Uint8Array | undefined) {
    const recipient = { recipientPublicKey: this.key, info: owned(info) };
    const drawn = ekm === undefined ? recipient : { ...recipient, ekm: new Uint8Array(ekm).buffer };
    try {
      return await (await hpke(SUITES[this.suite].kem, mode)).createSenderContext(drawn);
    } catch (cause) {
      throw new SealError('kem key', `a key of ${suiteName(this.suite)}`, `another: ${cause}`);
    }
  }
}
