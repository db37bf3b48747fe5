// What a subscriber gets: messages whose publisher is proven, and what is missing between them. Loss is a
// value here, so that every subscriber decides what to do about it.

import type { GapReasonName } from './code.js';
import {
  decodeSampleBatch,
  rowsOf,
  SAMPLES_CONTENT_TYPE,
  type SampleRow,
  type SampleValue,
} from './sample.js';
import { BodyError, type RejectedRecord, type Verified } from './trust/verifier.js';
import type { Gap as GapFrame, Record as RecordFrame } from './wire/sekisho_pb.js';

/** One step of a subscription. */
export type Delivery = Message | Gap | Rejected | Live;

/** One value of a sample. Integers are `bigint` as they travel; floats are `number`. */
export interface Value {
  readonly value: number | bigint | string | boolean | Uint8Array;
  /** UCUM; empty where the stream's description says it. */
  readonly unit: string;
}

/** What was measured at one time. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The same, exactly, in microseconds. */
  readonly timeUs: bigint;
  /** By transducer. Where one has several units or kinds at one time, the last counts. */
  readonly values: ReadonlyMap<string, Value>;
}

/** Which statement gave the key that opened a message. */
export interface KeyGrantFacts {
  /** What it was given for, in the words of who gave it. */
  readonly purpose: string;
  /** The topics of the epoch, a filter. */
  readonly tree: string;
  readonly epoch: number;
  /** The statement's id, hexadecimal: it is in the control log. */
  readonly statement: string;
}

/** Records that do not come. */
export interface Gap {
  readonly kind: 'gap';
  /** The first position passed over. */
  readonly from: number;
  /** Where delivery goes on: the exclusive end. */
  readonly to: number;
  /** `withheld`: they are missing in their publisher's numbering and the node did not say why. */
  readonly reason: GapReasonName;
  /** Where they are of one topic. */
  readonly topic?: string;
}

/** A record that was not taken for a message: it is never shown as a reading. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly position: number;
  readonly topic?: string;
  readonly reason: RejectedRecord['reason'];
  /** What was wanted, and what was found. */
  readonly detail: string;
}

/** What was kept has been told; from here on it is live. Comes once in a subscription. */
export interface Live {
  readonly kind: 'live';
}

/**
 * An envelope whose signature is its publisher's, or that of the node that attests for it, with the names
 * of both proven by signed statements up to the pinned root.
 */
export interface Message {
  readonly kind: 'message';
  readonly topic: string;
  /** Who published it, `name@organisation`. */
  readonly publisher: string;
  /** The publisher's principal id, hexadecimal. */
  readonly publisherId: string;
  /** The node that signed in the publisher's place: nothing but its word says that the publisher sent it. */
  readonly attester?: string;
  /** Its place in the node's log: what a cursor holds. */
  readonly position: number;
  /** Its place in the topic's log at the topic's home. */
  readonly offset: number;
  /** When the home received it, as the nodes say, milliseconds since 1970. */
  readonly received: number;
  /**
   * When it came here, by the clock of this client's node, milliseconds since 1970. Absent where it lay at that node
   * before this client asked for it: how long it took to there nobody says.
   */
  readonly arrived?: number;
  /** When it was made, as its publisher signed, milliseconds since 1970. */
  readonly time: number;
  /** The same, exactly, in microseconds. */
  readonly timeUs: bigint;
  readonly contentType: string;
  /** How many samples the publisher says it holds. */
  readonly sampleCount: number;
  /** Whether its body was sealed on the way. */
  readonly sealed: boolean;
  /** The body, opened, or why it cannot be. */
  readonly body: Uint8Array | BodyError;
  /** The encoded envelope, as it was signed. */
  readonly envelope: Uint8Array;
  /** The envelope's hash, hexadecimal. */
  readonly hash: string;
  /** The run of its publisher, hexadecimal, and its number in it. */
  readonly boot: string;
  readonly sequence: bigint;
  /** What gave this subscriber the key. */
  readonly keyGrant?: KeyGrantFacts;
  /**
   * The samples it carries.
   *
   * @throws {@link BodyError} where it cannot be opened, or holds something else
   */
  samples(): Sample[];
}

/**
 * How late it is told what was measured at `time`, milliseconds: until it was here, where it came as news, and until
 * its home had it, where only its reader comes later. A clock on the way that is ahead does not hide that another
 * saw it late.
 */
export function lateBy({ received, arrived }: Pick<Message, 'received' | 'arrived'>, time: number): number {
  return Math.max(received, arrived ?? received) - time;
}

/** A verified record as a message; `arrived` where it came as news. */
export function messageOf(record: RecordFrame, verified: Verified, arrived: number | undefined): Message {
  const { header, body, attester, keyGrant } = verified;
  return {
    kind: 'message',
    topic: header.topic,
    publisher: verified.publisher.name,
    publisherId: header.publisher,
    ...(attester === undefined ? {} : { attester: attester.name }),
    position: Number(record.position),
    offset: Number(record.offset),
    received: Number(record.receivedUs) / 1000,
    ...(arrived === undefined ? {} : { arrived }),
    time: Number(header.timeUs) / 1000,
    timeUs: header.timeUs,
    contentType: header.contentType,
    sampleCount: header.sampleCount,
    sealed: header.suite !== 0,
    body,
    envelope: verified.envelope.encoded,
    hash: verified.hash,
    boot: header.boot,
    sequence: header.sequence,
    ...(keyGrant === undefined ? {} : { keyGrant: factsOf(keyGrant) }),
    samples: () => samplesOf(header.contentType, body),
  };
}

function factsOf({ purpose, tree, epoch, statement }: NonNullable<Verified['keyGrant']>): KeyGrantFacts {
  return { purpose, tree, epoch: Number(epoch), statement };
}

/** A gap as the node told it. */
export function gapOf(frame: GapFrame, reason: GapReasonName): Gap {
  const { fromPosition, toPosition, topic } = frame;
  const gap = { kind: 'gap' as const, from: Number(fromPosition), to: Number(toPosition), reason };
  return topic === '' ? gap : { ...gap, topic };
}

/** A record that was rejected, at its place. */
export function rejectedOf(position: bigint, rejected: RejectedRecord): Rejected {
  return { kind: 'rejected', position: Number(position), ...rejected };
}

function samplesOf(contentType: string, body: Uint8Array | BodyError): Sample[] {
  if (!(body instanceof Uint8Array)) {
    throw body;
  }
  if (contentType !== SAMPLES_CONTENT_TYPE) {
    throw new BodyError('not-samples', `body: wanted samples, found ${contentType}`);
  }
  try {
    return rowsOf(decodeSampleBatch(body)).map(sampleOf);
  } catch (cause) {
    throw new BodyError('samples', 'body: wanted samples that can be read', { cause });
  }
}

function sampleOf(row: SampleRow): Sample {
  const values = new Map<string, Value>();
  for (const { transducer, unit, value } of row.readings) {
    values.set(transducer, { value: value.value, unit });
  }
  return { time: Number(row.timeUs) / 1000, timeUs: row.timeUs, values };
}

/** A plain value as it travels: `bigint` and nothing else becomes an integer. */
export function sampleValue(value: Value['value']): SampleValue {
  switch (typeof value) {
    case 'number':
      return { kind: 'float', value };
    case 'bigint':
      return { kind: 'integer', value };
    case 'string':
      return { kind: 'text', value };
    case 'boolean':
      return { kind: 'boolean', value };
    default:
      return { kind: 'blob', value };
  }
}
