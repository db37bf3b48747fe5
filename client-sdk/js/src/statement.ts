// Statements: signed sentences of policy (docs/protocol.md, section 7). What is signed is kept verbatim beside
// what it says.

import { concat, fromHex, lengthPrefixed, sha256Hex, utf8 } from './bytes.js';
import type { Identity } from './identity.js';
import { SIGNATURES_MAX, STATEMENT_BYTES_MAX } from './limits.js';
import type { StatementBody, StatementKind } from './statement/body.js';
import { STATEMENT_KINDS } from './statement/body.js';
import { decodeStatementBody } from './statement/decode.js';
import { encodeStatementBody } from './statement/encode.js';
import { decodeCanonical, encode } from './wire/canonical.js';
import { Fields } from './wire/fields.js';

export * from './statement/action.js';
export * from './statement/body.js';

/** A signature under a statement. */
export interface StatementSignature {
  /** Principal id of the signer's key. */
  readonly signer: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** A statement: well formed, nothing said about its signatures. */
export interface Statement {
  readonly kind: StatementKind;
  readonly body: StatementBody;
  /** The body as it was signed. */
  readonly bodyBytes: Uint8Array;
  /** By ascending signer, each once. */
  readonly signatures: readonly StatementSignature[];
}

const FIELDS = new Fields('statement');

/**
 * A statement that nobody has signed yet.
 *
 * @throws DecodeError where a field is out of its range.
 */
export function unsignedStatement(body: StatementBody): Statement {
  const bodyBytes = encodeStatementBody(body);
  return { kind: body.kind, body: decodeStatementBody(body.kind, bodyBytes), bodyBytes, signatures: [] };
}

/**
 * Reads a statement.
 *
 * @throws DecodeError where it is none, not in its one encoding, or a field is out of its range.
 */
export function decodeStatement(encoded: Uint8Array): Statement {
  const wire = decodeCanonical('Statement', FIELDS.message, STATEMENT_BYTES_MAX, encoded);
  FIELDS.atMost('signatures', SIGNATURES_MAX, wire.signatures.length);
  const kind = FIELDS.numbered('kind', 'a kind from 1 to 12', STATEMENT_KINDS, wire.kind);
  const body = decodeStatementBody(kind, wire.body);
  const signatures = wire.signatures.map((signed) => ({
    signer: FIELDS.id('signer', signed.signer),
    signature: FIELDS.fixed('signature', signed.signature, 64),
  }));
  const isAscending = signatures.every(
    ({ signer }, at) => at === 0 || (signatures[at - 1]?.signer ?? '') < signer,
  );
  FIELDS.require('signatures', 'ascending signers', isAscending, 'others');
  return { kind, body, bodyBytes: wire.body, signatures };
}

/** The bytes of a statement. */
export function encodeStatement(statement: Statement): Uint8Array<ArrayBuffer> {
  return encode('Statement', {
    kind: STATEMENT_KINDS.indexOf(statement.kind) + 1,
    body: statement.bodyBytes,
    signatures: statement.signatures.map(({ signer, signature }) => ({ signer: fromHex(signer), signature })),
  });
}

/** What each signature under a statement covers. */
export function statementSigningInput(statement: Statement): Uint8Array<ArrayBuffer> {
  return concat(utf8(`sekisho-statement-${statement.kind}-v1\0`), lengthPrefixed(statement.bodyBytes));
}

/** A statement's id: SHA-256 of what its signatures cover, in hexadecimal digits. */
export function statementId(statement: Statement): string {
  return sha256Hex(statementSigningInput(statement));
}

/** SHA-256 of the body alone: of an OrgRoot, what others pin. */
export function bodyHash(statement: Statement): string {
  return sha256Hex(statement.bodyBytes);
}

/** The statement with one more signature; one of the same signer is replaced. */
export function withSignature(statement: Statement, added: StatementSignature): Statement {
  const others = statement.signatures.filter((known) => known.signer !== added.signer);
  const signatures = [...others, added].sort((left, right) => (left.signer < right.signer ? -1 : 1));
  return { ...statement, signatures };
}

/** The statement, also signed by an identity. */
export async function signStatement(statement: Statement, identity: Identity): Promise<Statement> {
  const signature = await identity.sign(statementSigningInput(statement));
  return withSignature(statement, { signer: identity.id, signature });
}
