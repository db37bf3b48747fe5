// The one place where signatures are judged: Ed25519 as strictly as docs/protocol.md, section 1, says, since
// verifiers disagree on edge cases and two that disagree are no federation. Web Crypto does the work where
// it is as strict; otherwise, and for what concerns keys alone, it is done here over the curve's arithmetic.

import { fromHex, hex, littleEndian, owned } from '../bytes.js';
import { principalId } from '../identity.js';

/** The prime of the curve's field, its constant d, and the order of its base point. */
const PRIME = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
const ED25519 = 'Ed25519';

/** Points of order 1, 2, 4 and 8, with either sign: under such a key one signature fits many messages. */
const LOW_ORDER: ReadonlySet<string> = new Set([
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
]);

/** A public key that is none, or a weak one. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code = 'weak-key';
}

/** A public key that was checked once: of the right length, a point in its one encoding, not of low order. */
export class VerifyingKey {
  private imported: Promise<CryptoKey | undefined> | undefined;

  private constructor(
    /** The raw key, 32 bytes. */
    readonly bytes: Uint8Array<ArrayBuffer>,
    /** The principal id of the key. */
    readonly id: string,
  ) {}

  /** @throws KeyError where it is no key that may sign. */
  static parse(bytes: Uint8Array): VerifyingKey {
    const key = new Uint8Array(bytes);
    const id = principalId(key);
    const known = parsed.get(id);
    if (known !== undefined) {
      return known;
    }
    const fault = keyFault(key);
    if (fault !== undefined) {
      throw new KeyError(`verifying key: wanted ${fault}, found ${hex(key).slice(0, 16)}…`);
    }
    const checked = new VerifyingKey(key, id);
    if (parsed.size >= PARSED_MAX) {
      parsed.clear();
    }
    parsed.set(id, checked);
    return checked;
  }

  /** Whether a signature of 64 bytes is this key's over a message. */
  async verify(message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    if (!isWellFormed(signature)) {
      return false;
    }
    this.imported ??= importForVerifying(this.bytes);
    const key = await this.imported;
    if (key === undefined) {
      return isSignedStrictly(this.bytes, message, signature);
    }
    return crypto.subtle.verify(ED25519, key, owned(signature), owned(message));
  }
}

/** Keys remembered before all are checked again; about 300 bytes each. */
const PARSED_MAX = 8192;
const parsed = new Map<string, VerifyingKey>();

/** Whether somebody may be stated to have this key. */
export function isAcceptableKey(key: Uint8Array): boolean {
  return keyFault(key) === undefined;
}

function keyFault(key: Uint8Array): string | undefined {
  if (key.length !== KEY_BYTES) {
    return '32 bytes';
  }
  if (!isCanonicalPoint(key)) {
    return 'a point in its one encoding';
  }
  if (LOW_ORDER.has(hex(key))) {
    return 'a point of large order';
  }
  return isOnCurve(key) ? undefined : 'a point in its one encoding';
}

/** Whether there is an x with x² = (y² − 1) / (d·y² + 1): a quotient is a square where the product is. */
function isOnCurve(key: Uint8Array): boolean {
  const y = littleEndian(key) & (2n ** 255n - 1n);
  const square = (y * y) % PRIME;
  const product = ((square - 1n + PRIME) * (D * square + 1n)) % PRIME;
  return product === 0n || power(product, (PRIME - 1n) / 2n) === 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) {
      result = (result * square) % PRIME;
    }
    square = (square * square) % PRIME;
  }
  return result;
}

/** Whether the y coordinate of an encoded point is below 2^255 − 19. */
function isCanonicalPoint(bytes: Uint8Array): boolean {
  if ((bytes[0] ?? 0) < 0xed || ((bytes[31] ?? 0) & 0x7f) !== 0x7f) {
    return true;
  }
  return bytes.subarray(1, 31).some((byte) => byte !== 0xff);
}

/** Whether a signature's R is in its one encoding and not of low order, and its S is reduced. */
function isWellFormed(signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) {
    return false;
  }
  const r = signature.subarray(0, 32);
  const isReduced = littleEndian(signature.subarray(32)) < ORDER;
  return isReduced && isCanonicalPoint(r) && !LOW_ORDER.has(hex(r));
}

/**
 * Whether a signature fits, by the curve's arithmetic: what {@link VerifyingKey.verify} does where Web Crypto is not
 * strict. The key was checked.
 */
export async function isSignedStrictly(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { fitsWithoutCofactor } = await import('./curve.js');
  return isWellFormed(signature) && fitsWithoutCofactor(key, message, signature);
}

async function importForVerifying(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey | undefined> {
  if (!(await isPlatformStrict())) {
    return undefined;
  }
  return crypto.subtle.importKey('raw', bytes, ED25519, false, ['verify']);
}

let platform: Promise<boolean> | undefined;

/** Whether Web Crypto knows Ed25519 and leaves the cofactor out of the equation, as not every one does. */
export function isPlatformStrict(): Promise<boolean> {
  platform ??= tryPlatform();
  return platform;
}

/**
 * A key with a part of low order and two signatures under it, over messages of one byte: the first fits with
 * and without the cofactor, the second only with it.
 */
const TRIAL = {
  key: 'f5b759d5d9ce75d28c8e336ffd4bf1ab0c4ca45bedffea260febfcb611351291',
  r: 'fd687fe3c2e6f1eb3c6b389cb51c0a2a90a32ca78f9710252a7ef4332d631353',
  strict: { message: '01', s: '56a22d1a5c3ff117e7a16156a6cf57ecf157501289e9aa0d8b0158e383bde402' },
  loose: { message: '00', s: 'f06233c2db84918e8cc581f302ef93f7cf843addba7215b47470efadd2acb20b' },
};

async function tryPlatform(): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', fromHex(TRIAL.key), ED25519, false, ['verify']);
    const fits = ({ message, s }: { message: string; s: string }): Promise<boolean> =>
      crypto.subtle.verify(ED25519, key, fromHex(TRIAL.r + s), fromHex(message));
    return (await fits(TRIAL.strict)) && !(await fits(TRIAL.loose));
  } catch {
    return false;
  }
}
