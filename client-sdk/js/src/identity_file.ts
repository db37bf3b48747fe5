// The text of a key file, as every program of the project writes and reads it:
//
//   sekisho key file, version 1
//   kind: device
//   organisation: fujisawa
//   name: truck-17
//   public-key: 64 hexadecimal digits
//   signing-seed: 64 hexadecimal digits
//   kem-suite: xwing-aes256gcm
//   kem-seed: 64 hexadecimal digits
//   checksum: 64 hexadecimal digits, SHA-256 of everything before its line

import { equal, fromHex, hex, sha256Hex, utf8 } from './bytes.js';
import { ParseError } from './decode_error.js';
import { type IdentitySeeds, publicKeyOfSeed } from './identity.js';
import { parseLocalName, parseOrganisation } from './name.js';
import { PRINCIPAL_KINDS } from './statement/body.js';
import { type SealingSuite, type Suite, suiteName } from './suite.js';

const FIRST_LINE = 'sekisho key file, version 1';
const NAMES = [
  'kind',
  'organisation',
  'name',
  'public-key',
  'signing-seed',
  'kem-suite',
  'kem-seed',
  'checksum',
] as const;
/** What a key file's keys may be for. */
const KINDS: readonly string[] = ['root', 'issuer', ...PRINCIPAL_KINDS];
const DIGITS = /^[0-9a-f]{64}$/;

/** Whose keys a file holds, and the keys. */
export interface IdentityFile {
  /** A kind of principal, `root` or `issuer`. */
  readonly kind: string;
  readonly organisation: string;
  /** The part before the `@`. */
  readonly name: string;
  readonly seeds: IdentitySeeds;
}

/** The text of a key file. It is a secret. */
export async function formatIdentityFile(file: IdentityFile): Promise<string> {
  const { kind, organisation, name, seeds } = file;
  const lines = [
    FIRST_LINE,
    `kind: ${kind}`,
    `organisation: ${organisation}`,
    `name: ${name}`,
    `public-key: ${hex(await publicKeyOfSeed(seeds.signingSeed))}`,
    `signing-seed: ${hex(seeds.signingSeed)}`,
    `kem-suite: ${suiteName(seeds.kemSuite)}`,
    `kem-seed: ${hex(seeds.kemSeed)}`,
    '',
  ];
  const text = lines.join('\n');
  return `${text}checksum: ${sha256Hex(utf8(text))}\n`;
}

/**
 * Reads a key file.
 *
 * @throws ParseError, which names the line and never repeats it
 */
export async function parseIdentityFile(text: string): Promise<IdentityFile> {
  const [first, ...lines] = text.split('\n');
  if (first !== FIRST_LINE || lines.length !== NAMES.length + 1 || lines.at(-1) !== '') {
    throw new ParseError('key file', `${FIRST_LINE}, and its eight lines`, 'another text');
  }
  const value = (name: (typeof NAMES)[number], wanted: string, fits: (text: string) => boolean) => {
    const line = lines[NAMES.indexOf(name)] ?? '';
    const found = line.startsWith(`${name}: `) ? line.slice(name.length + 2) : undefined;
    if (found === undefined || !fits(found)) {
      throw new ParseError(`key file: line ${NAMES.indexOf(name) + 2}`, wanted, 'another text');
    }
    return found;
  };
  const digits = (name: (typeof NAMES)[number]) => {
    return value(name, '64 hexadecimal digits', (found) => DIGITS.test(found));
  };
  const kind = value('kind', 'the kind of the key', (found) => KINDS.includes(found));
  const organisation = parseOrganisation(value('organisation', 'an organisation', () => true));
  const name = parseLocalName(value('name', 'a name', () => true));
  const kemSuite = suiteOf(value('kem-suite', 'a suite that seals', (found) => suiteOf(found) > 0));
  const checked = text.slice(0, text.lastIndexOf('checksum: '));
  value('checksum', 'the checksum of the lines before', (found) => found === sha256Hex(utf8(checked)));
  const seeds: IdentitySeeds = {
    signingSeed: fromHex(digits('signing-seed')),
    kemSuite: kemSuite as SealingSuite,
    kemSeed: fromHex(digits('kem-seed')),
  };
  if (!equal(await publicKeyOfSeed(seeds.signingSeed), fromHex(digits('public-key')))) {
    throw new ParseError('key file: line 6', 'the seed of the public key', 'another');
  }
  return { kind, organisation, name, seeds };
}

/** A sealing suite's number; 0 where it is none. */
function suiteOf(name: string): Suite {
  const suites: readonly SealingSuite[] = [1, 2, 3, 4];
  return suites.find((suite) => suiteName(suite) === name) ?? 0;
}
