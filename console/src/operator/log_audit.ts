// Whether the log is what it says: its checkpoint is signed by the node's proven key, it goes on from what
// this browser saw before, what was read here hashes to its root, and whose cosignatures stand under it.

import {
  type Client,
  encodeLogEntry,
  Frontier,
  hex,
  type LogLine,
  parseNote,
  statementId,
  TrustError,
  verifyNote,
} from '@sekisho/client';
import type { CheckedLog, LogKind, Signer } from './desk';
import { Witnesses } from './witnesses';

/** A signature line as the client tells it. */
interface Told {
  readonly name: string;
  readonly time?: number;
  readonly verified: boolean;
}

/** What was seen of a log. */
interface Seen {
  size: number;
  root: string;
}

function keptAs(log: string): string {
  return `sekisho.seen.${log}`;
}

/** What this browser saw of a log before. It is not secret; whoever changes it locks themselves out. */
function lastSeen(log: string): Seen | undefined {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(keptAs(log)) ?? 'null');
    if (typeof found !== 'object' || found === null) return undefined;
    const { size, root } = found as Partial<Seen>;
    return typeof size === 'number' && typeof root === 'string' ? { size, root } : undefined;
  } catch {
    return undefined;
  }
}

function keep(log: string, seen: Seen): void {
  try {
    localStorage.setItem(keptAs(log), JSON.stringify(seen));
  } catch {
    // Storage may be forbidden; then the next visit begins anew.
  }
}

/** See the file. */
export class LogAudit {
  readonly #client: Client;
  readonly #organisation: string;
  /** The root after each entry that was read: as many as there are entries. */
  readonly #tree = new Frontier();
  readonly #roots: string[] = [];
  readonly #signers = new Map<string, string[]>();
  readonly #witnesses: Witnesses;

  constructor(client: Client, organisation: string, root: string) {
    this.#client = client;
    this.#organisation = organisation;
    this.#witnesses = new Witnesses(client, organisation, root);
  }

  /** Takes in entries of the control log as they are read. */
  take(lines: readonly LogLine[]): void {
    for (const line of lines) {
      if (line.index !== this.#roots.length) continue;
      this.#tree.append(encodeLogEntry({ receivedUs: line.receivedUs, statement: line.bytes }));
      this.#roots.push(hex(this.#tree.root()));
      const signers = line.statement.signatures.map((one) => one.signer);
      this.#signers.set(statementId(line.statement), signers);
      this.#witnesses.take(line);
    }
  }

  /** Whose keys signed a statement that was read. */
  signersOf(statement: string): string[] {
    return this.#signers.get(statement) ?? [];
  }

  /** Where a statement stands, proven. */
  async indexOf(statement: string): Promise<number> {
    const log = `sekisho/${this.#organisation}/control`;
    const checkpoint = await this.#client.checkpoint(log);
    const { index } = await this.#client.inclusion(log, { statement }, checkpoint);
    return index;
  }

  /** Asks for the present checkpoint and holds it against everything that is known here. */
  async check(kind: LogKind): Promise<CheckedLog> {
    const log = `sekisho/${this.#organisation}/${kind}`;
    const before = lastSeen(log);
    const found = await this.#client.checkpoint(log, before);
    const { size, root, note } = found;
    // A log that is shorter than it was would be shown to go on from nothing.
    if (before !== undefined && size < before.size) {
      throw new TrustError(log, 'rolled-back', `wanted at least ${before.size} entries, found ${size}`);
    }
    const read = kind === 'control' ? this.#roots[size - 1] : undefined;
    if (read !== undefined && read !== root) {
      throw new TrustError(
        log,
        'rewritten',
        `wanted the root ${read} of the entries read here, found ${root}`,
      );
    }
    const signers = await Promise.all(found.signers.map((signer) => this.#witness(note, signer)));
    keep(log, { size, root });
    return { log, size, root, note, signers, known: before?.size };
  }

  /** A witness's cosignature, verified with the key that its contract names and both have signed. */
  async #witness(note: string, signer: Told): Promise<Signer> {
    const { name, time } = signer;
    if (signer.verified) return { name, time, isVerified: true };
    const organisation = /^sekisho\/([^/]+)\/node$/.exec(name)?.[1];
    const publicKey = organisation === undefined ? undefined : await this.#witnesses.keyOf(organisation);
    if (publicKey === undefined) return { name, time, isVerified: false };
    try {
      const { timeUs } = await verifyNote(parseNote(note), { name, kind: 'cosigner', publicKey });
      return { name, time: timeUs === undefined ? undefined : Number(timeUs) / 1000, isVerified: true };
    } catch {
      return { name, time, isVerified: false };
    }
  }
}
