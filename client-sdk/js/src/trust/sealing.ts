// Applying what seals topics and what destroys it: epochs, the keys that readers are given, and the receipts that
// something cannot be opened any more.

import { sha256Hex } from '../bytes.js';
import { everythingOf } from '../filter.js';
import type { EpochAnnounce, Erasure, KeyGrant } from '../statement/body.js';
import { organisationOf } from '../topic.js';
import { checkMaker, EVERYTHING, logIn, pinnedOf } from './application.js';
import type { EpochFact, Organisation } from './facts.js';
import { epochKey, pushTo } from './facts.js';
import type { Policy } from './policy.js';
import type { Entry } from './signers.js';
import { isByStewardOf, notAuthorised, signersOf } from './signers.js';
import { StatementError } from './statement_error.js';

async function checkSteward(policy: Policy, organisation: Organisation, entry: Entry): Promise<void> {
  if (!isByStewardOf(await signersOf(policy, organisation, entry), organisation)) {
    throw notAuthorised(entry, organisation, 'a steward');
  }
}

/** An epoch's number is above the tree's last, and its `min_epoch` never falls. */
export async function applyEpoch(policy: Policy, entry: Entry, body: EpochAnnounce): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  await checkSteward(policy, organisation, entry);
  const { tree, epoch, minEpoch, notAfterUs, publicKey } = body;
  const last = organisation.epochs.get(tree)?.at(-1)?.announce ?? { epoch: 0n, minEpoch: 0n };
  if (epoch <= last.epoch || minEpoch < last.minEpoch) {
    const wanted = `an epoch above ${last.epoch} and min_epoch of ${last.minEpoch} or more`;
    throw new StatementError(`epoch of ${tree}`, wanted, `${epoch} and ${minEpoch}`);
  }
  logIn(organisation, entry);
  organisation.epochKeys.set(epochKey(tree, epoch), { key: sha256Hex(publicKey), notAfter: notAfterUs });
  pushTo(organisation.epochs, tree, { id: entry.id, announce: body });
}

/**
 * A steward gives the key of its organisation's topics to anybody, and hands one that it was given by another
 * organisation on to its own principals.
 */
export async function applyKeyGrant(policy: Policy, entry: Entry, body: KeyGrant): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  await checkSteward(policy, organisation, entry);
  const { tree, epoch, reader } = body;
  const isOwn = organisationOf(tree) === body.organisation;
  if (!isOwn && !organisation.principals.has(reader)) {
    throw new StatementError(`key grant on ${tree}`, `a reader of ${body.organisation}`, reader);
  }
  if (isOwn && organisation.erasedEpochs.has(epochKey(tree, epoch))) {
    throw new StatementError(
      `key grant on ${tree}`,
      'an epoch whose seed is there',
      `epoch ${epoch}, erased`,
    );
  }
  logIn(organisation, entry);
  pushTo(organisation.keyGrants, `${reader} ${epochKey(tree, epoch)}`, entry.id);
}

/** A receipt is for whoever had what is destroyed. */
export async function applyErasure(policy: Policy, entry: Entry, body: Erasure): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  const { erased } = body;
  if (erased.tree === undefined) {
    const about = { filter: everythingOf(body.organisation), all: undefined, wanted: EVERYTHING };
    await checkMaker(policy, organisation, entry, about);
    logIn(organisation, entry);
    return;
  }
  await checkSteward(policy, organisation, entry);
  const { tree, epoch, key } = erased;
  const announced = organisation.epochKeys.get(epochKey(tree, epoch));
  if (announced?.key !== key) {
    throw new StatementError(`erasure on ${tree}`, `the announced key of epoch ${epoch}`, key);
  }
  if (announced.notAfter > entry.received) {
    throw new StatementError(`erasure on ${tree}`, 'an epoch that is over', `epoch ${epoch}, in use`);
  }
  logIn(organisation, entry);
  organisation.erasedEpochs.add(epochKey(tree, epoch));
}

/**
 * The newest epoch in force of a tree, unless another one has ended it: who was shut out has its key still, also
 * where the other was revoked or has run out.
 */
export function currentEpoch(
  facts: readonly EpochFact[],
  stands: (fact: EpochFact) => boolean,
  nowUs: bigint,
): EpochAnnounce | undefined {
  const begun = facts.filter(({ announce }) => announce.notBeforeUs <= nowUs);
  const newest = begun.filter((fact) => stands(fact) && nowUs < fact.announce.notAfterUs).at(-1)?.announce;
  const isEnded = begun.some(({ announce }) => announce.minEpoch > (newest?.epoch ?? 0n));
  return isEnded ? undefined : newest;
}

/** Below 0 where the first of two trees that hold a topic is the more specific: at each level a name before `+` before `#`. */
export function compareTrees(one: string, other: string): number {
  const [left, right] = [one.split('/'), other.split('/')];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = rank(left[at]) - rank(right[at]);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}

function rank(level: string | undefined): number {
  if (level === '#') {
    return 2;
  }
  return level === '+' ? 1 : 0;
}
