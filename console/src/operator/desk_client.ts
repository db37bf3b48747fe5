// The desk on `@sekisho/client`. What the node answers for people is read with care; what can be proven is
// proven before it is shown.

import {
  type Client,
  decodeStatement,
  type ErrandOptions,
  fromHex,
  type Profile,
  parsePrincipalName,
  principalId,
  Refusal,
  type Statement,
  type StatementBody,
  statementId,
} from '@sekisho/client';
import { type Action, bodyOf, notesOf, type Said, type Signable, saidOf } from '@sekisho/client/preview';
import type { CheckedLog, Desk, Errand, Invitation, LogKind, Offer, Proof, Proposal, Stated } from './desk';
import { accessesOf } from './documents/accesses';
import { epochsOf, storageOf, type TreeEpochs } from './documents/keeping';
import { statusOf } from './documents/node';
import { peersOf } from './documents/peers';
import { doc, figure, flag, text } from './documents/read';
import { whatOf, whoOf, whyOf } from './documents/rights';
import { refusalsOf, sessionsOf } from './documents/sessions';
import { LogAudit } from './log_audit';
import { proofFile } from './proof_file';
import type { Line } from './stand';

/** Pages that are asked for at most: 10,000 trees. */
const PAGES_MAX = 100;
/** Statements in one errand. */
const COUNTERSIGNED_MAX = 64;

function errandOptions(onErrand: (where: Errand) => void): ErrandOptions {
  return { onWaiting: (where) => onErrand(where === 'away' ? 'steward-away' : 'waits') };
}

function signable(said: Said): StatementBody {
  switch (said.kind) {
    case 'grant':
    case 'deny':
    case 'role':
    case 'revoke':
    case 'stream-descriptor':
      return bodyOf(said satisfies Signable);
    default:
      throw new Error(`statement: wanted one that a person signs here, found a ${said.kind}`);
  }
}

/** See {@link Desk}. */
export class ClientDesk implements Desk {
  readonly self: Desk['self'];
  readonly pinned: Desk['pinned'];
  readonly #client: Client;
  readonly #audit: LogAudit;

  constructor(client: Client, profile: Profile) {
    this.#client = client;
    const organisation = profile.principal.slice(profile.principal.lastIndexOf('@') + 1);
    this.self = { name: profile.principal, id: client.principalId, organisation };
    this.pinned = { root: profile.root, nodeKey: profile.nodeKey, node: profile.node };
    this.#audit = new LogAudit(client, this.self.organisation, profile.root);
  }

  async status() {
    return statusOf(await this.#client.status());
  }

  async peers() {
    return peersOf(await this.#client.peers());
  }

  async sessions(asked: { principal?: string; from?: number }) {
    if (asked.principal) parsePrincipalName(asked.principal);
    return sessionsOf(await this.#client.sessions(asked));
  }

  async refusals(before?: number) {
    return refusalsOf(await this.#client.refusals(before === undefined ? {} : { before }));
  }

  async epochs(): Promise<TreeEpochs[]> {
    const all: TreeEpochs[] = [];
    let after: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { trees, next } = epochsOf(await this.#client.epochs(after === undefined ? {} : { after }));
      all.push(...trees);
      if (next === undefined) break;
      after = next;
    }
    return all;
  }

  async storage(levels = 2) {
    const first = storageOf(await this.#client.storage({ levels }));
    let { next } = first;
    for (let page = 1; page < PAGES_MAX && next !== undefined; page += 1) {
      const more = storageOf(await this.#client.storage({ levels, after: next }));
      first.trees.push(...more.trees);
      next = more.next;
    }
    return first;
  }

  async who(topic: string, action: Action, at?: number) {
    return whoOf(await this.#client.who(topic, action, at));
  }

  async why(principal: string, action: Action, topic: string, at?: number) {
    return whyOf(await this.#client.why(principal, action, topic, at));
  }

  async what(principal: string, at?: number) {
    return whatOf(await this.#client.what(principal, at));
  }

  keysOf(principal: string): Promise<string[]> {
    return this.#client.keysOf(principal);
  }

  discover(filter: string) {
    return this.#client.discover(filter);
  }

  async accesses(asked: { subject?: string | undefined; from: number; max: number }) {
    const { subject, from, max } = asked;
    // A node ends the session of whoever asks what cannot be read.
    if (subject) parsePrincipalName(subject);
    return accessesOf(await this.#client.accesses(subject ? { subject, from, max } : { from, max }));
  }

  async *follow(signal: AbortSignal): AsyncGenerator<Line[], void, void> {
    for await (const lines of this.#client.statements(this.self.organisation, { from: 0, signal })) {
      this.#audit.take(lines);
      yield lines.map(({ index, received, statement }) => ({
        index,
        id: statementId(statement),
        said: saidOf(statement.body),
        received,
        signers: statement.signatures.map((one) => one.signer),
      }));
    }
  }

  async diff(said: Said): Promise<unknown> {
    return this.#client.diff(signable(said));
  }

  async state(proposals: readonly Proposal[], onErrand: (where: Errand) => void): Promise<Stated[]> {
    const bodies = proposals.map((proposal) => signable(proposal.said));
    return this.#submit(
      bodies,
      proposals.some((one) => notesOf(one.diff).refused !== undefined),
      onErrand,
    );
  }

  /** States what one may alone; what it takes an issuer for, the steward signs as well. */
  async #submit(
    bodies: StatementBody[],
    isErrand: boolean,
    onErrand: (where: Errand) => void,
  ): Promise<Stated[]> {
    const signed = await Promise.all(bodies.map((body) => this.#client.sign(body)));
    if (!isErrand) {
      try {
        const indices = await this.#client.submit(signed);
        return signed.map((statement, place) => stated(statement, indices[place] ?? 0, false));
      } catch (fault) {
        const isForIssuers = fault instanceof Refusal && fault.name === 'not-permitted';
        if (!isForIssuers) throw fault;
      }
    }
    return this.#countersign(signed, onErrand);
  }

  async #countersign(signed: Statement[], onErrand: (where: Errand) => void): Promise<Stated[]> {
    const all: Stated[] = [];
    for (let from = 0; from < signed.length; from += COUNTERSIGNED_MAX) {
      const some = signed.slice(from, from + COUNTERSIGNED_MAX);
      const standing = await this.#client.errands.countersign(some, errandOptions(onErrand));
      for (const statement of standing) {
        all.push(stated(statement, await this.#audit.indexOf(statementId(statement)), true));
      }
    }
    return all;
  }

  async erase(name: string, id: string | undefined, reason: string) {
    const erased = doc(await this.#client.erase(name, id));
    const subject = text(erased.id);
    if (subject === undefined)
      throw new Error('answer of the node: wanted the key that was erased, found none');
    const records = figure(erased.records) ?? 0;
    const body: StatementBody = {
      kind: 'erasure',
      organisation: this.self.organisation,
      erased: { subject },
      records: BigInt(records),
      reason,
      issuedUs: BigInt(Math.round(this.#client.now() * 1000)),
    };
    const [receipt] = await this.#submit([body], false, () => undefined);
    if (receipt === undefined) throw new Error(`${name}: erased, and the receipt is not stated: erase again`);
    return { key: flag(erased.key), records, keyHeaders: figure(erased.key_headers) ?? 0, stated: receipt };
  }

  async invite(offer: Offer, onErrand: (where: Errand) => void) {
    const { name, kind, publish, read, minutes, replace, administrator, approval } = offer;
    if (kind === 'steward' || kind === 'node') {
      throw new Error(`kind: wanted a device, person, app or bridge, found a ${kind}`);
    }
    const says =
      approval === 'matching' ? 'token' : approval === 'by-hand' ? approval : { fingerprint: approval.key };
    const { token, expires } = await this.#client.errands.invite(
      { principal: name, kind, publish, read, minutes, replace, administrator, approval: says },
      errandOptions(onErrand),
    );
    return { token, expires };
  }

  async invitations(onErrand: (where: Errand) => void): Promise<Invitation[]> {
    const all: Invitation[] = [];
    let after: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const options = { ...errandOptions(onErrand), ...(after === undefined ? {} : { after }) };
      const { invitations, isLast } = await this.#client.errands.invitations(options);
      for (const one of invitations) {
        all.push({
          token: one.tokenId,
          name: one.principal,
          kind: one.kind ?? '',
          standing: one.standing ?? 'open',
          key: one.key,
          expires: one.expires,
        });
      }
      after = invitations.at(-1)?.tokenId;
      if (isLast || after === undefined) break;
    }
    return all;
  }

  async approve(invitation: Invitation, onErrand: (where: Errand) => void): Promise<void> {
    const { token, key } = invitation;
    if (key === undefined) throw new Error(`${invitation.name}: wanted a newcomer that waits, found none`);
    await this.#client.errands.approve(token, key, errandOptions(onErrand));
  }

  async withdraw(invitation: Invitation, reason: string, onErrand: (where: Errand) => void): Promise<void> {
    await this.#client.errands.withdraw(invitation.token, reason, errandOptions(onErrand));
  }

  checkpoint(kind: LogKind): Promise<CheckedLog> {
    return this.#audit.check(kind);
  }

  async prove(which: { statement: string } | { access: number }): Promise<Proof> {
    const kind: LogKind = 'statement' in which ? 'control' : 'access';
    const log = `sekisho/${this.self.organisation}/${kind}`;
    const checkpoint = await this.#client.checkpoint(log);
    const asked = 'statement' in which ? which : { index: which.access };
    const { index, entry, path } = await this.#client.inclusion(log, asked, checkpoint);
    const statements = await this.#provenBy('statement' in which ? which.statement : undefined);
    const opened = 'access' in which ? await this.#opened(which.access) : undefined;
    const text = proofFile({ entry, statements, opened, index, path, note: checkpoint.note });
    return { index, size: checkpoint.size, text };
  }

  /** From the root to the node's key, then to the keys that signed the statement that is proven. */
  async #provenBy(proven: string | undefined): Promise<Uint8Array[]> {
    const node = principalId(fromHex(this.pinned.nodeKey));
    const signers = proven === undefined ? [] : this.#audit.signersOf(proven);
    const found = new Map<string, Uint8Array>();
    for (const id of [node, ...signers]) {
      for (const encoded of await this.#client.proofOf(id).catch(nothing)) {
        const known = statementId(decodeStatement(encoded));
        if (known !== proven) found.set(known, found.get(known) ?? encoded);
      }
    }
    return [...found.values()];
  }

  async #opened(index: number) {
    const [access] = await this.accesses({ from: index, max: 1 });
    const { recordBytes, opening } = access ?? {};
    return recordBytes === undefined || opening === undefined
      ? undefined
      : { record: fromHex(recordBytes), opening };
  }
}

function stated(statement: Statement, index: number, isCountersigned: boolean): Stated {
  return { id: statementId(statement), index, isCountersigned };
}

/** Nobody proves a key that the node does not know: the root's own, which signs as such. */
function nothing(fault: unknown): Uint8Array[] {
  if (fault instanceof Refusal && fault.name === 'not-found') return [];
  throw fault;
}
