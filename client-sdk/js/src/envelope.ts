// The unit that brokers route: a header, a body, and a signature over both (docs/protocol.md, section 4).

import { concat, EMPTY, fromHex, lengthPrefixed, sha256Hex, u64, utf8 } from './bytes.js';
import { DecodeError } from './decode_error.js';
import { ENVELOPE_BYTES_MAX, HEADER_BYTES_MAX, PROTOCOL_VERSION } from './limits.js';
import { parseContentType } from './name.js';
import type { Suite } from './suite.js';
import { parseTopic } from './topic.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import { Fields } from './wire/fields.js';

/** How far an envelope may travel. */
export type Scope = 'organisation' | 'federation';

/** What a broker reads of an envelope: everything but the body. */
export interface Header {
  /** How the body is sealed; 0 = open. */
  readonly suite: Suite;
  readonly topic: string;
  /** Principal id of whoever published it, 64 hexadecimal digits. */
  readonly publisher: string;
  /** One run of the publisher, 32 hexadecimal digits. */
  readonly boot: string;
  /** Number within (publisher, boot, topic), from 0 without gaps. */
  readonly sequence: bigint;
  /** When it was made, by the publisher's clock, microseconds since 1970. */
  readonly timeUs: bigint;
  /** What it is sealed to; 0 exactly where `suite` is 0. */
  readonly epoch: bigint;
  /** Id of the key header, 32 hexadecimal digits; undefined exactly where `suite` is 0. */
  readonly keyHeader?: string | undefined;
  /** Hash of the publisher's envelope before this one on the topic; undefined with the first. */
  readonly previous?: string | undefined;
  readonly contentType: string;
  /** Samples in the body; 0 where it holds something else. */
  readonly sampleCount: number;
  readonly flags: number;
  /** Seconds after `timeUs` in which it is worth taking; 0 = for ever. */
  readonly expiryS: number;
  readonly scope: Scope;
  /** Principal id of the node that signed in the publisher's place; undefined where the publisher did. */
  readonly attester?: string | undefined;
}

/** An envelope as it was received: well formed, nothing said about its signature. */
export interface Envelope {
  readonly header: Header;
  /** The header as it was signed. */
  readonly headerBytes: Uint8Array;
  /** The body, sealed unless the header's suite is 0. */
  readonly body: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  /** The whole as it was received. */
  readonly encoded: Uint8Array;
}

const CONTEXT = utf8('sekisho-envelope-v1\0');
const VOUCHER_CONTEXT = utf8('sekisho-voucher-v1\0');
const FLAGS_CRITICAL = 0xffff_0000;
const SCOPES: readonly Scope[] = ['organisation', 'federation'];
const HEADER = new Fields('header');
const ENVELOPE = new Fields('envelope');

/** The bytes of a header, to be signed and sent. */
export function encodeHeader(header: Header): Uint8Array<ArrayBuffer> {
  return encode('Header', {
    version: PROTOCOL_VERSION,
    suite: header.suite,
    topic: header.topic,
    publisher: fromHex(header.publisher),
    boot: fromHex(header.boot),
    sequence: header.sequence,
    timeUs: header.timeUs,
    epoch: header.epoch,
    keyHeader: bytesOf(header.keyHeader),
    previous: bytesOf(header.previous),
    contentType: header.contentType,
    sampleCount: header.sampleCount,
    flags: header.flags,
    expiryS: header.expiryS,
    scope: SCOPES.indexOf(header.scope),
    attester: bytesOf(header.attester),
  });
}

function bytesOf(id: string | undefined): Uint8Array {
  return id === undefined ? EMPTY : fromHex(id);
}

/**
 * Reads a header.
 *
 * @throws DecodeError where it is none, not in its one encoding, of another version, or a field is out of
 * its range.
 */
export function decodeHeader(bytes: Uint8Array): Header {
  const wire = decodeCanonical('Header', HEADER.message, HEADER_BYTES_MAX, bytes);
  HEADER.version(wire.version);
  const scope = SCOPES[wire.scope];
  if (scope === undefined) {
    throw HEADER.refusal('scope', '0 organisation or 1 federation', `${wire.scope}`);
  }
  const header: Header = {
    suite: HEADER.suite('suite', wire.suite),
    topic: HEADER.parse('topic', wire.topic, parseTopic),
    publisher: HEADER.id('publisher', wire.publisher),
    boot: HEADER.id('boot', wire.boot, 16),
    sequence: wire.sequence,
    timeUs: wire.timeUs,
    epoch: wire.epoch,
    keyHeader: HEADER.idOptional('key_header', wire.keyHeader, 16),
    previous: HEADER.idOptional('previous', wire.previous),
    contentType: HEADER.parse('content_type', wire.contentType, parseContentType),
    sampleCount: wire.sampleCount,
    flags: wire.flags,
    expiryS: wire.expiryS,
    scope,
    attester: HEADER.idOptional('attester', wire.attester),
  };
  checkHeader(header);
  return header;
}

function checkHeader(header: Header): void {
  const isOpen = header.suite === 0;
  const isAlike = isOpen === (header.keyHeader === undefined) && isOpen === (header.epoch === 0n);
  HEADER.require('suite', 'key header and epoch exactly where the suite is not open', isAlike, header.suite);
  const isPlain = header.attester === undefined || isOpen;
  HEADER.require('attester', 'an open body where a node attests: nobody sealed it', isPlain, header.suite);
  const isKnown = (header.flags & FLAGS_CRITICAL) === 0;
  HEADER.require('flags', 'no unknown critical flag', isKnown, `0x${header.flags.toString(16)}`);
}

/**
 * Reads an envelope, its header included; its parts share the memory of the whole.
 *
 * @throws DecodeError as {@link decodeHeader}, or where the signature has not 64 bytes.
 */
export function decodeEnvelope(encoded: Uint8Array): Envelope {
  const wire = decodeCanonical('Envelope', ENVELOPE.message, ENVELOPE_BYTES_MAX, encoded);
  const header = decodeHeader(wire.header);
  const signature = ENVELOPE.fixed('signature', wire.signature, 64);
  return { header, headerBytes: wire.header, body: wire.body, signature, encoded };
}

/**
 * Puts an envelope together from an encoded header, the body and the signature over both.
 *
 * @throws DecodeError as {@link decodeEnvelope}.
 */
export function assembleEnvelope(headerBytes: Uint8Array, body: Uint8Array, signature: Uint8Array): Envelope {
  const encoded = encode('Envelope', { header: headerBytes, body, signature });
  if (encoded.length > ENVELOPE_BYTES_MAX) {
    throw new DecodeError(
      'oversized',
      ENVELOPE.message,
      `at most ${ENVELOPE_BYTES_MAX} bytes`,
      `${encoded.length}`,
    );
  }
  return decodeEnvelope(encoded);
}

/** What an envelope's signature covers. */
export function envelopeSigningInput(headerBytes: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(CONTEXT, u64(headerBytes.length), headerBytes, body);
}

/** An envelope's identity, whatever its signature: SHA-256 of what the signature covers. */
export function envelopeHash(headerBytes: Uint8Array, body: Uint8Array): string {
  return sha256Hex(CONTEXT, u64(headerBytes.length), headerBytes, body);
}

/** What a home's node signs when it has an envelope that was carried to it. */
export function voucherSigningInput(hash: string): Uint8Array<ArrayBuffer> {
  return concat(VOUCHER_CONTEXT, lengthPrefixed(fromHex(hash)));
}
