// Decides whether a record is a message. The node is asked for statements, key headers and key grants, and
// believed in nothing: each counts only with the right signature under it.

import { fromHex, hex, sha256Hex } from '../bytes.js';
import { DecodeError } from '../decode_error.js';
import type { Envelope, Header } from '../envelope.js';
import { decodeEnvelope, envelopeSigningInput } from '../envelope.js';
import { filterMatches } from '../filter.js';
import type { Identity } from '../identity.js';
import type { AnswerBody } from '../link.js';
import { Refusal } from '../refusal.js';
import { organisationOf } from '../topic.js';
import type { Record } from '../wire/sekisho_pb.js';
import type { Asker } from './asker.js';
import { BodyError } from './body_error.js';
import type { Directory, Publisher } from './directory.js';
import type { KeyRing, KeySource } from './key_ring.js';
import { findKey } from './key_search.js';
import type { Logs } from './logs.js';

export type { Asker } from './asker.js';
export { BodyError, type BodyFault } from './body_error.js';
export { type KeyGrantSource, KeyRing } from './key_ring.js';

/** Publishers and key headers remembered before all are asked for again; about 1 KiB each. */
const REMEMBERED_MAX = 8192;
/** After this a publisher's statements are asked for again, so that what was stated since counts. */
const PROOF_AGE_MAX_US = 15n * 60n * 1_000_000n;
/** How long a key that was not granted, or a publisher that is not known, is not asked for again. */
const ASK_AGAIN_AFTER_US = 5_000_000n;

/** A record whose publisher is proven and whose signature holds. */
export interface Verified {
  readonly header: Header;
  readonly publisher: Publisher;
  /** The node that signed in the publisher's place. */
  readonly attester?: Publisher;
  readonly envelope: Envelope;
  /** The envelope's hash. */
  readonly hash: string;
  /** The body, opened, or why it cannot be. */
  readonly body: Uint8Array | BodyError;
  /** The statement that gave the key. */
  readonly keyGrant?: KeySource;
}

/** Why a record is not taken for a message. */
export type RejectReason =
  /** It is no envelope. */
  | 'envelope'
  /** It is of a topic that was not asked for. */
  | 'topic'
  /** No trusted statement names its publisher. */
  | 'unknown-publisher'
  /** The publisher was none any more, or not yet proven to be entitled. */
  | 'not-entitled'
  /** It is attested, and not by a node that attests for its publisher. */
  | 'not-attested'
  /** The signature is not the publisher's, or attester's. */
  | 'signature'
  /** Its publisher signed two envelopes for one place. */
  | 'two-stories'
  /** It came before, or after one that its publisher made later. */
  | 'repeated';

/** A record that is not taken for a message. */
export interface RejectedRecord {
  readonly reason: RejectReason;
  readonly topic?: string;
  readonly detail: string;
}

/** What a verifier is made of. */
export interface VerifierParts {
  readonly identity: Identity;
  readonly directory: Directory;
  readonly logs: Logs;
  readonly keyRing: KeyRing;
  readonly filter: string;
  /** Microseconds since 1970. */
  readonly now: () => bigint;
}

interface Remembered<T> {
  readonly found: T;
  readonly asked: bigint;
}

/** One subscription's memory of whom and what it has checked. */
export class RecordVerifier {
  private readonly publishers = new Map<string, Remembered<Publisher | undefined>>();
  private readonly keys = new Map<string, Remembered<KeySource | BodyError>>();

  constructor(private readonly parts: VerifierParts) {}

  /**
   * Checks a record, and opens it where that can be done.
   *
   * @throws whatever the asker throws that is no {@link Refusal}: the record is to be judged again.
   */
  async judge(record: Record, asker: Asker): Promise<Verified | RejectedRecord> {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(record.envelope);
    } catch (cause) {
      if (cause instanceof DecodeError) {
        return { reason: 'envelope', detail: cause.message };
      }
      throw cause;
    }
    const { topic } = envelope.header;
    if (!filterMatches(this.parts.filter, topic)) {
      const detail = `wanted a topic that ${this.parts.filter} matches, found another`;
      return { reason: 'topic', topic, detail };
    }
    return this.judgeEnvelope(record, envelope, asker);
  }

  private async judgeEnvelope(
    record: Record,
    envelope: Envelope,
    asker: Asker,
  ): Promise<Verified | RejectedRecord> {
    const { header } = envelope;
    const { topic } = header;
    const publisher = await this.publisher(header.publisher, asker);
    if (publisher === undefined) {
      const detail = `wanted a publisher that trusted statements name, found ${header.publisher}`;
      return { reason: 'unknown-publisher', topic, detail };
    }
    if (!this.isEntitled(publisher, header, record.receivedUs)) {
      const detail = `wanted a publisher entitled at the time, found ${publisher.name}`;
      return { reason: 'not-entitled', topic, detail };
    }
    const attester = await this.attester(header, publisher, record.receivedUs, asker);
    if (attester === undefined && header.attester !== undefined) {
      const detail = `wanted a node that attests for ${publisher.name}, found ${header.attester}`;
      return { reason: 'not-attested', topic, detail };
    }
    const signer = attester ?? publisher;
    const input = envelopeSigningInput(envelope.headerBytes, envelope.body);
    if (!(await signer.key.verify(input, envelope.signature))) {
      return { reason: 'signature', topic, detail: `wanted a signature of ${signer.name}, found another` };
    }
    const hash = await hashOf(input);
    const verified = { header, publisher, envelope, hash, ...(attester === undefined ? {} : { attester }) };
    return this.opened(verified, record.keyHeader, asker);
  }

  private isEntitled(publisher: Publisher, header: Header, receivedUs: bigint): boolean {
    const isOwn = publisher.organisation === organisationOf(header.topic);
    const { directory } = this.parts;
    return (
      holds(publisher, header.timeUs, receivedUs) &&
      (isOwn || directory.mayPublish(publisher.id, header.topic, receivedUs))
    );
  }

  /** The node that signed in the publisher's place, where the header names one and it may. */
  private async attester(
    header: Header,
    publisher: Publisher,
    receivedUs: bigint,
    asker: Asker,
  ): Promise<Publisher | undefined> {
    if (header.attester === undefined) {
      return undefined;
    }
    const node = await this.publisher(header.attester, asker);
    const isIts =
      node !== undefined && holds(node, header.timeUs, receivedUs) && attestsFor(node, publisher, header);
    return isIts ? node : undefined;
  }

  /** Who is behind a key, asking where that is not known or was long ago. */
  private async publisher(id: string, asker: Asker): Promise<Publisher | undefined> {
    const now = this.parts.now();
    const known = this.publishers.get(id);
    const ageMax = known?.found === undefined ? ASK_AGAIN_AFTER_US : PROOF_AGE_MAX_US;
    if (known !== undefined && isYounger(known, ageMax, now)) {
      return known.found;
    }
    const answer = await askOrNothing(asker, { case: 'principal', value: fromHex(id) });
    if (answer?.case === 'statements') {
      await this.parts.directory.learn(answer.value.statements);
    }
    const found = this.parts.directory.publisher(id);
    remember(this.publishers, id, { found, asked: now });
    return found;
  }

  private async opened(verified: Omit<Verified, 'body'>, sent: Uint8Array, asker: Asker): Promise<Verified> {
    const { header, envelope } = verified;
    if (header.keyHeader === undefined) {
      return { ...verified, body: envelope.body };
    }
    const key = await this.key(verified, header.keyHeader, sent, asker);
    if (key instanceof BodyError) {
      return { ...verified, body: key };
    }
    try {
      return { ...verified, body: await key.opener.open(envelope), keyGrant: key };
    } catch (cause) {
      return {
        ...verified,
        body: new BodyError('open', "body: wanted one that the epoch's key opens", { cause }),
      };
    }
  }

  private async key(
    verified: Omit<Verified, 'body'>,
    id: string,
    sent: Uint8Array,
    asker: Asker,
  ): Promise<KeySource | BodyError> {
    const now = this.parts.now();
    const known = this.keys.get(id);
    const counts =
      known !== undefined &&
      (!(known.found instanceof BodyError) || isYounger(known, ASK_AGAIN_AFTER_US, now));
    if (known !== undefined && counts) {
      return known.found;
    }
    const found = await findKey(this.parts, { id, sent, publisher: verified.publisher }, asker);
    remember(this.keys, id, { found, asked: now });
    return found;
  }
}

/** What is larger is hashed beside this thread; below, getting there costs more than hashing. */
const HASHED_HERE_MAX = 16_384;

/** SHA-256 of what an envelope's signature covers. */
async function hashOf(input: Uint8Array<ArrayBuffer>): Promise<string> {
  if (input.length <= HASHED_HERE_MAX) {
    return sha256Hex(input);
  }
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', input)));
}

/** Whether an envelope made and received then is one of a principal's time in office. */
function holds(publisher: Publisher, madeUs: bigint, receivedUs: bigint): boolean {
  const isBeforeEnd = publisher.untilUs === undefined || madeUs < publisher.untilUs;
  return isBeforeEnd && (publisher.revokedUs === undefined || receivedUs < publisher.revokedUs);
}

/** Whether somebody is a node that signs for the publisher on the topic. */
function attestsFor(node: Publisher, publisher: Publisher, { topic }: Header): boolean {
  const home = node.organisation;
  const isItsNode = node.principalKind === 'node' && publisher.isAttested && publisher.organisation === home;
  return isItsNode && organisationOf(topic) === home;
}

function isYounger<T>(known: Remembered<T>, ageUs: bigint, nowUs: bigint): boolean {
  // A clock that was put back would keep it for as long as that takes to pass.
  return known.asked <= nowUs && nowUs < known.asked + ageUs;
}

function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  if (memory.size >= REMEMBERED_MAX && !memory.has(key)) {
    memory.clear();
  }
  memory.set(key, value);
}

/** The answer; undefined where the node refuses for good. A busy node is asked again by whoever wants to know. */
export async function askOrNothing(
  asker: Asker,
  question: Parameters<Asker['query']>[0],
): Promise<AnswerBody | undefined> {
  try {
    return await asker.query(question);
  } catch (cause) {
    if (cause instanceof Refusal && !cause.mayPass) {
      return undefined;
    }
    throw cause;
  }
}
