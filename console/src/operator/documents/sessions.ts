// Who is here and who was turned away: the node's answers to `sessions` and `refusals`.

import { counts, doc, docs, figure, flag, text, time } from './read';

/** A live session. */
export interface LiveSession {
  session: number;
  principal: string;
  id: string;
  kind: string;
  isPeer: boolean;
  via: string;
  address?: string | undefined;
  since?: number | undefined;
  published: Rate;
  delivered: Rate;
  subscriptions: { filter: string; since?: number | undefined }[];
  subscriptionsLeftOut: number;
}

/** What went one way. */
export interface Rate {
  records: number;
  bytes: number;
  perS: number;
}

/** One page of sessions. */
export interface SessionPage {
  count: number;
  sessions: LiveSession[];
  next?: number | undefined;
}

function rateOf(value: unknown): Rate {
  const rate = doc(value);
  return {
    records: figure(rate.records) ?? 0,
    bytes: figure(rate.bytes) ?? 0,
    perS: figure(rate.per_s) ?? 0,
  };
}

/** Reads a page of sessions. */
export function sessionsOf(value: unknown): SessionPage {
  const page = doc(value);
  return {
    count: figure(page.count) ?? 0,
    next: figure(page.next),
    sessions: docs(page.sessions).map((one) => ({
      session: figure(one.session) ?? 0,
      principal: text(one.principal) ?? '',
      id: text(one.id) ?? '',
      kind: text(one.kind) ?? '',
      isPeer: flag(one.peer),
      via: text(one.via) ?? '',
      address: text(one.address),
      since: time(one.since),
      published: rateOf(one.published),
      delivered: rateOf(one.delivered),
      subscriptions: docs(one.subscriptions).map((sub) => ({
        filter: text(sub.filter) ?? '',
        since: time(sub.since),
      })),
      subscriptionsLeftOut: figure(one.subscriptions_left_out) ?? 0,
    })),
  };
}

/** Something that the node refused, or the same again. */
export interface Refused {
  number: number;
  first?: number | undefined;
  last?: number | undefined;
  times: number;
  code: string;
  what: string;
  why: string;
  principal?: string | undefined;
  id?: string | undefined;
  address?: string | undefined;
  via?: string | undefined;
}

/** The newest refusals. */
export interface RefusalPage {
  /** Ever, since the node began. */
  count: number;
  byCode: { reason: string; count: number }[];
  refusals: Refused[];
  next?: number | undefined;
}

/** Reads a page of refusals. */
export function refusalsOf(value: unknown): RefusalPage {
  const page = doc(value);
  return {
    count: figure(page.count) ?? 0,
    byCode: counts(page.by_code),
    next: figure(page.next),
    refusals: docs(page.refusals).map((one) => ({
      number: figure(one.number) ?? 0,
      first: time(one.first),
      last: time(one.last),
      times: figure(one.times) ?? 1,
      code: text(one.code) ?? '',
      what: text(one.what) ?? '',
      why: text(one.why) ?? '',
      principal: text(one.principal),
      id: text(one.id),
      address: text(one.address),
      via: text(one.via),
    })),
  };
}
