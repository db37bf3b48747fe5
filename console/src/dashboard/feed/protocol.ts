// What the worker, which verifies and opens, and the page, which shows, tell each other. Samples
// cross in bulk, as arrays that are handed over and not copied.

import type { Profile, Stream } from '@sekisho/client';
import type { Sight } from './filters';

/** Where a reading comes from and why the viewer can read it. */
export interface Provenance {
  /** Who signed, `name@organisation`. */
  publisher: string;
  /** The identity of the key that signed, hexadecimal. */
  publisherId: string;
  /** The node that signed in the publisher's place, where the publisher keeps no key. */
  attester?: string | undefined;
  /** Whether it came sealed. */
  sealed: boolean;
  /** The grant of the key that opened it. */
  keyGrant?: { purpose: string; tree: string; epoch: number; statement: string } | undefined;
}

/** A value that is not a number. */
export interface TextValue {
  name: string;
  unit: string;
  text: string;
}

/** Name and unit of one column. */
export interface ColumnName {
  name: string;
  unit: string;
}

/** A message's place in its publisher's own numbering. */
export interface Numbered {
  boot: string;
  sequence: bigint;
}

/** Samples of one topic, in the order in which they came, all of one provenance. */
export interface Batch {
  topic: string;
  provenance: Provenance;
  columns: ColumnName[];
  /** When each was taken, milliseconds since 1970. */
  times: Float64Array;
  /** How long after it was taken each was here or, where it was asked for later, at its home; milliseconds. */
  delays: Float64Array;
  /** Where each is in the node's log. */
  positions: Float64Array;
  /** The messages that the first and the last sample came in. */
  first: Numbered;
  last: Numbered;
  /** Row by row, NaN where a sample has no such number. */
  values: Float64Array;
  /** The newest sample's values that are no numbers. */
  texts: TextValue[];
}

/** Records that will not come. */
export interface GapTold {
  from: number;
  to: number;
  reason: string;
  topic?: string | undefined;
}

/** Readings that will not come, between two that did. Times are milliseconds since 1970. */
export interface Break {
  /** When the last one before it was taken; 0 where there was none. */
  after: number;
  /** When the first one behind it was taken; nothing while there is none yet. */
  before: number | undefined;
  /** As the protocol names it; `sealed`: they came, and the key was not given; `unusable`: they cannot be read. */
  reason: string;
}

/** An error as it crosses between the worker and the page. */
export interface Fault {
  /** The kind, such as a refusal's code by name. */
  name: string;
  message: string;
  what?: string | undefined;
  why?: string | undefined;
}

/** One row of a history: everything of one interval. */
export interface HistoryColumn {
  name: string;
  unit: string;
  count: Float64Array;
  mean: Float64Array;
  minimum: Float64Array;
  maximum: Float64Array;
}

/** A history so far. */
export interface HistoryPart {
  /** Start of each interval, milliseconds since 1970. */
  times: Float64Array;
  columns: HistoryColumn[];
  readings: number;
  late: number;
  /** By how much the latest of these was late, milliseconds. */
  lateMost: number;
  rejected: number;
  /** Without the key. */
  unopened: number;
  /** Neither opened nor read for another reason. */
  unusable: number;
  gaps: { after: number; before: number; reason: string }[];
  signers: string[];
  /** The newest reading so far, which tells how far the history has come. */
  reached: number;
}

/** What the page asks. */
export type ToWorker =
  | { kind: 'start'; profile: Profile; web: string }
  | { kind: 'ask'; id: number; question: Ask }
  | { kind: 'cancel'; id: number };

/** Questions, each with an answer or a fault. */
export type Ask =
  /** What the node tells of topics: nothing of it is signed. */
  | { ask: 'discover'; filter: string }
  /** What the owner of a topic signed. */
  | { ask: 'describe'; topic: string }
  | { ask: 'why'; action: 'subscribe' | 'decrypt' | 'history'; topic: string }
  | { ask: 'recent'; topic: string; since: number; most: number }
  | { ask: 'history'; topic: string; since: number; interval: number; lateAfter: number }
  | {
      ask: 'csv';
      topic: string;
      since: number;
      most: number;
      lateAfter: number;
      /** Units as described, for what comes without. */
      units: Record<string, string>;
    };

/** Answers to {@link Ask}, by its name. */
export interface Answers {
  discover: Stream[];
  describe: Stream | undefined;
  why: { permitted: boolean; explanation: string };
  /** What is told of the time between `from` and `until` is all that there is of it. */
  recent: { batches: Batch[]; from: number; until: number; breaks: Break[] };
  history: HistoryPart;
  csv: { blob: Blob; rows: number; gaps: number; cut: boolean };
}

/** What the worker tells. */
export type FromWorker =
  | { kind: 'readings'; batches: Batch[] }
  | { kind: 'gap'; gap: GapTold }
  | { kind: 'rejected'; topic?: string | undefined; reason: string; detail: string }
  | { kind: 'unopened'; topic: string; fault: string; detail: string }
  | { kind: 'sight'; sight: Sight }
  | { kind: 'live'; filter: string }
  | { kind: 'state'; state: 'connecting' | 'connected'; fault?: Fault | undefined }
  | { kind: 'ended'; fault: Fault }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'part'; id: number; value: unknown }
  | { kind: 'failed'; id: number; fault: Fault };
