// Organisations that state things, for tests of who is believed: real keys, real signatures, no node.

import { hex } from '../src/bytes.js';
import { type Identity, seedIdentity } from '../src/identity.js';
import {
  type Action,
  actionsBits,
  bodyHash,
  encodeStatement,
  type Grant,
  type Peering,
  type PeeringParty,
  type PrincipalKind,
  type Statement,
  type StatementBody,
  signStatement,
  statementId,
  unsignedStatement,
} from '../src/statement.js';
import type { SealingSuite } from '../src/suite.js';

let seeds = 0;

/** Fresh keys that are the same in each run. */
export async function identity(kemSuite: SealingSuite = 1): Promise<Identity> {
  seeds += 1;
  const seedOf = (kind: number) => {
    const seed = new Uint8Array(32).fill(kind);
    new DataView(seed.buffer).setUint32(0, seeds);
    return seed;
  };
  return seedIdentity({ signingSeed: seedOf(1), kemSuite, kemSeed: seedOf(2) });
}

/** A signed statement. */
export async function stated(body: StatementBody, ...signers: Identity[]): Promise<Statement> {
  let statement = unsignedStatement(body);
  for (const signer of signers) {
    statement = await signStatement(statement, signer);
  }
  return statement;
}

/** What goes over the wire. */
export function encoded(...statements: Statement[]): Uint8Array[] {
  return statements.map(encodeStatement);
}

/** One organisation. Times are microseconds; everything is stated at its number, unless told otherwise. */
export class Organisation {
  private clock = 1_000n;

  private constructor(
    readonly name: string,
    readonly rootKey: Identity,
    readonly issuer: Identity,
    readonly node: Identity,
    readonly root: Statement,
    readonly issuing: Statement,
  ) {}

  static async found(name: string): Promise<Organisation> {
    const [rootKey, issuer, node] = [await identity(), await identity(), await identity()];
    const root = await stated(
      { kind: 'org-root', organisation: name, keys: [rootKey.publicKey], threshold: 1, issuedUs: 1n },
      rootKey,
    );
    const issuing = await stated(
      { kind: 'issuer', organisation: name, name: 'issuer', publicKey: issuer.publicKey, issuedUs: 2n },
      rootKey,
    );
    return new Organisation(name, rootKey, issuer, node, root, issuing);
  }

  /** What others pin. */
  get fingerprint(): string {
    return bodyHash(this.root);
  }

  /** The time of the next statement. */
  tick(): bigint {
    this.clock += 10n;
    return this.clock;
  }

  /** The root and the issuer. */
  get beginnings(): Statement[] {
    return [this.root, this.issuing];
  }

  async principal(
    name: string,
    who: Identity,
    kind: PrincipalKind = 'device',
    more: { attested?: boolean; untilUs?: bigint } = {},
  ): Promise<Statement> {
    const body: StatementBody = {
      kind: 'principal',
      organisation: this.name,
      name,
      principalKind: kind,
      publicKey: who.publicKey,
      kemSuite: who.kemSuite,
      kemPublicKey: who.kemPublicKey,
      issuedUs: this.tick(),
      attested: more.attested ?? false,
      untilUs: more.untilUs,
    };
    return stated(body, this.issuer);
  }

  async grant(
    grantee: string,
    actions: Action[],
    filter: string,
    more: Partial<Grant> = {},
    ...signers: Identity[]
  ): Promise<Statement> {
    const issuedUs = this.tick();
    const body: StatementBody = {
      kind: 'grant',
      organisation: this.name,
      grantee,
      actions: actionsBits(actions),
      filter,
      purpose: 'test',
      issuedUs,
      fromUs: issuedUs,
      onward: false,
      ...more,
    };
    return stated(body, ...(signers.length === 0 ? [this.issuer] : signers));
  }

  async deny(grantee: string, actions: Action[], filter: string, ...signers: Identity[]): Promise<Statement> {
    const body: StatementBody = {
      kind: 'deny',
      organisation: this.name,
      grantee,
      actions: actionsBits(actions),
      filter,
      reason: 'test',
      issuedUs: this.tick(),
    };
    return stated(body, ...(signers.length === 0 ? [this.issuer] : signers));
  }

  async revoke(target: Statement | Identity, ...signers: Identity[]): Promise<Statement> {
    const what = 'bodyBytes' in target ? { statement: statementId(target) } : { principal: target.id };
    const body: StatementBody = {
      kind: 'revoke',
      organisation: this.name,
      ...what,
      reason: 'test',
      issuedUs: this.tick(),
    };
    return stated(body, ...(signers.length === 0 ? [this.issuer] : signers));
  }

  async role(role: string, member: string, ...signers: Identity[]): Promise<Statement> {
    const body: StatementBody = {
      kind: 'role',
      organisation: this.name,
      role: `role/${role}@${this.name}`,
      member,
      issuedUs: this.tick(),
    };
    return stated(body, ...(signers.length === 0 ? [this.issuer] : signers));
  }

  /** Its side of a contract. */
  party(exports: string[], imports: string[], more: Partial<PeeringParty> = {}): PeeringParty {
    return {
      organisation: this.name,
      root: this.fingerprint,
      nodeKey: this.node.publicKey,
      address: `${this.name}.example:7443`,
      exports,
      imports,
      onward: false,
      passesOn: [],
      carriesHome: [],
      ...more,
    };
  }
}

/** A contract that an issuer of each party signed. */
export async function contract(
  left: { of: Organisation; side: PeeringParty },
  right: { of: Organisation; side: PeeringParty },
  more: Partial<Peering> = {},
  signers: Identity[] = [left.of.issuer, right.of.issuer],
): Promise<Statement> {
  const [first, second] = left.of.name < right.of.name ? [left.side, right.side] : [right.side, left.side];
  const issuedUs = left.of.tick();
  const body: Peering = {
    kind: 'peering',
    parties: [first, second],
    purposes: [],
    issuedUs,
    fromUs: issuedUs,
    ...more,
  };
  return stated(body, ...signers);
}

/** An id in hexadecimal digits of bytes that are not one. */
export function fakeId(byte: number): string {
  return hex(new Uint8Array(32).fill(byte));
}
