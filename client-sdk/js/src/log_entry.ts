// The entries of an organisation's two logs (docs/protocol.md, sections 9.6 and 9.7).

import { EMPTY, fromHex } from './bytes.js';
import { parseFilter } from './filter.js';
import { LOG_ENTRY_BYTES_MAX } from './limits.js';
import { parsePrincipalName } from './name.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import { Fields } from './wire/fields.js';

/** A statement of the control log, and when the organisation's node logged it. */
export interface LogEntry {
  readonly receivedUs: bigint;
  readonly statement: Uint8Array;
}

/** Every kind of access, by ascending number from 1. */
export const ACCESS_KINDS = ['session', 'key-release', 'history', 'erasure', 'administration'] as const;

/** A kind of access. */
export type AccessKind = (typeof ACCESS_KINDS)[number];

/** An entry of the access log: it says nothing about anybody. */
export interface AccessEntry {
  readonly kind: AccessKind;
  /** The time, cut to the hour. */
  readonly hourUs: bigint;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** What an entry of the access log commits to. */
export interface AccessRecord {
  readonly kind: AccessKind;
  readonly subject: string;
  readonly id: string;
  readonly topics?: string | undefined;
  readonly fromPosition?: bigint | undefined;
  readonly toPosition?: bigint | undefined;
  readonly epoch?: bigint | undefined;
  readonly purpose: string;
  readonly timeUs: bigint;
}

const HOUR_US = 3_600_000_000n;
const KIND_WANTED = 'a kind from 1 to 5';
const LOG_ENTRY = new Fields('log entry');
const ACCESS_ENTRY = new Fields('access entry');
const ACCESS_RECORD = new Fields('access record');

/** The bytes of a control log's entry. */
export function encodeLogEntry(entry: LogEntry): Uint8Array<ArrayBuffer> {
  return encode('LogEntry', entry);
}

/** @throws DecodeError where it is no entry of a control log. */
export function decodeLogEntry(bytes: Uint8Array): LogEntry {
  const wire = decodeCanonical('LogEntry', LOG_ENTRY.message, LOG_ENTRY_BYTES_MAX, bytes);
  return { receivedUs: wire.receivedUs, statement: wire.statement };
}

/** The bytes of an access log's entry. */
export function encodeAccessEntry(entry: AccessEntry): Uint8Array<ArrayBuffer> {
  const { hourUs, commitment } = entry;
  return encode('AccessEntry', { kind: ACCESS_KINDS.indexOf(entry.kind) + 1, hourUs, commitment });
}

/** @throws DecodeError where it is no entry of an access log. */
export function decodeAccessEntry(bytes: Uint8Array): AccessEntry {
  const wire = decodeCanonical('AccessEntry', ACCESS_ENTRY.message, LOG_ENTRY_BYTES_MAX, bytes);
  ACCESS_ENTRY.require('hour_us', 'a full hour', wire.hourUs % HOUR_US === 0n, wire.hourUs);
  return {
    kind: ACCESS_ENTRY.numbered('kind', KIND_WANTED, ACCESS_KINDS, wire.kind),
    hourUs: wire.hourUs,
    commitment: ACCESS_ENTRY.fixed('commitment', wire.commitment, 32),
  };
}

/** The bytes of an access record. */
export function encodeAccessRecord(record: AccessRecord): Uint8Array<ArrayBuffer> {
  const positions = {
    ...(record.fromPosition === undefined ? {} : { fromPosition: record.fromPosition }),
    ...(record.toPosition === undefined ? {} : { toPosition: record.toPosition }),
  };
  return encode('AccessRecord', {
    kind: ACCESS_KINDS.indexOf(record.kind) + 1,
    subject: record.subject,
    id: record.id === '' ? EMPTY : fromHex(record.id),
    topics: record.topics ?? '',
    ...positions,
    epoch: record.epoch ?? 0n,
    purpose: record.purpose,
    timeUs: record.timeUs,
  });
}

/** @throws DecodeError where it is no access record. */
export function decodeAccessRecord(bytes: Uint8Array): AccessRecord {
  const wire = decodeCanonical('AccessRecord', ACCESS_RECORD.message, LOG_ENTRY_BYTES_MAX, bytes);
  return {
    kind: ACCESS_RECORD.numbered('kind', KIND_WANTED, ACCESS_KINDS, wire.kind),
    subject: ACCESS_RECORD.parse('subject', wire.subject, parsePrincipalName).text,
    id: ACCESS_RECORD.id('id', wire.id),
    topics: ACCESS_RECORD.parseOptional('topics', wire.topics, parseFilter),
    fromPosition: wire.fromPosition,
    toPosition: wire.toPosition,
    epoch: wire.epoch === 0n ? undefined : wire.epoch,
    purpose: ACCESS_RECORD.signedText('purpose', wire.purpose),
    timeUs: wire.timeUs,
  };
}
