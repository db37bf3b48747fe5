// What the client itself knows of who is who: a replica of policy that believes nothing but signatures leading
// back to the pinned root. The node supplies statements; it vouches for none.

import { equal } from '../bytes.js';
import { DecodeError } from '../decode_error.js';
import { filterMatches } from '../filter.js';
import { VerifyingKey } from '../seal/signature.js';
import type {
  EpochAnnounce,
  KeyGrant,
  PrincipalKind,
  StreamClass,
  StreamDescriptor,
} from '../statement/body.js';
import { organisationsOf } from '../statement/body.js';
import type { Statement } from '../statement.js';
import { decodeStatement, encodeStatement } from '../statement.js';
import type { Suite } from '../suite.js';
import { organisationOf } from '../topic.js';
import { apply } from './application.js';
import type { EpochFact, Organisation } from './facts.js';
import { epochKey } from './facts.js';
import { Policy } from './policy.js';
import { permitPublish } from './rights.js';
import { compareTrees, currentEpoch } from './sealing.js';
import { Missing, StatementError } from './statement_error.js';

/** Who is behind a key, proven by the statements of an organisation that is trusted. */
export interface Publisher {
  /** `name@organisation` */
  readonly name: string;
  readonly organisation: string;
  /** The principal id. */
  readonly id: string;
  readonly key: VerifyingKey;
  /** The key that others seal its secrets to, and that key's suite; empty where there is none. */
  readonly kemSuite: Suite;
  readonly kemPublicKey: Uint8Array;
  readonly principalKind: PrincipalKind;
  /** Its organisation's node signs in its place. */
  readonly isAttested: boolean;
  /** When the key stops being the principal's, microseconds since 1970. */
  readonly untilUs: bigint | undefined;
  /** When its revocation was stated, microseconds since 1970. */
  readonly revokedUs: bigint | undefined;
}

/** A key grant as a trusted steward signed it. */
export interface TrustedKeyGrant {
  /** The statement's id. */
  readonly id: string;
  readonly grant: KeyGrant;
}

/** A statement that was not believed, and why. */
export interface Disbelieved {
  readonly statement: Uint8Array;
  readonly why: Error;
}

/**
 * How often what was refused is tried again once others applied: more than one statement ever depends on others in a
 * row, and few enough that nobody keeps a page busy with an unkind order.
 */
const ROUNDS_MAX = 32;

/**
 * How far ahead of this clock a statement may say it was issued, µs. Of several the last issued is in force, and no
 * log takes one of later than now: what is from farther ahead would be in force for good. A day, because the clock
 * of a viewer is not to keep them from what everybody else believes.
 */
const ISSUED_AHEAD_MAX_US = 86_400_000_000n;

/** See the file. */
export class Directory {
  private readonly policy: Policy;
  private turn: Promise<unknown> = Promise.resolve();

  /**
   * Knows the pinned root and nothing else.
   *
   * @param organisation - the own organisation
   * @param root - SHA-256 of the body of its OrgRoot, hexadecimal
   */
  constructor(organisation: string, root: string) {
    this.policy = new Policy(organisation, root.toLowerCase());
  }

  /**
   * Applies what can be applied, in whatever order it came. A statement counts as received when it was issued:
   * those who signed it had the right to then.
   *
   * @returns what was not believed
   */
  learn(encoded: readonly Uint8Array[]): Promise<readonly Disbelieved[]> {
    const learned = this.turn.then(() => this.learnNow(encoded));
    this.turn = learned.catch(() => undefined);
    return learned;
  }

  private async learnNow(encoded: readonly Uint8Array[]): Promise<readonly Disbelieved[]> {
    const disbelieved: Disbelieved[] = [];
    let left: { bytes: Uint8Array; statement: Statement }[] = [];
    const latest = BigInt(Date.now()) * 1000n + ISSUED_AHEAD_MAX_US;
    for (const bytes of encoded) {
      try {
        left.push({ bytes, statement: shown(bytes, latest) });
      } catch (why) {
        disbelieved.push({
          statement: bytes,
          why: why instanceof StatementError ? why : known(why, DecodeError),
        });
      }
    }
    let reasons: Disbelieved[] = [];
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const refused: (typeof left)[number][] = [];
      reasons = [];
      for (const one of left) {
        try {
          await apply(this.policy, one.statement, one.statement.body.issuedUs);
        } catch (why) {
          refused.push(one);
          reasons.push({ statement: one.bytes, why: known(why, StatementError) });
        }
      }
      if (refused.length === 0 || refused.length === left.length) {
        break;
      }
      left = refused;
    }
    return [...disbelieved, ...reasons];
  }

  /** Whether a statement is believed, with just these signatures. */
  believes(statement: Statement): boolean {
    const encoded = encodeStatement(statement);
    const logs = organisationsOf(statement.body).flatMap((name) => {
      return [...(this.policy.organisations.get(name)?.log.values() ?? [])];
    });
    return logs.some((logged) => equal(encodeStatement(logged.statement), encoded));
  }

  /** The principal behind a key, where trusted statements name it; whether or not it is in force. */
  publisher(id: string): Publisher | undefined {
    const found = this.policy.record(id);
    if (found === undefined) {
      return undefined;
    }
    const { name, kind, publicKey, kemSuite, kemPublicKey, attested, until, revoked } = found.record;
    return {
      name: name.text,
      organisation: name.organisation,
      id,
      key: VerifyingKey.parse(publicKey),
      kemSuite,
      kemPublicKey,
      principalKind: kind,
      isAttested: attested,
      untilUs: until,
      revokedUs: revoked,
    };
  }

  /** Whether trusted statements let a principal publish on a topic. */
  mayPublish(id: string, topic: string, nowUs: bigint): boolean {
    try {
      permitPublish(this.policy, id, topic, nowUs);
      return true;
    } catch (cause) {
      if (cause instanceof Missing) {
        return false;
      }
      throw cause;
    }
  }

  /** What the owner says about a topic: the newest description that was not revoked. */
  descriptorOf(topic: string): StreamDescriptor | undefined {
    const owner = this.policy.trusted(organisationOf(topic));
    const stated = owner?.descriptors.get(topic) ?? [];
    return stated.filter(({ id }) => owner?.revoked.has(id) === false).at(-1)?.descriptor;
  }

  /** How a topic is protected; restricted where its owner does not say. */
  classOf(topic: string): StreamClass {
    return this.descriptorOf(topic)?.class ?? 'restricted';
  }

  /** The epoch that a topic is sealed to: the newest in force of the most specific tree that holds it. */
  epochOf(topic: string, nowUs: bigint): EpochAnnounce | undefined {
    const owner = this.policy.trusted(organisationOf(topic));
    const stands = ({ id }: EpochFact) => owner?.revoked.has(id) === false;
    const holding = [...(owner?.epochs ?? [])].filter(
      ([tree, facts]) => facts.some(stands) && filterMatches(tree, topic),
    );
    const [nearest] = holding.sort(([one], [other]) => compareTrees(one, other));
    return nearest && currentEpoch(nearest[1], stands, nowUs);
  }

  /**
   * The key grants to a reader for one epoch of a tree: the owner's, then those of organisations that handed the
   * key on to their own; of each, oldest first. None where the epoch was erased.
   */
  keyGrants(reader: string, tree: string, epoch: bigint): TrustedKeyGrant[] {
    const owner = this.policy.trusted(organisationOf(tree));
    if (owner?.erasedEpochs.has(epochKey(tree, epoch)) === true) {
      return [];
    }
    const names = [...this.policy.organisations.keys()].filter((name) => name !== owner?.name).sort();
    const others = names.flatMap((name) => this.policy.trusted(name) ?? []);
    const all = owner === undefined ? others : [owner, ...others];
    const key = `${reader} ${epochKey(tree, epoch)}`;
    return all.flatMap((organisation) => grantsIn(organisation, key));
  }

  /** The key of another organisation's node, as trusted statements name it. */
  peerNodeKey(organisation: string, nowUs: bigint): Uint8Array | undefined {
    return this.policy.nodeKeyOf(organisation, nowUs);
  }
}

function grantsIn(organisation: Organisation, key: string): TrustedKeyGrant[] {
  const ids = organisation.keyGrants.get(key) ?? [];
  return ids.flatMap((id) => {
    const body = organisation.log.get(id)?.statement.body;
    return body?.kind === 'key-grant' && !organisation.revoked.has(id) ? [{ id, grant: body }] : [];
  });
}

/** A statement as somebody showed it, unless it says that it is of later than `latest`, µs. */
function shown(bytes: Uint8Array, latest: bigint): Statement {
  // What is kept for long must not hold on to the frame that it came in.
  const statement = decodeStatement(new Uint8Array(bytes));
  if (statement.body.issuedUs > latest) {
    throw new StatementError(`${statement.kind} statement`, 'one of now', 'one of later');
  }
  return statement;
}

/** The error, where it is one that is expected; others are faults of this program and thrown again. */
function known<E extends Error>(cause: unknown, kind: new (...parameters: never[]) => E): E {
  if (cause instanceof kind) {
    return cause;
  }
  throw cause;
}
