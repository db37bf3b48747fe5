// Applying what begins and ends an agreement: peerings, which two organisations sign, and revocations, which must
// never be easier than what they undo.

import { everythingOf } from '../filter.js';
import { principalId } from '../identity.js';
import { granteeCovers, parseGrantee } from '../name.js';
import type { Peering, PeeringParty, Revoke, StatementBody } from '../statement/body.js';
import { sidesOf } from '../statement/body.js';
import { statementSigningInput } from '../statement.js';
import { logIn, pinnedOf } from './application.js';
import type { Logged, Organisation, PeeringFact, PrincipalRecord } from './facts.js';
import { enterPeering } from './facts.js';
import type { Policy } from './policy.js';
import { mayState, means } from './rights.js';
import type { Entry, Signers } from './signers.js';
import { checkKey, isByStewardOf, isSigned, notAuthorised, ownSigners, signersOf } from './signers.js';
import { StatementError } from './statement_error.js';
import { live } from './view.js';

/** Which parties signed a peering, and whether somebody did who is no issuer of either, as far as is known here. */
interface Signed {
  readonly by: ReadonlySet<string>;
  readonly stranger: string | undefined;
}

/**
 * Whether a peering of two others is still missing in the log of one that has come to be trusted since: what it
 * says and what ends it is looked for there.
 */
export function isMissingInALog(policy: Policy, entry: Entry): boolean {
  const { body } = entry.statement;
  if (body.kind !== 'peering' || sidesOf(body, policy.own) !== undefined) {
    return false;
  }
  return body.parties.some(({ organisation }) => policy.trusted(organisation)?.log.has(entry.id) === false);
}

/**
 * A peering takes effect, in both logs, once an issuer of each party signed it. One of two other organisations is
 * only kept in their logs.
 */
export async function applyPeering(policy: Policy, entry: Entry, body: Peering): Promise<void> {
  if (body.untilUs !== undefined && body.untilUs <= body.fromUs) {
    throw new StatementError('peering statement', 'a period that ends after it begins', 'another');
  }
  const signed = await partiesSigned(policy, entry, body);
  const sides = sidesOf(body, policy.own);
  if (sides === undefined) {
    noteForeignPeering(policy, entry, body, signed);
    return;
  }
  checkOwnPeering(policy, entry, body, signed);
  checkNodeIsTheirs(policy, sides.ours, sides.theirs);
  for (const transit of [...sides.ours.passesOn, ...sides.theirs.passesOn]) {
    policy.checkPin(transit.organisation, transit.root);
  }
  takePeering(policy, entry, factOf(entry, body, sides));
}

function factOf(
  entry: Entry,
  body: Peering,
  sides: { ours: PeeringParty; theirs: PeeringParty },
): PeeringFact {
  return { id: entry.id, issued: body.issuedUs, from: body.fromUs, until: body.untilUs, ...sides };
}

async function partiesSigned(policy: Policy, entry: Entry, body: Peering): Promise<Signed> {
  const message = statementSigningInput(entry.statement);
  const view = live(entry.received);
  const by = new Set<string>();
  let stranger: string | undefined;
  for (const { signer, signature } of entry.statement.signatures) {
    const found = body.parties
      .map((party) => policy.organisations.get(party.organisation))
      .find((known) => known?.issuer(view, signer) !== undefined);
    const issuer = found?.issuer(view, signer);
    if (found === undefined || issuer === undefined) {
      stranger = signer;
      continue;
    }
    if (!(await isSigned(issuer.publicKey, message, signature))) {
      throw new StatementError('peering statement', `a signature of ${signer}`, 'one that it did not make');
    }
    by.add(found.name);
  }
  return { by, stranger };
}

function checkOwnPeering(policy: Policy, entry: Entry, body: Peering, signed: Signed): void {
  for (const party of body.parties) {
    const known = policy.organisations.get(party.organisation);
    if (known === undefined) {
      throw new StatementError('peering statement', `the root of ${party.organisation} first`, 'none');
    }
    if (party.root !== known.root.fingerprint) {
      throw new StatementError(`root of ${party.organisation}`, known.root.fingerprint, party.root);
    }
    checkKey(entry, party.nodeKey);
    if (!signed.by.has(party.organisation)) {
      throw new StatementError('peering statement', `a signature of ${party.organisation}`, 'none');
    }
  }
  if (signed.stranger !== undefined) {
    throw new StatementError('peering statement', 'issuers of its parties', signed.stranger);
  }
}

/** A key that the contract makes the other's node is nobody's here. */
function checkNodeIsTheirs(policy: Policy, ours: PeeringParty, theirs: PeeringParty): void {
  const id = principalId(theirs.nodeKey);
  const held = policy.trusted(policy.own)?.principal(id);
  if (held !== undefined || id === principalId(ours.nodeKey)) {
    const found = held?.name.text ?? `the node of ${policy.own}`;
    throw new StatementError(`node of ${theirs.organisation}`, 'a key of its own', `that of ${found}`);
  }
}

/** A contract vouches for the root of its other party and for the roots of those whom that one passes on. */
function takePeering(policy: Policy, entry: Entry, fact: PeeringFact): void {
  const other = fact.theirs.organisation;
  for (const { organisation, root } of fact.theirs.passesOn) {
    policy.pin(organisation, root);
    const vias = policy.transits.get(organisation) ?? new Set();
    policy.transits.set(organisation, vias.add(other));
  }
  policy.pins.set(other, fact.theirs.root);
  for (const name of [fact.ours.organisation, other]) {
    const organisation = policy.organisations.get(name);
    if (organisation !== undefined) {
      logIn(organisation, entry);
      organisation.isPinned = true;
    }
  }
  enterPeering(policy.peerings, other, fact);
}

function noteForeignPeering(policy: Policy, entry: Entry, body: Peering, signed: Signed): void {
  const logs = [...signed.by].flatMap((name) => policy.trusted(name) ?? []);
  if (logs.length === 0) {
    throw new StatementError('peering statement', 'a signature of a party that is trusted', 'none');
  }
  for (const organisation of logs) {
    const sides = sidesOf(body, organisation.name);
    if (sides !== undefined && !organisation.log.has(entry.id)) {
      logIn(organisation, entry);
      enterPeering(organisation.peerings, sides.theirs.organisation, factOf(entry, body, sides));
    }
  }
}

/** A principal is revoked by an issuer, an issuer by the root, a statement by who may state what it ends. */
export async function applyRevoke(policy: Policy, entry: Entry, body: Revoke): Promise<void> {
  const organisation = pinnedOf(policy, entry, body.organisation);
  const signers = await signersOf(policy, organisation, entry);
  const isByRoot = signers.roots >= organisation.root.threshold;
  const { statement: target, principal: id } = body;
  if (id !== undefined) {
    if (!isByRoot && !signers.isByIssuer) {
      throw notAuthorised(entry, organisation, 'an issuer');
    }
    if (organisation.issuers.has(id) && !organisation.principals.has(id) && !isByRoot) {
      throw notAuthorised(entry, organisation, 'the root');
    }
    logIn(organisation, entry);
    organisation.revokeKey(id, entry.received);
    if (isByRoot) {
      organisation.revokeIssuer(id, entry.received);
    }
    return;
  }
  const logged = target === undefined ? undefined : organisation.log.get(target);
  if (logged === undefined) {
    throw new StatementError('revoke statement', `a statement of ${organisation.name}`, `${target}`);
  }
  const asked = { policy, organisation, entry, signers, isByRoot, logged };
  if (!mayRevoke(asked, logged.statement.body)) {
    throw notAuthorised(entry, organisation, 'somebody who may state what it ends');
  }
  logIn(organisation, entry);
  endStatement(organisation, logged, entry.received);
}

interface Asked {
  readonly policy: Policy;
  readonly organisation: Organisation;
  readonly entry: Entry;
  readonly signers: Signers;
  readonly isByRoot: boolean;
  readonly logged: Logged;
}

function mayRevoke(asked: Asked, body: StatementBody): boolean {
  const { organisation, signers, isByRoot } = asked;
  const isByIssuer = isByRoot || signers.isByIssuer;
  switch (body.kind) {
    case 'org-root':
    case 'revoke':
    case 'erasure':
      return false;
    case 'issuer':
      return isByRoot;
    case 'principal':
    case 'peering':
      return isByIssuer;
    case 'epoch-announce':
    case 'key-grant':
      return isByIssuer || isByStewardOf(signers, organisation);
    case 'role':
    case 'grant':
    case 'deny':
    case 'stream-descriptor':
      return isByIssuer || mayEndRight(asked, body);
  }
}

type Right = Extract<StatementBody, { kind: 'role' | 'grant' | 'deny' | 'stream-descriptor' }>;

function mayEndRight(asked: Asked, body: Right): boolean {
  const { policy, organisation, entry, signers, logged } = asked;
  const isAuthor = ({ id }: PrincipalRecord) =>
    logged.statement.signatures.some(({ signer }) => signer === id);
  const may = (record: PrincipalRecord, filter: string, all: number | undefined) =>
    mayState(policy, organisation, record, filter, all, entry.received);
  const own = ownSigners(signers, organisation);
  switch (body.kind) {
    case 'role': {
      // Whoever has a role keeps the denies that come with it.
      const member = parseGrantee(body.member);
      const everything = everythingOf(organisation.name);
      return own.some((record) => !granteeCovers(member, record.name) && may(record, everything, undefined));
    }
    case 'grant':
      return (
        signers.principals.some(isAuthor) || own.some((record) => may(record, body.filter, body.actions))
      );
    case 'deny': {
      // Who is denied something does not lift the deny.
      const view = live(entry.received);
      return own.some((record) => {
        const all = isAuthor(record) ? body.actions : undefined;
        return !means(organisation, view, body.grantee, record.name) && may(record, body.filter, all);
      });
    }
    case 'stream-descriptor':
      return own.some((record) => may(record, body.topic, undefined));
  }
}

/** Takes the effect of a statement that is in the log. */
function endStatement(organisation: Organisation, logged: Logged, received: bigint): void {
  const { body } = logged.statement;
  organisation.revokeStatement(logged.id, received);
  switch (body.kind) {
    case 'issuer':
      organisation.revokeIssuer(principalId(body.publicKey), received);
      return;
    case 'principal':
      organisation.revokeKey(principalId(body.publicKey), received);
      return;
  }
}
