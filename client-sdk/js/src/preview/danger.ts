// What nobody should sign without having been asked twice. The first eight are those of the command
// line and follow from the statement alone; the others follow from what the node says that it would do,
// and from who is asking: a page is clicked through more easily than a command is typed.

import { filterContains, filterMatches } from '../filter.js';
import type { Effect } from './phrase.js';
import { type GrantSaid, organisationOf, type PartySaid, type PrincipalKind, type Said } from './said.js';

/** One reason to be careful. */
export type Danger =
  | { danger: 'every-topic'; organisation: string }
  | { danger: 'everybody'; organisation: string }
  | { danger: 'grant-right' }
  | { danger: 'administer-right' }
  | { danger: 'onward' }
  | { danger: 'all-history' }
  | { danger: 'travels-on'; owner: string; via: string }
  | { danger: 'third-root'; owner: string; via: string; taker: string }
  | { danger: 'personal-topics'; topics: string[] }
  | { danger: 'not-sealed'; topic: string }
  | { danger: 'own-key' }
  | { danger: 'own-rights' }
  | { danger: 'steward' }
  | { danger: 'node' }
  | { danger: 'administrator'; name: string };

/** What is known of whom a statement is about, for the dangers that do not follow from it alone. */
export interface Surroundings {
  /** Who is asking, `name@organisation`, with the key's fingerprint. */
  self: { name: string; id: string };
  /** Topics of class personal, as far as they are known. */
  personal: ReadonlySet<string>;
  /** What kind a key's holder is, by the key's fingerprint. */
  kindOf(id: string): PrincipalKind | undefined;
  /** What the statement would do, where the node has said so. */
  effect?: Effect | undefined;
  /** Whose key is revoked. */
  holder?: string | undefined;
}

/** What is dangerous about a statement by itself: without knowing what stands already. */
export function dangers(said: Said): Danger[] {
  switch (said.kind) {
    case 'grant':
      return ofGrant(said);
    case 'role': {
      const member = said.member.startsWith('*@') ? organisationOf(said.member) : undefined;
      const isForeign = member !== undefined && member !== said.organisation;
      return isForeign ? [{ danger: 'everybody', organisation: member }] : [];
    }
    case 'peering': {
      const [left, right] = said.parties;
      return [...ofParty(left, right), ...ofParty(right, left)];
    }
    default:
      return [];
  }
}

/** What is dangerous about it here and now: what it opens, whom it ends, and whether that is oneself. */
export function dangersHere(said: Said, around: Surroundings): Danger[] {
  const all: Danger[] = [];
  const personal = personalOpened(said, around);
  if (personal.length > 0) all.push({ danger: 'personal-topics', topics: personal });
  if (said.kind === 'stream-descriptor' && said.class === 'open') {
    all.push({ danger: 'not-sealed', topic: said.topic });
  }
  if (said.kind === 'revoke' && 'principal' in said.target) {
    all.push(...ofKey(said.target.principal, around));
  } else {
    all.push(...ofClosed(around));
  }
  return all;
}

const READING: readonly string[] = ['subscribe', 'history', 'decrypt'];

/** Topics about people that it opens: to somebody today, or by its filter to whoever it is for. */
function personalOpened(said: Said, around: Surroundings): string[] {
  const isRead = (actions: readonly string[]) => actions.some((action) => READING.includes(action));
  const opened = (around.effect?.opened ?? []).filter((change) => isRead(change.actions));
  const topics = new Set(opened.map((change) => change.topic).filter((topic) => around.personal.has(topic)));
  if (said.kind === 'grant' && isRead(said.actions)) {
    for (const topic of around.personal) if (filterMatches(said.filter, topic)) topics.add(topic);
  }
  return [...topics].sort();
}

function ofKey(id: string, around: Surroundings): Danger[] {
  if (id === around.self.id) return [{ danger: 'own-key' }];
  const kind = around.kindOf(id);
  if (kind === 'steward') return [{ danger: 'steward' }];
  if (kind === 'node') return [{ danger: 'node' }];
  return losesAdministration(around).map((name) => ({ danger: 'administrator', name }));
}

/** Whoever would administer less than before, oneself first of all. */
function ofClosed(around: Surroundings): Danger[] {
  return losesAdministration(around).map((name) =>
    name === around.self.name ? { danger: 'own-rights' } : { danger: 'administrator', name },
  );
}

function losesAdministration(around: Surroundings): string[] {
  const closed = around.effect?.closed ?? [];
  const losing = closed.filter((change) => change.actions.includes('administer'));
  return [...new Set(losing.map((change) => change.principal))].sort();
}

function ofGrant(grant: GrantSaid): Danger[] {
  const own = grant.organisation;
  const all: Danger[] = [];
  // However it is written: `fujisawa/+/#` is as much as `fujisawa/#`.
  if (filterContains(grant.filter, `${own}/#`)) all.push({ danger: 'every-topic', organisation: own });
  const isEverybody = grant.grantee.startsWith('*@');
  const theirs = organisationOf(grant.grantee);
  if (isEverybody && theirs !== own) all.push({ danger: 'everybody', organisation: theirs });
  if (grant.actions.includes('grant')) all.push({ danger: 'grant-right' });
  if (grant.actions.includes('administer')) all.push({ danger: 'administer-right' });
  if (grant.onward) all.push({ danger: 'onward' });
  const isUnbounded = grant.actions.includes('history') && grant.historyFrom === undefined;
  if (isUnbounded) all.push({ danger: 'all-history' });
  return all;
}

function ofParty(one: PartySaid, other: PartySaid): Danger[] {
  const all: Danger[] = [];
  const [own, taker] = [one.organisation, other.organisation];
  if (one.onward && one.exports.length > 0) all.push({ danger: 'travels-on', owner: own, via: taker });
  for (const transit of one.passesOn) {
    all.push({ danger: 'third-root', owner: transit.organisation, via: own, taker });
  }
  return all;
}
