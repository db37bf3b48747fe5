// Who signed a statement, by what they are to the organisation in whose log it belongs. Nothing is changed here.

import { KeyError, VerifyingKey } from '../seal/signature.js';
import type { Statement } from '../statement.js';
import { statementSigningInput } from '../statement.js';
import type { Organisation, PrincipalRecord } from './facts.js';
import { inForceAtHome, type Policy } from './policy.js';
import { Missing, StatementError } from './statement_error.js';
import { acrossLogs, live } from './view.js';

/** A statement on its way into a log. */
export interface Entry {
  readonly id: string;
  readonly statement: Statement;
  readonly received: bigint;
}

/** Everybody whose valid signature is under a statement. One key may be several. */
export interface Signers {
  /** Distinct root keys. */
  readonly roots: number;
  readonly isByIssuer: boolean;
  /** Of this and of other organisations. */
  readonly principals: readonly PrincipalRecord[];
}

/** Whether a signature is a key's; never of a key that nobody may have. */
export async function isSigned(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    return await VerifyingKey.parse(key).verify(message, signature);
  } catch (cause) {
    if (cause instanceof KeyError) {
      return false;
    }
    throw cause;
  }
}

/** @throws StatementError where nobody may have the key. */
export function checkKey(entry: Entry, key: Uint8Array): void {
  try {
    VerifyingKey.parse(key);
  } catch (cause) {
    if (cause instanceof KeyError) {
      throw new StatementError(`${entry.statement.kind} statement`, 'a key that is not weak', 'a weak one');
    }
    throw cause;
  }
}

/**
 * Checks every signature under a statement.
 *
 * @throws StatementError where one is by nobody in force, or is not theirs.
 */
export async function signersOf(policy: Policy, organisation: Organisation, entry: Entry): Promise<Signers> {
  const message = statementSigningInput(entry.statement);
  const thing = `${entry.statement.kind} statement`;
  const principals: PrincipalRecord[] = [];
  let [roots, isByIssuer] = [0, false];
  for (const { signer, signature } of entry.statement.signatures) {
    const root = organisation.root.keys.get(signer);
    const issuer = organisation.issuer(live(entry.received), signer);
    const principal = signingPrincipal(policy, organisation, signer, entry.received);
    const key = root ?? issuer?.publicKey ?? principal?.publicKey;
    if (key === undefined) {
      throw new StatementError(thing, 'a signer that is in force', signer);
    }
    if (!(await isSigned(key, message, signature))) {
      throw new StatementError(thing, `a signature of ${signer}`, 'one that it did not make');
    }
    roots += root === undefined ? 0 : 1;
    isByIssuer ||= issuer !== undefined;
    if (principal !== undefined) {
      principals.push(principal);
    }
  }
  return { roots, isByIssuer, principals };
}

function signingPrincipal(
  policy: Policy,
  organisation: Organisation,
  signer: string,
  received: bigint,
): PrincipalRecord | undefined {
  const found = policy.record(signer);
  try {
    if (found?.home.name === organisation.name) {
      // Its own log needs no contract with us: it is older than any.
      inForceAtHome(live(received), found.home, found.record);
      return found.record;
    }
    return policy.standing(acrossLogs(received), signer);
  } catch (cause) {
    if (cause instanceof Missing) {
      return undefined;
    }
    throw cause;
  }
}

/** The organisation's own principals. Whatever takes rights is theirs alone to state. */
export function ownSigners(signers: Signers, organisation: Organisation): PrincipalRecord[] {
  return signers.principals.filter((record) => record.name.organisation === organisation.name);
}

/** Whether a steward of the organisation signed. */
export function isByStewardOf(signers: Signers, organisation: Organisation): boolean {
  return ownSigners(signers, organisation).some((record) => record.kind === 'steward');
}

/** Why a statement is not applied that nobody signed who may state it. */
export function notAuthorised(entry: Entry, organisation: Organisation, wanted: string): StatementError {
  const thing = `${entry.statement.kind} statement of ${organisation.name}`;
  return new StatementError(thing, `the signature of ${wanted}`, 'others');
}
