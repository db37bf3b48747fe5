// How one publisher seals to one epoch: made once per (topic, epoch, boot), sent ahead of the envelopes that
// name it (docs/protocol.md, section 5.2).

import { concat, fromHex, hex, lengthPrefixed, sha256, utf8 } from './bytes.js';
import { KEY_HEADER_BYTES_MAX, PROTOCOL_VERSION } from './limits.js';
import type { SealingSuite } from './suite.js';
import { SUITES } from './suite.js';
import { parseTopic } from './topic.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import { Fields } from './wire/fields.js';

/** The signed part of a key header. */
export interface KeyHeaderContent {
  readonly suite: SealingSuite;
  readonly topic: string;
  /** 1 or more. */
  readonly epoch: bigint;
  /** Principal id of whoever seals and signs. */
  readonly publisher: string;
  /** The publisher's run, 32 hexadecimal digits. */
  readonly boot: string;
  /** The KEM's output, as long as the suite says. */
  readonly encapsulation: Uint8Array;
  /** Ties the envelopes' key to this header; 32 bytes. */
  readonly commitment: Uint8Array;
}

/** A key header as it was received: well formed, nothing said about its signature. */
export interface KeyHeader {
  readonly content: KeyHeaderContent;
  /** The content as it was signed. */
  readonly contentBytes: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** The whole as it was received. */
  readonly encoded: Uint8Array;
  /** By this, envelopes name it: 32 hexadecimal digits. */
  readonly id: string;
}

const CONTEXT = utf8('sekisho-key-header-v1\0');
const FIELDS = new Fields('key header');
const CONTENT = new Fields('key header content');
const ID_BYTES = 16;

/** The bytes of a key header's content, to be signed and sent. */
export function encodeKeyHeaderContent(content: KeyHeaderContent): Uint8Array<ArrayBuffer> {
  return encode('KeyHeaderContent', {
    version: PROTOCOL_VERSION,
    suite: content.suite,
    topic: content.topic,
    epoch: content.epoch,
    publisher: fromHex(content.publisher),
    boot: fromHex(content.boot),
    encapsulation: content.encapsulation,
    commitment: content.commitment,
  });
}

function decodeContent(bytes: Uint8Array): KeyHeaderContent {
  const wire = decodeCanonical('KeyHeaderContent', CONTENT.message, KEY_HEADER_BYTES_MAX, bytes);
  CONTENT.version(wire.version);
  const suite = CONTENT.suite('suite', wire.suite);
  const length = wire.encapsulation.length;
  if (suite === 0 || SUITES[suite].encapsulationBytes !== length) {
    throw CONTENT.refusal('encapsulation', 'the length of a sealing suite', `${length}`);
  }
  CONTENT.require('epoch', '1 or more', wire.epoch > 0n, wire.epoch);
  return {
    suite,
    topic: CONTENT.parse('topic', wire.topic, parseTopic),
    epoch: wire.epoch,
    publisher: CONTENT.id('publisher', wire.publisher),
    boot: CONTENT.id('boot', wire.boot, 16),
    encapsulation: wire.encapsulation,
    commitment: CONTENT.fixed('commitment', wire.commitment, 32),
  };
}

/**
 * Reads a key header, its content included.
 *
 * @throws DecodeError where it is none, not in its one encoding, of another version, or a field is out of
 * its range.
 */
export function decodeKeyHeader(encoded: Uint8Array): KeyHeader {
  const wire = decodeCanonical('KeyHeader', FIELDS.message, KEY_HEADER_BYTES_MAX, encoded);
  const content = decodeContent(wire.content);
  const signature = FIELDS.fixed('signature', wire.signature, 64);
  const id = hex(sha256(keyHeaderSigningInput(wire.content)).subarray(0, ID_BYTES));
  return { content, contentBytes: wire.content, signature, encoded, id };
}

/**
 * Puts a key header together from its encoded content and the signature over it.
 *
 * @throws DecodeError as {@link decodeKeyHeader}.
 */
export function assembleKeyHeader(contentBytes: Uint8Array, signature: Uint8Array): KeyHeader {
  return decodeKeyHeader(encode('KeyHeader', { content: contentBytes, signature }));
}

/** What a key header's signature covers. */
export function keyHeaderSigningInput(contentBytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(CONTEXT, lengthPrefixed(contentBytes));
}
