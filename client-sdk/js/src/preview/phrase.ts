// The facts that a preview tells, in no language. As the command line's: the same facts, in the same
// order, so that both say the same of one statement.

import type { Danger } from './danger.js';
import { organisationOf, type PrincipalKind, type Said, type StreamClass } from './said.js';

/** What is known beside the statement itself. */
export interface Background {
  /** When the preview is made, milliseconds. */
  now: number;
  /** What the grantee or member is, where it has joined. */
  kind?: PrincipalKind | undefined;
  /** Whose key is revoked. */
  holder?: string | undefined;
  /** What the statement says that is revoked. */
  revoked?: Said | undefined;
  /** What it would open and close, where the node has said so. */
  effect?: Effect | undefined;
}

/** What would change for whom. */
export interface Effect {
  opened: Changed[];
  closed: Changed[];
}

/** What one principal may do on one topic and could not before; or the other way about. */
export interface Changed {
  principal: string;
  actions: string[];
  topic: string;
}

/** Who it is about. */
export type Who =
  | { is: 'one'; name: string; kind?: PrincipalKind | undefined }
  | { is: 'everybody'; organisation: string }
  | { is: 'role'; name: string; organisation: string };

/** Reads a grantee: `name@org`, `*@org` or `role/name@org`. */
export function whoOf(grantee: string, kind?: PrincipalKind): Who {
  const organisation = organisationOf(grantee);
  const name = grantee.slice(0, grantee.lastIndexOf('@'));
  if (name === '*') return { is: 'everybody', organisation };
  if (name.startsWith('role/')) return { is: 'role', name: name.slice('role/'.length), organisation };
  return { is: 'one', name: grantee, kind };
}

/** What can be done with topics, as people think of it: to read is to receive and to open. */
export type Deed =
  | 'publish'
  | 'read'
  | 'receive'
  | 'open'
  | 'look-back'
  | 'look-back-sealed'
  | 'discover'
  | 'grant'
  | 'bridge'
  | 'administer';

/** How far back somebody may look who may read. */
export type Back = { is: 'not' } | { is: 'all' } | { is: 'since'; time: number };

/** Whether a right can be passed on. */
export type PassOn = 'no' | 'onward' | 'grant' | 'both';

/** What becomes possible, or no longer is, for how many. */
export interface Change {
  deed: Deed;
  /** In order; a preview shows the first. */
  topics: string[];
  /** For how many principals; undefined where the statement is about one, who was named. */
  people?: number | undefined;
}

/** Topics that a preview names; the others are counted. */
export const TOPICS_SHOWN = 5;

/** The topics to be named, and how many others there are. */
export function shown(change: Change): { named: string[]; others: number } {
  const named = change.topics.slice(0, TOPICS_SHOWN);
  return { named, others: change.topics.length - named.length };
}

/** At most so much. */
export interface Most {
  of: 'bytes' | 'envelopes' | 'interests' | 'history-bytes';
  number: number;
}

/** One fact of a contract. */
export type Term =
  | {
      term: 'between';
      parties: [string, string];
      from?: number | undefined;
      until?: number | undefined;
      purposes: string[];
    }
  | { term: 'offers'; owner: string; taker: string; filters: string[] }
  | { term: 'takes'; owner: string; taker: string; filters: string[] }
  | { term: 'onward'; taker: string; onward: boolean }
  | { term: 'passes-on'; via: string; taker: string; owner: string; root: string; filters: string[] }
  | { term: 'carries-home'; carrier: string; home: string; filters: string[] }
  | { term: 'limit'; of: string; by: string; most: Most };

/** One fact of a preview, for one sentence. */
export type Phrase =
  | {
      is: 'may';
      who: Who;
      deeds: Deed[];
      filter: string;
      /** Undefined = from now on. */
      from?: number | undefined;
      until?: number | undefined;
      purpose: string;
    }
  | { is: 'looks-back'; back: Back }
  | { is: 'passes-on'; passOn: PassOn }
  | { is: 'rate'; perS: number }
  | { is: 'may-not'; who: Who; deeds: Deed[]; filter: string }
  | {
      is: 'has-role';
      who: Who;
      role: string;
      organisation: string;
      from?: number | undefined;
      until?: number | undefined;
    }
  /** Whoever may not open a part of a tree gets no key of it, and can open nothing of it. */
  | { is: 'whole-tree' }
  | { is: 'ends-statement'; id: string }
  | { is: 'said'; said: Phrase }
  | { is: 'ends-key'; id: string; holder?: string | undefined }
  | { is: 'reason'; reason: string }
  | { is: 'stream'; topic: string; class: StreamClass }
  | { is: 'device'; deviceType: string; title: string; mobile: boolean }
  | { is: 'carries'; all: { name: string; unit: string }[] }
  | { is: 'kept'; seconds: number }
  | { is: 'opens'; change: Change }
  | { is: 'closes'; change: Change }
  | { is: 'changes-nothing' }
  | { is: 'attested'; name: string; kind: PrincipalKind }
  | { is: 'term'; term: Term }
  | { is: 'plain'; kind: string }
  | { is: 'danger'; danger: Danger };

/** Says every fact in one language. */
export interface Voice {
  /** One fact as a whole sentence. */
  say(phrase: Phrase): string;
  /** Sentences as one text. */
  paragraph(sentences: string[]): string;
}
