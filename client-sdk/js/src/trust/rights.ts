// Which grant in force gives somebody what is asked, which deny takes it, and what a grant may be handed on as.

import { filterContains, filterMatches, filtersOverlap } from '../filter.js';
import type { PrincipalName } from '../name.js';
import { granteeCovers, parseGrantee } from '../name.js';
import type { Action } from '../statement/action.js';
import { hasAction } from '../statement/action.js';
import type { Grant } from '../statement/body.js';
import { organisationOf } from '../topic.js';
import type { Delegation, DenyFact, GrantFact, Membership, Organisation, PrincipalRecord } from './facts.js';
import { isLater } from './facts.js';
import type { Policy } from './policy.js';
import { Missing, StatementError } from './statement_error.js';
import type { View } from './view.js';
import { hasPassed, hasReached, live } from './view.js';

/** Grants between an issuer's and the last one handed on from it. */
const DELEGATION_DEPTH_MAX = 8;

/** What gives somebody a right, and the role by which the grant speaks of them. */
interface Given {
  readonly fact: GrantFact;
  readonly role: Membership | undefined;
}

/** Facts that speak of a principal: by name, as one of its organisation, or by a role; and that touch an object. */
function* factsOf<F>(
  view: View,
  owner: Organisation,
  facts: ReadonlyMap<string, F[]>,
  name: PrincipalName,
): Generator<{ fact: F; role: Membership | undefined }, void, void> {
  for (const grantee of [name.text, `*@${name.organisation}`]) {
    for (const fact of facts.get(grantee) ?? []) {
      yield { fact, role: undefined };
    }
  }
  for (const role of owner.memberships(view, name)) {
    for (const fact of facts.get(role.fact.role.role) ?? []) {
      yield { fact, role };
    }
  }
}

/** Whether a right speaks of a principal. */
export function means(owner: Organisation, view: View, grantee: string, name: PrincipalName): boolean {
  const parsed = parseGrantee(grantee);
  if (parsed.kind !== 'role') {
    return granteeCovers(parsed, name);
  }
  return owner.memberships(view, name).some((held) => held.fact.role.role === grantee);
}

/** Who may not subscribe may not replay either. */
function blocks(fact: DenyFact, action: Action): boolean {
  const { actions } = fact.deny;
  return hasAction(actions, action) || (action === 'history' && hasAction(actions, 'subscribe'));
}

/**
 * Whether a grant has begun, has not ended, was not revoked, and, where it was handed on, whether its grantor
 * still holds the grant it came from.
 */
function isInForce(policy: Policy, view: View, owner: Organisation, fact: GrantFact): boolean {
  if (owner.isRevoked(view, fact.id)) {
    return false;
  }
  if (fact.delegation !== undefined && !stillHolds(policy, view, owner, fact.delegation)) {
    return false;
  }
  return !hasPassed(view, fact.grant.untilUs) && hasReached(view, fact.grant.fromUs);
}

function stillHolds(policy: Policy, view: View, owner: Organisation, delegation: Delegation): boolean {
  const { grantor, parent } = delegation;
  let record: PrincipalRecord;
  try {
    record = policy.standing(view, grantor);
  } catch (cause) {
    if (cause instanceof Missing) {
      return false;
    }
    throw cause;
  }
  // A principal may lose the role that it held the grant by; its name stays.
  const isRole = parseGrantee(parent.grant.grantee).kind === 'role';
  const isMeant = !isRole || means(owner, view, parent.grant.grantee, record.name);
  return isMeant && isInForce(policy, view, owner, parent);
}

/**
 * Whether a principal may publish on a topic.
 *
 * @throws Missing the first thing missing.
 */
export function permitPublish(policy: Policy, id: string, topic: string, nowUs: bigint): void {
  const view = live(nowUs);
  const record = policy.standing(view, id);
  const owner = policy.trusted(organisationOf(topic));
  if (owner === undefined) {
    throw new Missing(`nothing trusted says who ${organisationOf(topic)} is`);
  }
  policy.crossPublishing(view, topic, record.name.organisation);
  if (owner.isKeyRevoked(view, id)) {
    throw new Missing(`${owner.name} blocks ${record.name.text}`);
  }
  for (const { fact } of factsOf(view, owner, owner.denies, record.name)) {
    const isOfTopic = filterMatches(fact.deny.filter, topic);
    if (isOfTopic && !owner.isRevoked(view, fact.id) && blocks(fact, 'publish')) {
      throw new Missing(`statement ${fact.id} denies it`);
    }
  }
  for (const { fact } of factsOf(view, owner, owner.grants, record.name)) {
    const gives = hasAction(fact.grant.actions, 'publish') && filterMatches(fact.grant.filter, topic);
    if (gives && isInForce(policy, view, owner, fact)) {
      return;
    }
  }
  throw new Missing(`no grant of ${owner.name}`);
}

/** The first deny of any of the actions to a principal on any of a filter. */
function denied(
  owner: Organisation,
  name: PrincipalName,
  filter: string,
  isOf: (fact: DenyFact) => boolean,
  received: bigint,
): DenyFact | undefined {
  for (const { fact } of factsOf(live(received), owner, owner.denies, name)) {
    if (isOf(fact) && filtersOverlap(fact.deny.filter, filter)) {
      return fact;
    }
  }
  return undefined;
}

/**
 * Whether a principal may state something about a filter: by a grant to administer all of it, or to grant on all
 * of it together with every action of `all`.
 *
 * @param all - a set of actions; undefined: only by administering
 */
export function mayState(
  policy: Policy,
  owner: Organisation,
  record: PrincipalRecord,
  filter: string,
  all: number | undefined,
  received: bigint,
): boolean {
  const isStating = (fact: DenyFact) => blocks(fact, 'grant') || blocks(fact, 'administer');
  if (denied(owner, record.name, filter, isStating, received) !== undefined) {
    return false;
  }
  const view = live(received);
  for (const { fact } of factsOf(view, owner, owner.grants, record.name)) {
    const { actions } = fact.grant;
    const byGrant = hasAction(actions, 'grant') && all !== undefined && (actions & all) === all;
    const gives = (hasAction(actions, 'administer') || byGrant) && filterContains(fact.grant.filter, filter);
    if (gives && isInForce(policy, view, owner, fact)) {
      return true;
    }
  }
  return false;
}

/**
 * The longest grant that a principal may hand another one on from.
 *
 * @throws StatementError where there is none.
 */
export function delegationOf(
  policy: Policy,
  owner: Organisation,
  record: PrincipalRecord,
  grant: Grant,
  received: bigint,
): Delegation {
  const { name } = record;
  if (grant.grantee === name.text) {
    throw new StatementError('grant', 'a grant to somebody else', `one of ${name.text} to itself`);
  }
  checkNotDenied(owner, record, grant, received);
  const view = live(received);
  let lacks = 'the action grant or administer, in force';
  let best: Given | undefined;
  for (const given of factsOf(view, owner, owner.grants, name)) {
    const { fact } = given;
    if (!filtersOverlap(fact.grant.filter, grant.filter) || !isInForce(policy, view, owner, fact)) {
      continue;
    }
    const more = excess(grant, heldAs(given), name.organisation);
    if (more !== undefined) {
      lacks = more;
    } else if ((fact.delegation?.depth ?? 0) >= DELEGATION_DEPTH_MAX) {
      lacks = "fewer grants between it and an issuer's";
    } else if (best === undefined || isLater(heldAs(given).untilUs, heldAs(best).untilUs)) {
      best = given;
    }
  }
  if (best === undefined) {
    throw new StatementError(`grant of ${name.text}`, lacks, 'less');
  }
  return { grantor: record.id, parent: best.fact, depth: (best.fact.delegation?.depth ?? 0) + 1 };
}

/** Whoever is denied something, or handing things on, hands it on to nobody. */
function checkNotDenied(owner: Organisation, record: PrincipalRecord, grant: Grant, received: bigint): void {
  const isOf = (fact: DenyFact): boolean => {
    const isShared = (fact.deny.actions & grant.actions) !== 0;
    const isHistory = hasAction(grant.actions, 'history') && blocks(fact, 'history');
    return isShared || isHistory || blocks(fact, 'grant') || blocks(fact, 'administer');
  };
  const deny = denied(owner, record.name, grant.filter, isOf, received);
  if (deny !== undefined) {
    throw new StatementError('grant', 'a grantor that is not denied it', `statement ${deny.id}`);
  }
}

/** A grant as its holder has it: a role may begin later and end earlier. */
function heldAs({ fact, role }: Given): Grant {
  if (role === undefined) {
    return fact.grant;
  }
  const fromUs = fact.grant.fromUs > role.since ? fact.grant.fromUs : role.since;
  const roleEnd = role.fact.role.untilUs;
  const untilUs = isLater(fact.grant.untilUs, roleEnd) ? roleEnd : fact.grant.untilUs;
  return { ...fact.grant, fromUs, untilUs };
}

/** In what a grant exceeds the one it would be handed on from; undefined where it does not. */
function excess(child: Grant, parent: Grant, grantorOrganisation: string): string | undefined {
  if (!hasAction(parent.actions, 'grant') && !hasAction(parent.actions, 'administer')) {
    return 'a grant with the action grant or administer';
  }
  if ((child.actions & ~parent.actions) !== 0) {
    return 'the same actions';
  }
  if (!filterContains(parent.filter, child.filter)) {
    return 'a filter that contains it';
  }
  if (isLater(child.untilUs, parent.untilUs) || child.fromUs < parent.fromUs) {
    return 'a period as long';
  }
  if (exceedsHistory(child, parent)) {
    return 'history as old and as new';
  }
  if (exceedsRate(child, parent)) {
    return 'a rate as high';
  }
  return exceedsReach(child, parent, grantorOrganisation) ? 'onward' : undefined;
}

/** History reaches to the grant's beginning, so a later beginning is more of it for who may not read what came since. */
function exceedsHistory(child: Grant, parent: Grant): boolean {
  if (!hasAction(child.actions, 'history')) {
    return false;
  }
  const isOlder =
    parent.historyFromUs !== undefined &&
    (child.historyFromUs === undefined || child.historyFromUs < parent.historyFromUs);
  return isOlder || (child.fromUs > parent.fromUs && !hasAction(parent.actions, 'subscribe'));
}

function exceedsRate(child: Grant, parent: Grant): boolean {
  if (!hasAction(child.actions, 'publish') || parent.ratePerS === undefined) {
    return false;
  }
  return child.ratePerS === undefined || child.ratePerS > parent.ratePerS;
}

function exceedsReach(child: Grant, parent: Grant, grantorOrganisation: string): boolean {
  const grantee = parseGrantee(child.grantee);
  // Whoever has a role: of what organisation is the owner's to say.
  const stays =
    grantee.kind !== 'role' &&
    (grantee.organisation === grantorOrganisation || grantee.organisation === child.organisation);
  const isForeign = grantorOrganisation !== child.organisation;
  return !parent.onward && (child.onward || (isForeign && !stays));
}
