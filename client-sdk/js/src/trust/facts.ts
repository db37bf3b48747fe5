// What one organisation's log says so far. It records what others have judged to be in order.

import type { PrincipalName } from '../name.js';
import type {
  Deny,
  EpochAnnounce,
  Grant,
  PeeringParty,
  PrincipalKind,
  Role,
  StreamDescriptor,
} from '../statement/body.js';
import type { Statement } from '../statement.js';
import type { Suite } from '../suite.js';
import type { View } from './view.js';
import { hasPassed, isRevokedIn } from './view.js';

/** A statement as a log holds it. */
export interface Logged {
  readonly id: string;
  readonly statement: Statement;
  readonly received: bigint;
}

/** The keys that everything else of an organisation hangs on. */
export interface Root {
  /** SHA-256 of the statement's body: what a pin names. */
  readonly fingerprint: string;
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly threshold: number;
}

/** A principal, as the newest statement about its key says. */
export interface PrincipalRecord {
  readonly name: PrincipalName;
  readonly kind: PrincipalKind;
  readonly id: string;
  readonly publicKey: Uint8Array;
  /** The suite of `kemPublicKey`, which is empty where nobody can seal anything to it. */
  readonly kemSuite: Suite;
  readonly kemPublicKey: Uint8Array;
  readonly attested: boolean;
  readonly until: bigint | undefined;
  readonly received: bigint;
  /** When its organisation's revocation was logged. */
  revoked: bigint | undefined;
}

/** A key that speaks for an organisation. */
export interface IssuerRecord {
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly until: bigint | undefined;
  readonly received: bigint;
  revoked: bigint | undefined;
}

/** What gave the signer of a grant the right to give it: undefined where it is an issuer. */
export interface Delegation {
  readonly grantor: string;
  readonly parent: GrantFact;
  readonly depth: number;
}

/** A grant that was logged. */
export interface GrantFact {
  readonly id: string;
  readonly grant: Grant;
  readonly delegation: Delegation | undefined;
}

/** A deny that was logged. */
export interface DenyFact {
  readonly id: string;
  readonly deny: Deny;
}

/** A description that was logged. */
export interface DescriptorFact {
  readonly id: string;
  readonly received: bigint;
  readonly descriptor: StreamDescriptor;
}

/** A statement that somebody has a role. */
export interface RoleFact {
  readonly id: string;
  readonly received: bigint;
  readonly role: Role;
}

/** A role that a principal has. */
export interface Membership {
  /** The statement in force that lasts longest. */
  readonly fact: RoleFact;
  /** Since when the principal has had the role without a gap. */
  readonly since: bigint;
}

/** An epoch that was announced. */
export interface EpochFact {
  readonly id: string;
  readonly announce: EpochAnnounce;
}

/** A peering that was logged; `ours` is the side of the one in whose log it is. */
export interface PeeringFact {
  readonly id: string;
  readonly issued: bigint;
  readonly from: bigint;
  readonly until: bigint | undefined;
  readonly ours: PeeringParty;
  readonly theirs: PeeringParty;
}

/** See the file. */
export class Organisation {
  readonly log = new Map<string, Logged>();
  readonly revoked = new Map<string, bigint>();
  readonly revokedKeys = new Map<string, bigint>();
  readonly issuers = new Map<string, IssuerRecord[]>();
  readonly principals = new Map<string, PrincipalRecord[]>();
  /** What is not revoked, by grantee. */
  readonly grants = new Map<string, GrantFact[]>();
  readonly denies = new Map<string, DenyFact[]>();
  readonly roles: RoleFact[] = [];
  readonly descriptors = new Map<string, DescriptorFact[]>();
  /** By tree and ascending epoch, also what is revoked: what it ended stays so. */
  readonly epochs = new Map<string, EpochFact[]>();
  /** SHA-256 of every announced key, and when its epoch ends, by tree and epoch. */
  readonly epochKeys = new Map<string, { key: string; notAfter: bigint }>();
  readonly erasedEpochs = new Set<string>();
  readonly keyGrants = new Map<string, string[]>();
  /** Its peerings with others than the organisation that is decided for, oldest first. */
  readonly peerings = new Map<string, PeeringFact[]>();

  constructor(
    readonly name: string,
    readonly root: Root,
    /** Whether somebody trusted vouches for the root; until then nothing it says gives a right. */
    public isPinned: boolean,
  ) {}

  /** Whether a statement was revoked, as far as the view knows. */
  isRevoked(view: View, id: string): boolean {
    return isRevokedIn(view, this.revoked.get(id));
  }

  /** Whether a key was revoked, as far as the view knows. */
  isKeyRevoked(view: View, id: string): boolean {
    return isRevokedIn(view, this.revokedKeys.get(id));
  }

  /** What the newest statement about a key says, whether or not it is in force. */
  principal(id: string): PrincipalRecord | undefined {
    return this.principals.get(id)?.at(-1);
  }

  /** The issuer behind a key, where it may speak for the organisation. */
  issuer(view: View, id: string): IssuerRecord | undefined {
    const record = this.issuers.get(id)?.at(-1);
    const isOver = record === undefined || isRevokedIn(view, record.revoked) || hasPassed(view, record.until);
    return isOver ? undefined : record;
  }

  /** Takes a key's right to be a principal; for good, since a key that leaked stays leaked. */
  revokeKey(id: string, received: bigint): void {
    const before = this.revokedKeys.get(id);
    const revoked = before === undefined || received < before ? received : before;
    this.revokedKeys.set(id, revoked);
    for (const record of this.principals.get(id) ?? []) {
      record.revoked = revoked;
    }
  }

  /** Takes a key's right to speak for the organisation. */
  revokeIssuer(id: string, received: bigint): void {
    for (const record of this.issuers.get(id) ?? []) {
      record.revoked ??= received;
    }
  }

  /** Takes a statement's effect on rights. What was granted from a grant falls with it. */
  revokeStatement(id: string, received: bigint): void {
    if (this.revoked.has(id)) {
      return;
    }
    this.revoked.set(id, received);
    for (const facts of [this.grants, this.denies] as Map<string, { id: string }[]>[]) {
      for (const [grantee, all] of facts) {
        facts.set(
          grantee,
          all.filter((fact) => fact.id !== id),
        );
      }
    }
  }

  /** The roles that a principal has. */
  memberships(view: View, name: PrincipalName): Membership[] {
    const members = [name.text, `*@${name.organisation}`];
    const facts = this.roles.filter((fact) => members.includes(fact.role.member));
    const roles = [...new Set(facts.map((fact) => fact.role.role))].sort();
    return roles.flatMap((role) => {
      const ofRole = facts.filter((fact) => fact.role.role === role);
      const held = this.unbroken(view, ofRole);
      return held === undefined ? [] : [held];
    });
  }

  /** Whether one of the statements is in force, and since when one was without a gap. */
  private unbroken(view: View, facts: readonly RoleFact[]): Membership | undefined {
    const end = (fact: RoleFact): bigint | undefined => fact.role.untilUs;
    const inForce = facts.filter((fact) => !this.isRevoked(view, fact.id) && !hasPassed(view, end(fact)));
    const [first, ...others] = inForce;
    if (first === undefined) {
      return undefined;
    }
    const fact = others.reduce((best, other) => (isLater(end(best), end(other)) ? best : other), first);
    let since = inForce.reduce(
      (least, { received }) => (received < least ? received : least),
      first.received,
    );
    const newestFirst = [...facts].sort((one, other) => (one.received < other.received ? 1 : -1));
    for (const earlier of newestFirst) {
      const revoked = this.isRevoked(view, earlier.id) ? this.revoked.get(earlier.id) : undefined;
      const ends = [end(earlier), revoked].filter((time) => time !== undefined);
      if (ends.every((time) => time >= since) && earlier.received < since) {
        since = earlier.received;
      }
    }
    return { fact, since };
  }
}

/** Whether one end comes after another; no end comes after all. */
export function isLater(one: bigint | undefined, other: bigint | undefined): boolean {
  if (one === undefined) {
    return other !== undefined;
  }
  return other !== undefined && one > other;
}

/** The key of what is asked for by tree and epoch. */
export function epochKey(tree: string, epoch: bigint): string {
  return `${epoch} ${tree}`;
}

/** Adds a value to those of a key. */
export function pushTo<V>(map: Map<string, V[]>, key: string, value: V): void {
  const values = map.get(key) ?? [];
  values.push(value);
  map.set(key, values);
}

/**
 * Enters a value among those of a key, oldest first by when it was received: whoever shows an old statement after a
 * newer one, which it had kept back, does not make it the newest.
 */
export function enterByAge<V extends { readonly received: bigint }>(
  map: Map<string, V[]>,
  key: string,
  value: V,
): void {
  const values = map.get(key) ?? [];
  const newer = values.findIndex(({ received }) => received > value.received);
  values.splice(newer < 0 ? values.length : newer, 0, value);
  map.set(key, values);
}

/** Enters a contract among the others of the same two, oldest first by when they made it. */
export function enterPeering(map: Map<string, PeeringFact[]>, other: string, fact: PeeringFact): void {
  pushTo(map, other, fact);
  map.get(other)?.sort((one, two) => {
    const isBefore = one.issued < two.issued || (one.issued === two.issued && one.id < two.id);
    return isBefore ? -1 : 1;
  });
}
