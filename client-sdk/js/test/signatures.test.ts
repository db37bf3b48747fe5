// Signatures are judged as ed25519-dalek's verify_strict judges them, by Web Crypto and by the curve's arithmetic
// alike: the vectors of project Wycheproof (Apache-2.0), and the twelve cases on which verifiers disagree, made here.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, littleEndian, utf8 } from '../src/bytes.js';
import { seedIdentity } from '../src/identity.js';
import { isPlatformStrict, isSignedStrictly, KeyError, VerifyingKey } from '../src/seal/signature.js';

const { Point } = ed25519;
type CurvePoint = InstanceType<typeof Point>;
const ORDER = Point.Fn.ORDER;
const LOW = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');

/** What Web Crypto and the curve's arithmetic say. */
async function judged(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean[]> {
  let parsed: VerifyingKey;
  try {
    parsed = VerifyingKey.parse(key);
  } catch (cause) {
    expect(cause).toBeInstanceOf(KeyError);
    return [false, false];
  }
  const byPlatform = await parsed.verify(message, signature);
  return [byPlatform, await isSignedStrictly(key, message, signature)];
}

test('this platform leaves the cofactor out, so that it is used', async () => {
  expect(await isPlatformStrict()).toBe(true);
});

interface Project {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
      readonly comment: string;
    }[];
  }[];
}

/** The vectors where Cargo has them: the Rust side is judged by the same. */
function wycheproof(): Project {
  const cwd = join(import.meta.dirname, '../../..');
  const told = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { packages } = JSON.parse(told) as { packages: { name: string; manifest_path: string }[] };
  const found = packages.find(({ name }) => name === 'wycheproof');
  if (found === undefined) throw new Error('wanted the package wycheproof in Cargo.lock, found none');
  const file = join(dirname(found.manifest_path), 'src/data/ed25519_test.json');
  return JSON.parse(readFileSync(file, 'utf8')) as Project;
}

test('every signature is judged as Wycheproof says', async () => {
  const { testGroups } = wycheproof();
  let judgements = 0;
  for (const { publicKey, tests } of testGroups) {
    for (const { msg, sig, result, comment } of tests) {
      const found = await judged(fromHex(publicKey.pk), fromHex(msg), fromHex(sig));
      expect(found, comment).toEqual([result === 'valid', result === 'valid']);
      judgements += 1;
    }
  }
  expect(judgements).toBeGreaterThanOrEqual(150);
});

function bytesOf(scalar: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((scalar >> BigInt(8 * at)) & 0xffn));
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concat(r, key, message))) % ORDER;
}

/** The first message of one byte for which something holds. */
function messageFor(holds: (message: Uint8Array) => boolean): Uint8Array {
  for (let byte = 0; byte < 256; byte += 1) {
    const message = Uint8Array.of(byte);
    if (holds(message)) {
      return message;
    }
  }
  throw new Error('no message of one byte');
}

const SECRET = 123_456_789_987_654_321n;
const NONCE = 998_877_665_544_332_211n;

/** A signature of a key a·B + A' with R = r·B + R', over a message for which the equation holds or not. */
function made(parts: { a?: CurvePoint; r?: CurvePoint; isStrict: boolean }) {
  const a = Point.BASE.multiply(SECRET).add(parts.a ?? Point.ZERO);
  const r = Point.BASE.multiply(NONCE).add(parts.r ?? Point.ZERO);
  const [key, encoded] = [a.toBytes(), r.toBytes()];
  const scalarOf = (message: Uint8Array) => (NONCE + challenge(encoded, key, message) * SECRET) % ORDER;
  const holds = (message: Uint8Array) => {
    const k = challenge(encoded, key, message);
    return Point.BASE.multiply(scalarOf(message)).equals(r.add(a.multiplyUnsafe(k)));
  };
  const message = messageFor((tried) => holds(tried) === parts.isStrict);
  return { key, message, signature: concat(encoded, bytesOf(scalarOf(message))) };
}

describe('what verifiers disagree about', () => {
  test('0: a key and an R of low order fit many messages, and count for none', async () => {
    const key = LOW.toBytes();
    const message = messageFor((tried) => {
      const k = challenge(key, key, tried);
      return LOW.add(LOW.multiplyUnsafe(k)).is0();
    });
    expect(await judged(key, message, concat(key, new Uint8Array(32)))).toEqual([false, false]);
  });

  test('1: a key of low order counts for nothing, whatever R', async () => {
    const r = Point.BASE.multiply(NONCE).add(LOW);
    const [key, encoded] = [LOW.toBytes(), r.toBytes()];
    const message = messageFor((tried) => LOW.add(LOW.multiplyUnsafe(challenge(encoded, key, tried))).is0());
    expect(await judged(key, message, concat(encoded, bytesOf(NONCE)))).toEqual([false, false]);
  });

  test('2: an R of low order is refused though the equation holds', async () => {
    const key = Point.BASE.multiply(SECRET).toBytes();
    for (const r of [LOW, Point.ZERO]) {
      const message = utf8('any');
      const s = (challenge(r.toBytes(), key, message) * SECRET) % ORDER;
      expect(await judged(key, message, concat(r.toBytes(), bytesOf(s)))).toEqual([false, false]);
    }
  });

  test('3: a key and an R with a part of low order are taken where the equation holds', async () => {
    const { key, message, signature } = made({ a: LOW, r: LOW, isStrict: true });
    expect(await judged(key, message, signature)).toEqual([true, true]);
  });

  test('4: they are refused where it holds with the cofactor alone', async () => {
    const { key, message, signature } = made({ a: LOW, r: LOW, isStrict: false });
    expect(await judged(key, message, signature)).toEqual([false, false]);
  });

  test('5: so is a mixed key with a plain R', async () => {
    const strict = made({ a: LOW, isStrict: true });
    expect(await judged(strict.key, strict.message, strict.signature)).toEqual([true, true]);
    const loose = made({ a: LOW, isStrict: false });
    expect(await judged(loose.key, loose.message, loose.signature)).toEqual([false, false]);
  });

  test('6 and 7: an S that is not reduced is refused', async () => {
    const { key, message, signature } = made({ isStrict: true });
    expect(await judged(key, message, signature)).toEqual([true, true]);
    const s = littleEndian(signature.subarray(32));
    for (const times of [1n, 2n, 8n, 15n]) {
      const larger = concat(signature.subarray(0, 32), bytesOf(s + times * ORDER));
      expect(await judged(key, message, larger), `${times}`).toEqual([false, false]);
    }
  });

  const NOT_REDUCED = ['ed', 'ee'].flatMap((low) =>
    ['7f', 'ff'].map((high) => `${low}${'ff'.repeat(30)}${high}`),
  );

  test('8 and 9: an R in another encoding is refused', async () => {
    const key = Point.BASE.multiply(SECRET).toBytes();
    for (const encoding of [...NOT_REDUCED, `01${'00'.repeat(30)}80`, `ec${'ff'.repeat(31)}`]) {
      const r = fromHex(encoding);
      const s = (challenge(r, key, utf8('any')) * SECRET) % ORDER;
      expect(await judged(key, utf8('any'), concat(r, bytesOf(s)))).toEqual([false, false]);
    }
  });

  test('10 and 11: a key in another encoding is none', () => {
    const others = ['f0', 'f3', 'ff'].map((low) => `${low}${'ff'.repeat(30)}7f`);
    for (const encoding of [...NOT_REDUCED, ...others]) {
      expect(() => VerifyingKey.parse(fromHex(encoding)), encoding).toThrow(KeyError);
    }
  });
});

test('every point of low order and what is no point is no key', () => {
  for (let times = 0n; times < 8n; times += 1n) {
    const point = times === 0n ? Point.ZERO : LOW.multiplyUnsafe(times);
    expect(() => VerifyingKey.parse(point.toBytes())).toThrow(KeyError);
  }
  expect(() => VerifyingKey.parse(fromHex(`02${'00'.repeat(31)}`))).toThrow(KeyError);
  for (const length of [0, 31, 33]) {
    expect(() => VerifyingKey.parse(new Uint8Array(length).fill(5))).toThrow(KeyError);
  }
});

test('a point is known as one as the curve knows it', () => {
  for (let first = 0; first < 256; first += 1) {
    const bytes = sha512(Uint8Array.of(first)).slice(0, 32);
    let isPoint = true;
    try {
      Point.fromBytes(bytes, false);
    } catch {
      isPoint = false;
    }
    const parse = () => VerifyingKey.parse(bytes);
    if (isPoint) {
      expect(hex(parse().bytes)).toBe(hex(bytes));
    } else {
      expect(parse).toThrow(KeyError);
    }
  }
});

test('what an identity signs is its own, and only over its message', async () => {
  const seeds = {
    signingSeed: new Uint8Array(32).fill(1),
    kemSuite: 1,
    kemSeed: new Uint8Array(32).fill(2),
  } as const;
  const identity = await seedIdentity(seeds);
  const signature = await identity.sign(utf8('sekisho'));
  expect(await judged(identity.publicKey, utf8('sekisho'), signature)).toEqual([true, true]);
  expect(await judged(identity.publicKey, utf8('sekishO'), signature)).toEqual([false, false]);
  for (let bit = 0; bit < 512; bit += 7) {
    const changed = Uint8Array.from(signature);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await judged(identity.publicKey, utf8('sekisho'), changed)).toEqual([false, false]);
  }
});
