// The contracts with other organisations and how their links are doing: the node's answer to `peers`.

import { counts, doc, docs, figure, flag, text, texts, time } from './read';

/** What came over a link or was taken by a peer. */
export interface Traffic {
  records: number;
  bytes: number;
  recordsPerS?: number | undefined;
  bytesPerS?: number | undefined;
}

/** What this node pulls of a peer. */
export interface Link extends Traffic {
  state: string;
  since?: number | undefined;
  why?: string | undefined;
  behind?: number | undefined;
  delayS?: number | undefined;
  lastReceived?: number | undefined;
  refused: { reason: string; count: number }[];
  dropped: { reason: string; count: number }[];
  gaps: { reason: string; count: number }[];
  hungUp: { reason: string; count: number }[];
  budgetWaits: { reason: string; count: number }[];
  interests: { filter: string; isPermitted: boolean }[];
}

/** What a peer pulls of this node. */
export interface Taking extends Traffic {
  behind: number;
  interests: number;
  refusedInterests: number;
  historyWaits: number;
}

/** What a party promises beside its topics. */
export interface Terms {
  onward: boolean;
  passesOn: { organisation: string; root: string; filters: string[] }[];
  carriesHome: string[];
  bytesPerS?: number | undefined;
  envelopesPerS?: number | undefined;
  interests?: number | undefined;
  historyBytesPerS?: number | undefined;
}

/** A peer under contract. */
export interface Peer {
  organisation: string;
  statement: string;
  address: string;
  isInForce: boolean;
  from?: number | undefined;
  until?: number | undefined;
  weExport: string[];
  weImport: string[];
  theyExport: string[];
  theyImport: string[];
  ours: Terms;
  theirs: Terms;
  heard?: number | undefined;
  statementsKnown: number;
  /** Entries of our control log that it has cosigned: the statements that it has applied. */
  cosignedSize?: number | undefined;
  cosignedAt?: number | undefined;
  link?: Link | undefined;
  taking?: Taking | undefined;
  brings: { organisation: string; weImport: string[]; link?: Link | undefined }[];
}

function trafficOf(value: unknown): Traffic {
  const found = doc(value);
  return {
    records: figure(found.records) ?? 0,
    bytes: figure(found.bytes) ?? 0,
    recordsPerS: figure(found.records_per_s),
    bytesPerS: figure(found.bytes_per_s),
  };
}

function linkOf(value: unknown): Link | undefined {
  if (value === null || value === undefined) return undefined;
  const link = doc(value);
  return {
    ...trafficOf(link),
    state: text(link.state) ?? '',
    since: time(link.since),
    why: text(link.why),
    behind: figure(link.behind_records),
    delayS: figure(link.delay_s),
    lastReceived: time(link.last_received),
    refused: counts(link.refused),
    dropped: counts(link.dropped),
    gaps: counts(link.gaps),
    hungUp: counts(link.hung_up),
    budgetWaits: counts(link.budget_waits),
    interests: docs(link.interests).map((one) => ({
      filter: text(one.filter) ?? '',
      isPermitted: flag(one.permitted),
    })),
  };
}

function takingOf(value: unknown): Taking | undefined {
  if (value === null || value === undefined) return undefined;
  const taking = doc(value);
  return {
    ...trafficOf(taking),
    behind: figure(taking.behind_records) ?? 0,
    interests: figure(taking.interests) ?? 0,
    refusedInterests: figure(taking.refused_interests) ?? 0,
    historyWaits: figure(taking.history_waits) ?? 0,
  };
}

function termsOf(value: unknown): Terms {
  const terms = doc(value);
  return {
    onward: flag(terms.onward),
    passesOn: docs(terms.passes_on).map((one) => ({
      organisation: text(one.organisation) ?? '',
      root: text(one.root) ?? '',
      filters: texts(one.filters),
    })),
    carriesHome: texts(terms.carries_home),
    bytesPerS: figure(terms.bytes_per_s),
    envelopesPerS: figure(terms.envelopes_per_s),
    interests: figure(terms.interests),
    historyBytesPerS: figure(terms.history_bytes_per_s),
  };
}

/** Reads the answer. */
export function peersOf(value: unknown): Peer[] {
  return docs(value).map((peer) => ({
    organisation: text(peer.organisation) ?? '',
    statement: text(peer.statement) ?? '',
    address: text(peer.address) ?? '',
    isInForce: flag(peer.in_force),
    from: time(peer.from),
    until: time(peer.until),
    weExport: texts(peer.we_export),
    weImport: texts(peer.we_import),
    theyExport: texts(peer.they_export),
    theyImport: texts(peer.they_import),
    ours: termsOf(peer.our_terms),
    theirs: termsOf(peer.their_terms),
    heard: time(peer.heard),
    statementsKnown: figure(peer.statements_known) ?? 0,
    cosignedSize: figure(peer.cosigned_size),
    cosignedAt: time(peer.cosigned_at),
    link: linkOf(peer.link),
    taking: takingOf(peer.taking),
    brings: docs(peer.brings).map((one) => ({
      organisation: text(one.organisation) ?? '',
      weImport: texts(one.we_import),
      link: linkOf(one.link),
    })),
  }));
}
