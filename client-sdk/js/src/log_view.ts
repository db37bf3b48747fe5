// What an administrator looks at of a log: its newest checkpoint and its entries, each with what proves it.

import { fromHex, hex } from './bytes.js';
import { asError } from './failure.js';
import { parseLogName } from './log_name.js';
import type { Session } from './session.js';
import { type NoteKey, verifyNote } from './tlog/note.js';
import { type Known, verifyConsistency } from './tlog/proof.js';
import { emptyRoot } from './tlog/tree.js';
import { TrustError } from './trust/error.js';
import { ask, proves, signedBy } from './trust/logs.js';

/** Who signed a checkpoint. */
export interface Signer {
  /** The name in the signature line. */
  readonly name: string;
  /** When, milliseconds since 1970, where it is a cosignature that was verified. */
  readonly time?: number;
  /** Whether its key is known here and the signature holds: of witnesses of other organisations it is not
   * looked at. */
  readonly verified: boolean;
}

/** A checkpoint that its node signed. */
export interface CheckedLog {
  readonly log: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
  /** The signed note, verbatim. */
  readonly note: string;
  readonly signers: readonly Signer[];
  /** What shows that it goes on from the old size that was asked for. */
  readonly consistency: readonly Uint8Array[];
}

/** An entry and the way from it to a checkpoint's root. */
export interface Included {
  readonly index: number;
  readonly entry: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** See `Client.checkpoint`. */
export async function checkLog(
  session: Session,
  log: string,
  old: { size: number; root: string } | undefined,
): Promise<CheckedLog> {
  const { organisation, kind } = parseLogName(log);
  const asker = { query: session.query.bind(session) };
  const nodeKey = await keyOf(session, organisation, log);
  if (kind === 'control') {
    await session.logs.check({ log, nodeKey }, asker);
  }
  const { note: text, consistency } = await ask(log, BigInt(old?.size ?? 0), asker);
  const { note, checkpoint } = await signedBy({ log, nodeKey }, text);
  const before: Known = old
    ? { size: BigInt(old.size), root: fromHex(old.root) }
    : { size: 0n, root: emptyRoot() };
  try {
    verifyConsistency(before, checkpoint, consistency);
  } catch (cause) {
    throw new TrustError(log, 'rewritten', asError(cause).message, { cause });
  }
  const keys: NoteKey[] = [
    { name: log, kind: 'log', publicKey: nodeKey },
    { name: `sekisho/${organisation}/node`, kind: 'cosigner', publicKey: nodeKey },
  ];
  const signers = note.signatures.map(async ({ name }): Promise<Signer> => {
    const key = keys.find((one) => one.name === name);
    if (key === undefined) {
      return { name, verified: false };
    }
    const { timeUs } = await verifyNote(note, key);
    return timeUs === undefined
      ? { name, verified: true }
      : { name, time: Number(timeUs) / 1000, verified: true };
  });
  return {
    log,
    size: Number(checkpoint.size),
    root: hex(checkpoint.root),
    note: text,
    signers: await Promise.all(signers),
    consistency,
  };
}

/** See `Client.inclusion`. */
export async function includedIn(
  session: Session,
  log: string,
  which: { statement: string } | { index: number },
  checkpoint: { size: number; root: string },
): Promise<Included> {
  const known = { size: BigInt(checkpoint.size), root: fromHex(checkpoint.root) };
  const asked = 'index' in which ? { index: BigInt(which.index) } : which;
  const proven = await proves(parseLogName(log).text, asked, known, { query: session.query.bind(session) });
  return { index: Number(proven.index), entry: proven.entry, path: proven.path };
}

async function keyOf(session: Session, organisation: string, log: string): Promise<Uint8Array> {
  if (organisation === session.organisation) {
    return session.logs.own.nodeKey;
  }
  const key = session.directory.peerNodeKey(organisation, session.nowUs());
  if (key === undefined) {
    throw new TrustError(log, 'unknown-log', `wanted to know the node of ${organisation}, found no contract`);
  }
  return key;
}
