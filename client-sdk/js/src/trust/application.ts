// Applying a statement: its signatures and the authority behind them are checked, then it is logged and takes
// effect. A statement that is refused changes nothing.

import { everythingOf } from '../filter.js';
import { principalId } from '../identity.js';
import { CLOCK_AHEAD_MAX_US } from '../limits.js';
import { granteeCovers, parseGrantee, parsePrincipalName } from '../name.js';
import type { Deny, Grant, Issuer, OrgRoot, Principal, Role, StreamDescriptor } from '../statement/body.js';
import { organisationsOf } from '../statement/body.js';
import type { Statement } from '../statement.js';
import { bodyHash, statementId } from '../statement.js';
import { applyPeering, applyRevoke, isMissingInALog } from './agreement.js';
import type { Delegation, IssuerRecord, PrincipalRecord } from './facts.js';
import { enterByAge, Organisation, pushTo } from './facts.js';
import type { Policy } from './policy.js';
import { delegationOf, mayState } from './rights.js';
import { applyEpoch, applyErasure, applyKeyGrant } from './sealing.js';
import type { Entry, Signers } from './signers.js';
import { checkKey, notAuthorised, ownSigners, signersOf } from './signers.js';
import { StatementError } from './statement_error.js';

/** Who else than an issuer decides about everything of an organisation. */
export const EVERYTHING = 'an issuer, or a principal that may administer everything';
/** Organisations that may be known without anybody vouching for them. */
const NOT_PINNED_MAX = 16;
/** Statements kept of each of them. */
const NOT_PINNED_STATEMENTS_MAX = 64;

/**
 * Applies a statement that was received then. One that is known is not applied again.
 *
 * @throws StatementError the first thing that is wrong with it; nothing was changed.
 */
export async function apply(policy: Policy, statement: Statement, received: bigint): Promise<void> {
  const entry = { id: statementId(statement), statement, received };
  const isKnown = organisationsOf(statement.body).some((name) => {
    return policy.organisations.get(name)?.log.has(entry.id) === true;
  });
  if (isKnown && !isMissingInALog(policy, entry)) {
    return;
  }
  if (statement.body.issuedUs > received + CLOCK_AHEAD_MAX_US) {
    throw new StatementError(`${statement.kind} statement`, 'one of now', 'one of later');
  }
  await take(policy, entry);
}

async function take(policy: Policy, entry: Entry): Promise<void> {
  const { body } = entry.statement;
  switch (body.kind) {
    case 'org-root':
      return applyRoot(policy, entry, body);
    case 'issuer':
      return applyIssuer(policy, entry, body);
    case 'principal':
      return applyPrincipal(policy, entry, body);
    case 'grant':
      return applyGrant(policy, entry, body);
    case 'deny':
      return applyDeny(policy, entry, body);
    case 'revoke':
      return applyRevoke(policy, entry, body);
    case 'stream-descriptor':
      return applyDescriptor(policy, entry, body);
    case 'epoch-announce':
      return applyEpoch(policy, entry, body);
    case 'key-grant':
      return applyKeyGrant(policy, entry, body);
    case 'peering':
      return applyPeering(policy, entry, body);
    case 'role':
      return applyRole(policy, entry, body);
    case 'erasure':
      return applyErasure(policy, entry, body);
  }
}

/** The organisation of a statement, whether or not anybody vouches for it. */
function knownOf(policy: Policy, entry: Entry, name: string): Organisation {
  const known = policy.organisations.get(name);
  if (known === undefined) {
    throw new StatementError(`${entry.statement.kind} statement of ${name}`, 'its root first', 'none');
  }
  return known;
}

/** The organisation of a statement, which somebody trusted vouches for. */
export function pinnedOf(policy: Policy, entry: Entry, name: string): Organisation {
  const known = knownOf(policy, entry, name);
  if (!known.isPinned) {
    throw new StatementError(
      `${entry.statement.kind} statement of ${name}`,
      'a peering for its root',
      'none',
    );
  }
  return known;
}

/** Logs a statement. */
export function logIn(organisation: Organisation, entry: Entry): void {
  organisation.log.set(entry.id, entry);
}

function checkPeriod(entry: Entry, from: bigint, until: bigint | undefined): void {
  if (until !== undefined && until <= from) {
    throw new StatementError(
      `${entry.statement.kind} statement`,
      'a period that ends after it begins',
      'another',
    );
  }
}

function byRoot(entry: Entry, organisation: Organisation, signers: Signers): void {
  if (signers.roots < organisation.root.threshold) {
    throw notAuthorised(entry, organisation, `${organisation.root.threshold} keys of the root`);
  }
}

async function applyRoot(policy: Policy, entry: Entry, body: OrgRoot): Promise<void> {
  const name = body.organisation;
  const fingerprint = bodyHash(entry.statement);
  const pinned = policy.pins.get(name);
  const wanted = policy.trusted(name)?.root.fingerprint ?? pinned;
  if (wanted !== undefined && wanted !== fingerprint) {
    throw new StatementError(`root of ${name}`, wanted, fingerprint);
  }
  for (const key of body.keys) {
    checkKey(entry, key);
  }
  const waiting = [...policy.organisations.values()].filter(
    (known) => !known.isPinned && known.name !== name,
  );
  if (pinned === undefined && waiting.length >= NOT_PINNED_MAX) {
    throw new StatementError(
      `root of ${name}`,
      `at most ${NOT_PINNED_MAX} organisations before a peering`,
      'more',
    );
  }
  const keys = new Map(body.keys.map((key) => [principalId(key), key]));
  const root = { fingerprint, keys, threshold: body.threshold };
  const organisation = new Organisation(name, root, pinned !== undefined);
  byRoot(entry, organisation, await signersOf(policy, organisation, entry));
  logIn(organisation, entry);
  policy.organisations.set(name, organisation);
}

async function applyIssuer(policy: Policy, entry: Entry, body: Issuer): Promise<void> {
  const organisation = knownOf(policy, entry, body.organisation);
  if (!organisation.isPinned && organisation.log.size >= NOT_PINNED_STATEMENTS_MAX) {
    const wanted = `at most ${NOT_PINNED_STATEMENTS_MAX} statements before a peering`;
    throw new StatementError(organisation.name, wanted, 'more');
  }
  checkKey(entry, body.publicKey);
  byRoot(entry, organisation, await signersOf(policy, organisation, entry));
  const id = principalId(body.publicKey);
  if (organisation.issuers.get(id)?.at(-1)?.revoked !== undefined) {
    throw new StatementError('issuer statement', 'a key that was not revoked', id);
  }
  const { publicKey, untilUs } = body;
  const { received } = entry;
  const record: IssuerRecord = { id, publicKey, until: untilUs, received, revoked: undefined };
  logIn(organisation, entry);
  enterByAge(organisation.issuers, id, record);
}

async function applyPrincipal(policy: Policy, entry: Entry, body: Principal): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  const signers = await signersOf(policy, organisation, entry);
  if (!signers.isByIssuer) {
    throw notAuthorised(entry, organisation, 'an issuer');
  }
  checkKey(entry, body.publicKey);
  const id = principalId(body.publicKey);
  if (organisation.revokedKeys.has(id)) {
    throw new StatementError('principal statement', 'a key that was not revoked', id);
  }
  const name = parsePrincipalName(`${body.name}@${body.organisation}`);
  checkKeyIsFree(policy, id, name.text, body.organisation);
  const record: PrincipalRecord = {
    name,
    kind: body.principalKind,
    id,
    publicKey: body.publicKey,
    kemSuite: body.kemSuite,
    kemPublicKey: body.kemPublicKey,
    attested: body.attested,
    until: body.untilUs,
    received: entry.received,
    revoked: undefined,
  };
  const namers = policy.namers.get(id) ?? [];
  if (!namers.includes(organisation.name)) {
    policy.namers.set(id, [...namers, organisation.name]);
  }
  logIn(organisation, entry);
  enterByAge(organisation.principals, id, record);
}

/**
 * In its organisation, a key is one principal's. What other organisations say about a key of the own one is
 * refused; they cannot keep it from naming its keys.
 */
function checkKeyIsFree(policy: Policy, id: string, name: string, organisation: string): void {
  for (const holder of [policy.own, organisation]) {
    const record = policy.organisations.get(holder)?.principal(id);
    if (record !== undefined && record.name.text !== name) {
      throw new StatementError(`principal ${name}`, 'a key of its own', `that of ${record.name.text}`);
    }
  }
}

async function applyGrant(policy: Policy, entry: Entry, body: Grant): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  checkPeriod(entry, body.fromUs, body.untilUs);
  const delegation = await basisOf(policy, organisation, entry, body);
  logIn(organisation, entry);
  pushTo(organisation.grants, body.grantee, { id: entry.id, grant: body, delegation });
}

/** What gives the signers of a grant the right to give it: undefined where one is an issuer. */
async function basisOf(
  policy: Policy,
  organisation: Organisation,
  entry: Entry,
  body: Grant,
): Promise<Delegation | undefined> {
  const signers = await signersOf(policy, organisation, entry);
  if (signers.isByIssuer) {
    return undefined;
  }
  let first: StatementError | undefined;
  for (const record of signers.principals) {
    try {
      return delegationOf(policy, organisation, record, body, entry.received);
    } catch (cause) {
      if (!(cause instanceof StatementError)) {
        throw cause;
      }
      first ??= cause;
    }
  }
  throw first ?? notAuthorised(entry, organisation, 'an issuer, or a principal that holds what it grants');
}

/**
 * Checks that an issuer, or one of the organisation's own principals that may, makes a statement about a filter.
 *
 * @returns whether it was an issuer
 */
export async function checkMaker(
  policy: Policy,
  organisation: Organisation,
  entry: Entry,
  about: { readonly filter: string; readonly all: number | undefined; readonly wanted: string },
): Promise<boolean> {
  const signers = await signersOf(policy, organisation, entry);
  if (signers.isByIssuer) {
    return true;
  }
  const { filter, all, wanted } = about;
  const holders = ownSigners(signers, organisation);
  if (!holders.some((record) => mayState(policy, organisation, record, filter, all, entry.received))) {
    throw notAuthorised(entry, organisation, wanted);
  }
  return false;
}

async function applyDeny(policy: Policy, entry: Entry, body: Deny): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  const wanted = 'an issuer, or a principal that may administer or grant all of it';
  await checkMaker(policy, organisation, entry, { filter: body.filter, all: body.actions, wanted });
  logIn(organisation, entry);
  pushTo(organisation.denies, body.grantee, { id: entry.id, deny: body });
}

/** Whoever may say who has a role decides about all that it is ever given; and nobody takes a role. */
async function applyRole(policy: Policy, entry: Entry, body: Role): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  checkPeriod(entry, body.issuedUs, body.untilUs);
  const about = { filter: everythingOf(body.organisation), all: undefined, wanted: EVERYTHING };
  const isByIssuer = await checkMaker(policy, organisation, entry, about);
  const member = parseGrantee(body.member);
  const isOwn = entry.statement.signatures.some(({ signer }) => {
    const found = policy.record(signer);
    return found !== undefined && granteeCovers(member, found.record.name);
  });
  if (!isByIssuer && isOwn) {
    throw new StatementError('role statement', 'a member that does not sign it', body.member);
  }
  logIn(organisation, entry);
  organisation.roles.push({ id: entry.id, received: entry.received, role: body });
}

async function applyDescriptor(policy: Policy, entry: Entry, body: StreamDescriptor): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  const wanted = 'an issuer, or a principal that may administer the topic';
  await checkMaker(policy, organisation, entry, { filter: body.topic, all: undefined, wanted });
  logIn(organisation, entry);
  const { id, received } = entry;
  enterByAge(organisation.descriptors, body.topic, { id, received, descriptor: body });
}
