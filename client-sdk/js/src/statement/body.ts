// What a statement can say, as it is used in programs: names for numbers, hexadecimal digits for ids.

import type { SealingSuite, Suite } from '../suite.js';

/** Every kind of statement, by ascending number from 1. */
export const STATEMENT_KINDS = [
  'org-root',
  'issuer',
  'principal',
  'grant',
  'deny',
  'revoke',
  'stream-descriptor',
  'epoch-announce',
  'key-grant',
  'peering',
  'role',
  'erasure',
] as const;

/** A kind of statement. */
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** Every kind of principal, by ascending number from 1. */
export const PRINCIPAL_KINDS = ['device', 'person', 'app', 'bridge', 'steward', 'node'] as const;

/** What a principal is. */
export type PrincipalKind = (typeof PRINCIPAL_KINDS)[number];

/** Every class of a stream, by ascending number from 1. */
export const STREAM_CLASSES = ['open', 'restricted', 'personal'] as const;

/** Who may read a stream without being granted it. */
export type StreamClass = (typeof STREAM_CLASSES)[number];

interface Stated {
  /** Whose control log it belongs to. */
  readonly organisation: string;
  /** When it was signed, as its signer says, microseconds since 1970. */
  readonly issuedUs: bigint;
}

/** The keys that everything of an organisation leads back to. */
export interface OrgRoot extends Stated {
  readonly kind: 'org-root';
  /** 1 to 16, ascending, 32 bytes each. */
  readonly keys: readonly Uint8Array[];
  /** 1 to the number of keys. */
  readonly threshold: number;
}

/** A key that speaks for an organisation. */
export interface Issuer extends Stated {
  readonly kind: 'issuer';
  /** The part before the `@`. */
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly untilUs?: bigint | undefined;
}

/** Whose a key is. */
export interface Principal extends Stated {
  readonly kind: 'principal';
  /** The part before the `@`. */
  readonly name: string;
  readonly principalKind: PrincipalKind;
  readonly publicKey: Uint8Array;
  readonly kemSuite: Suite;
  /** Empty where it can be given no keys. */
  readonly kemPublicKey: Uint8Array;
  readonly untilUs?: bigint | undefined;
  /** It keeps no key, and its organisation's node signs in its place. */
  readonly attested: boolean;
}

/** A right. */
export interface Grant extends Stated {
  readonly kind: 'grant';
  /** `name@organisation`, `*@organisation` or a role of the organisation. */
  readonly grantee: string;
  /** Bit n for action n + 1; see `actionsOf`. */
  readonly actions: number;
  readonly filter: string;
  readonly purpose: string;
  readonly fromUs: bigint;
  readonly untilUs?: bigint | undefined;
  readonly historyFromUs?: bigint | undefined;
  readonly onward: boolean;
  readonly ratePerS?: number | undefined;
}

/** A right that nobody can give. */
export interface Deny extends Stated {
  readonly kind: 'deny';
  readonly grantee: string;
  readonly actions: number;
  readonly filter: string;
  readonly reason: string;
}

/** The end of a statement, or of a principal. Exactly one of both is there. */
export interface Revoke extends Stated {
  readonly kind: 'revoke';
  readonly statement?: string | undefined;
  readonly principal?: string | undefined;
  readonly reason: string;
}

/** What one of a stream's transducers measures. */
export interface Transducer {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Decimal numerals, or empty. */
  readonly minimum: string;
  readonly maximum: string;
  readonly resolution: string;
  readonly accuracy: string;
}

/** What a topic carries. */
export interface StreamDescriptor extends Stated {
  readonly kind: 'stream-descriptor';
  readonly topic: string;
  readonly deviceType: string;
  readonly title: string;
  readonly class: StreamClass;
  readonly mobile: boolean;
  /** Degrees × 10^7 in WGS 84. */
  readonly location?: { readonly latitudeE7: number; readonly longitudeE7: number } | undefined;
  readonly retentionS?: bigint | undefined;
  readonly transducers: readonly Transducer[];
}

/** The key that a tree of topics is sealed to for a while. */
export interface EpochAnnounce extends Stated {
  readonly kind: 'epoch-announce';
  readonly tree: string;
  readonly epoch: bigint;
  readonly suite: SealingSuite;
  readonly publicKey: Uint8Array;
  readonly notBeforeUs: bigint;
  readonly notAfterUs: bigint;
  readonly minEpoch: bigint;
}

/** An epoch's seed, sealed to one reader. */
export interface KeyGrant extends Stated {
  readonly kind: 'key-grant';
  readonly tree: string;
  readonly epoch: bigint;
  readonly suite: SealingSuite;
  readonly reader: string;
  readonly purpose: string;
  readonly encapsulation: Uint8Array;
  readonly sealedSeed: Uint8Array;
}

/** What of a third organisation one party of a peering passes on. */
export interface Transit {
  readonly organisation: string;
  readonly root: string;
  readonly filters: readonly string[];
}

/** One side of a peering. */
export interface PeeringParty {
  readonly organisation: string;
  /** SHA-256 of its OrgRoot's body. */
  readonly root: string;
  readonly nodeKey: Uint8Array;
  /** host:port */
  readonly address: string;
  readonly exports: readonly string[];
  readonly imports: readonly string[];
  readonly onward: boolean;
  readonly bytesPerS?: bigint | undefined;
  readonly passesOn: readonly Transit[];
  readonly carriesHome: readonly string[];
  readonly envelopesPerS?: number | undefined;
  readonly interests?: number | undefined;
  readonly historyBytesPerS?: bigint | undefined;
}

/** What two organisations agreed to exchange. It stands in the logs of both. */
export interface Peering {
  readonly kind: 'peering';
  /** Two, ascending by organisation. */
  readonly parties: readonly [PeeringParty, PeeringParty];
  readonly purposes: readonly string[];
  readonly issuedUs: bigint;
  readonly fromUs: bigint;
  readonly untilUs?: bigint | undefined;
}

/** Somebody has a role. */
export interface Role extends Stated {
  readonly kind: 'role';
  /** `role/name@organisation` */
  readonly role: string;
  /** `name@organisation` or `*@organisation` */
  readonly member: string;
  readonly untilUs?: bigint | undefined;
}

/** What was destroyed: an epoch's seed, or what was kept of a subject's accesses. */
export type Erased =
  | { readonly tree: string; readonly epoch: bigint; readonly key: string; readonly subject?: undefined }
  | { readonly subject: string; readonly tree?: undefined };

/** A receipt that something was destroyed. */
export interface Erasure extends Stated {
  readonly kind: 'erasure';
  readonly erased: Erased;
  readonly records: bigint;
  readonly reason: string;
}

/** What a statement says. */
export type StatementBody =
  | OrgRoot
  | Issuer
  | Principal
  | Grant
  | Deny
  | Revoke
  | StreamDescriptor
  | EpochAnnounce
  | KeyGrant
  | Peering
  | Role
  | Erasure;

/** Whose control logs a statement belongs to: one, or both parties of a peering. */
export function organisationsOf(body: StatementBody): string[] {
  return body.kind === 'peering' ? body.parties.map((party) => party.organisation) : [body.organisation];
}

/** The two sides of a peering as one of them sees it; undefined for everybody else. */
export function sidesOf(
  peering: Peering,
  own: string,
): { ours: PeeringParty; theirs: PeeringParty } | undefined {
  const [left, right] = peering.parties;
  if (left.organisation === own) {
    return { ours: left, theirs: right };
  }
  return right.organisation === own ? { ours: right, theirs: left } : undefined;
}
