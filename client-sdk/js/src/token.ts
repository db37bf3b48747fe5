// The one text that a newcomer is given: where to go, whom to trust, who to be, and a secret that proves it
// was invited (docs/protocol.md, section 10).

import { concat, equal, fromUtf8, hex, sha256, u64, utf8 } from './bytes.js';
import { ParseError } from './decode_error.js';
import { ADDRESS_BYTES_MAX } from './limits.js';
import { parsePrincipalName } from './name.js';
import { PRINCIPAL_KINDS, type PrincipalKind } from './statement/body.js';

const PREFIX = 'sekisho-join-v1.';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const CHECK_BYTES = 4;
/** The longest names and address in base 32, rounded up. */
const TEXT_BYTES_MAX = 1024;

/** An invitation. */
export interface JoinToken {
  /** Who the newcomer will be, `name@organisation`. */
  readonly principal: string;
  readonly kind: PrincipalKind;
  /** SHA-256 of the body of the organisation's root statement, hexadecimal. */
  readonly root: string;
  /** The key that the node must prove to hold, hexadecimal. */
  readonly nodeKey: string;
  /** The node's address for QUIC, `host:port`. */
  readonly node: string;
  /** Which invitation it is, 16 bytes. */
  readonly id: Uint8Array;
  /** What proves that its holder was invited, 32 bytes. */
  readonly secret: Uint8Array;
  /** Until when it may be used, exclusive, microseconds since 1970. */
  readonly expiresUs: bigint;
}

/**
 * Reads a token, in upper or lower case, also where a mail or a terminal broke it into lines, and also out of a
 * link that ends in `#join=TOKEN`.
 *
 * @throws ParseError. It never shows the text, which is a secret.
 */
export function parseJoinToken(text: string): JoinToken {
  const lower = text
    .replace(/^.*#join=/s, '')
    .replace(/\s+/g, '')
    .toLowerCase();
  if (!lower.startsWith(PREFIX)) {
    throw new ParseError('join token', `it to begin with ${PREFIX}`, 'another beginning');
  }
  const bytes = fromBase32(lower.slice(PREFIX.length));
  const split = bytes.length - CHECK_BYTES;
  if (split < 0 || !equal(sha256(bytes.subarray(0, split)).subarray(0, CHECK_BYTES), bytes.subarray(split))) {
    throw new ParseError('join token', 'its check digits to fit', 'a slip');
  }
  return new Fields(bytes.subarray(0, split)).token();
}

/** The token as text. Whoever reads it can join: it is a secret. */
export function formatJoinToken(token: JoinToken): string {
  const { name, organisation } = parsePrincipalName(token.principal);
  const address = utf8(token.node);
  if (address.length > ADDRESS_BYTES_MAX) {
    throw new ParseError('address', `at most ${ADDRESS_BYTES_MAX} bytes`, `${address.length}`);
  }
  const content = concat(
    short(organisation),
    short(name),
    Uint8Array.of(PRINCIPAL_KINDS.indexOf(token.kind) + 1),
    exactly(token.root, 'root'),
    exactly(token.nodeKey, 'node key'),
    Uint8Array.of(address.length >> 8, address.length & 0xff),
    address,
    token.id,
    token.secret,
    u64(BigInt.asUintN(64, token.expiresUs)),
  );
  return PREFIX + toBase32(concat(content, sha256(content).subarray(0, CHECK_BYTES)));
}

class Fields {
  constructor(private left: Uint8Array) {}

  token(): JoinToken {
    const organisation = this.short('an organisation');
    const principal = parsePrincipalName(`${this.short('a name')}@${organisation}`).text;
    const number = this.number(1, 'a kind');
    const kind = PRINCIPAL_KINDS[number - 1];
    if (kind === undefined) {
      throw new ParseError('join token', 'a kind from 1 to 6', String(number));
    }
    const root = hex(this.take(32, 'a root fingerprint'));
    const nodeKey = hex(this.take(32, 'a node key'));
    const node = this.text(this.number(2, 'an address'), 'an address');
    const id = this.take(16, 'a token id').slice();
    const secret = this.take(32, 'a secret').slice();
    const expiresUs = BigInt.asIntN(64, BigInt(`0x${hex(this.take(8, 'an expiry'))}`));
    if (this.left.length > 0) {
      throw new ParseError('join token', 'nothing more', `${this.left.length} bytes`);
    }
    return { principal, kind, root, nodeKey, node, id, secret, expiresUs };
  }

  private short(wanted: string): string {
    return this.text(this.number(1, wanted), wanted);
  }

  private number(bytes: number, wanted: string): number {
    return this.take(bytes, wanted).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  private text(length: number, wanted: string): string {
    const bytes = this.take(length, wanted);
    try {
      return fromUtf8(bytes);
    } catch {
      throw new ParseError('join token', wanted, 'no text');
    }
  }

  private take(length: number, wanted: string): Uint8Array {
    if (this.left.length < length) {
      throw new ParseError('join token', wanted, 'its end');
    }
    const taken = this.left.subarray(0, length);
    this.left = this.left.subarray(length);
    return taken;
  }
}

function short(text: string): Uint8Array {
  const bytes = utf8(text);
  return concat(Uint8Array.of(bytes.length), bytes);
}

function exactly(digits: string, thing: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new ParseError(thing, '64 hexadecimal digits', `${digits.length} characters`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((value >> bits) & 31);
    }
  }
  return bits > 0 ? text + ALPHABET.charAt((value << (5 - bits)) & 31) : text;
}

function fromBase32(text: string): Uint8Array {
  const fault = () => new ParseError('join token', 'base 32', 'another text');
  if (text.length > TEXT_BYTES_MAX) {
    throw fault();
  }
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) {
      throw fault();
    }
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  if (bits >= 5 || (value & ((1 << bits) - 1)) !== 0) {
    throw fault();
  }
  return Uint8Array.from(bytes);
}
