// Key files: the same text that every program of the project writes, and nothing that is only like it.

import { describe, expect, test } from 'vitest';
import { hex, sha256Hex, utf8 } from '../src/bytes.js';
import { ParseError } from '../src/decode_error.js';
import { fingerprint, publicKeyOfSeed, seedIdentity } from '../src/identity.js';
import { formatIdentityFile, parseIdentityFile } from '../src/identity_file.js';

const seeds = {
  signingSeed: new Uint8Array(32).fill(1),
  kemSuite: 2,
  kemSeed: new Uint8Array(32).fill(2),
} as const;
const file = { kind: 'device', organisation: 'fujisawa', name: 'truck-17', seeds } as const;

/** As crates/seal writes it. */
async function wanted(): Promise<string> {
  const lines = [
    'sekisho key file, version 1',
    'kind: device',
    'organisation: fujisawa',
    'name: truck-17',
    `public-key: ${hex(await publicKeyOfSeed(seeds.signingSeed))}`,
    `signing-seed: ${'01'.repeat(32)}`,
    'kem-suite: xwing-aes256gcm',
    `kem-seed: ${'02'.repeat(32)}`,
  ];
  const text = `${lines.join('\n')}\n`;
  return `${text}checksum: ${sha256Hex(utf8(text))}\n`;
}

test('a file is written as every program writes it, and read again', async () => {
  expect(await formatIdentityFile(file)).toBe(await wanted());
  expect(await parseIdentityFile(await wanted())).toEqual(file);
});

test('the identity of a file has its keys', async () => {
  const { seeds: read } = await parseIdentityFile(await wanted());
  const identity = await seedIdentity(read);
  expect(identity.kemPublicKey).toHaveLength(1216);
  expect(fingerprint(identity.id)).toBe(identity.id.slice(0, 16));
});

describe('what is only like a file is none', () => {
  test('whatever character is another', async () => {
    const text = await wanted();
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === '3' ? '4' : '3';
      const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      await expect(parseIdentityFile(changed), changed).rejects.toThrow(ParseError);
    }
  });

  test('with less or more', async () => {
    const text = await wanted();
    for (const changed of ['', text.slice(0, -1), `${text}\n`, ` ${text}`, text.replaceAll('\n', '\r\n')]) {
      await expect(parseIdentityFile(changed)).rejects.toThrow(ParseError);
    }
  });
});
