// Everything that the console asks of the node and has signed, in its own words: what the rooms are made
// of. The one implementation (`desk_client.ts`) asks through `@sekisho/client`, which verifies.

import type { Stream } from '@sekisho/client';
import type { Action, PrincipalKind, Said } from '@sekisho/client/preview';
import type { Access } from './documents/accesses';
import type { Storage, TreeEpochs } from './documents/keeping';
import type { Status } from './documents/node';
import type { Peer } from './documents/peers';
import type { What, WhoEntry, Why } from './documents/rights';
import type { RefusalPage, SessionPage } from './documents/sessions';
import type { Line } from './stand';

/** Which of the organisation's two logs. */
export type LogKind = 'control' | 'access';

/** A statement that stands. */
export interface Stated {
  id: string;
  index: number;
  /** Whether the steward signed it as well, as its office allows it. */
  isCountersigned: boolean;
}

/** A statement to be signed, and the node's answer to what it would do. */
export interface Proposal {
  said: Said;
  /** The node's `diff`; undefined where it gave none. */
  diff: unknown;
}

/** Whoever stands by a log. */
export interface Signer {
  name: string;
  /** When, milliseconds; undefined where the signature has no time. */
  time?: number | undefined;
  /** Whether the signature was verified here, with a key that leads back to the pinned root. */
  isVerified: boolean;
}

/** A checkpoint that was verified. */
export interface CheckedLog {
  log: string;
  size: number;
  /** Hexadecimal. */
  root: string;
  /** As the node and its witnesses signed it. */
  note: string;
  signers: Signer[];
  /** The size up to which it was known, where this browser knew it before: it only grew. */
  known?: number | undefined;
}

/** What became of a proof. */
export interface Proof {
  index: number;
  size: number;
  /** A file that `sekisho log verify` accepts. */
  text: string;
}

/** How an invitation is answered. */
export type Approval = 'by-hand' | 'matching' | { key: string };

/** Whom to invite. */
export interface Offer {
  /** `name@organisation`. */
  name: string;
  kind: PrincipalKind;
  publish: string[];
  read: string[];
  minutes: number;
  approval: Approval;
  replace: boolean;
  /** May administer everything; of persons alone. */
  administrator: boolean;
}

/** An invitation, as the steward tells it. */
export interface Invitation {
  token: string;
  name: string;
  kind: string;
  standing: 'open' | 'waiting' | 'approved' | 'used' | 'expired' | 'withdrawn';
  /** The newcomer's key, 64 hexadecimal digits, where one waits or was let in. */
  key?: string | undefined;
  expires?: number | undefined;
}

/** Where an errand to the steward is. */
export type Errand = 'steward-away' | 'waits' | 'answered';

/** See the file. Every question is refused where the asker has no right to it. */
export interface Desk {
  /** Who is asking. */
  readonly self: { name: string; id: string; organisation: string };
  /** What is pinned, and where the node is. */
  readonly pinned: { root: string; nodeKey: string; node: string };
  /** Where the node is reached over the web, for the `join` link; undefined where it is not known. */
  status(): Promise<Status>;
  peers(): Promise<Peer[]>;
  sessions(asked: { principal?: string; from?: number }): Promise<SessionPage>;
  refusals(before?: number): Promise<RefusalPage>;
  epochs(): Promise<TreeEpochs[]>;
  storage(levels?: number): Promise<Storage>;
  who(topic: string, action: Action, at?: number): Promise<WhoEntry[]>;
  why(principal: string, action: Action, topic: string, at?: number): Promise<Why>;
  what(principal: string, at?: number): Promise<What>;
  /** Every key of somebody that is not revoked, each proven to be theirs. */
  keysOf(principal: string): Promise<string[]>;
  /** As many topics as the client asks for: where STREAMS_MAX come, there may be more. */
  discover(filter: string): Promise<Stream[]>;
  accesses(asked: { subject?: string | undefined; from: number; max: number }): Promise<Access[]>;
  /** The control log from the beginning, page by page, and on as it grows. */
  follow(signal: AbortSignal): AsyncIterable<Line[]>;
  /** What the node says that a statement would do. */
  diff(said: Said): Promise<unknown>;
  /** Signs statements with one's own key and states them, all or none. */
  state(proposals: readonly Proposal[], onErrand: (where: Errand) => void): Promise<Stated[]>;
  /** Destroys what is kept of somebody's accesses, and states the receipt. */
  erase(
    name: string,
    id: string | undefined,
    reason: string,
  ): Promise<{ key: boolean; records: number; keyHeaders: number; stated: Stated }>;
  /** Invites somebody; the token is made here and the node never sees its secret. */
  invite(offer: Offer, onErrand: (where: Errand) => void): Promise<{ token: string; expires: number }>;
  invitations(onErrand: (where: Errand) => void): Promise<Invitation[]>;
  approve(invitation: Invitation, onErrand: (where: Errand) => void): Promise<void>;
  withdraw(invitation: Invitation, reason: string, onErrand: (where: Errand) => void): Promise<void>;
  /** Asks for the present checkpoint and verifies it, also against what this browser knew before. */
  checkpoint(log: LogKind): Promise<CheckedLog>;
  /** Proves an entry, verifies the proof here, and makes a file of it. */
  prove(which: { statement: string } | { access: number }): Promise<Proof>;
}
