// Holds a node to one history. A checkpoint is believed where the log's node signed it, lately, and where it
// goes on from the last one that was believed. A key that a steward gives is used only where the log holds
// the statement that gives it.

import { fromHex, hex } from '../bytes.js';
import { DecodeError, ParseError } from '../decode_error.js';
import { decodeLogEntry } from '../log_entry.js';
import { logName, parseLogName } from '../log_name.js';
import { Refusal } from '../refusal.js';
import { decodeStatement, statementId } from '../statement.js';
import type { Checkpoint, Note, NoteKey } from '../tlog/note.js';
import { checkpointOf, isSameTree, parseCheckpoint, parseNote, verifyNote } from '../tlog/note.js';
import type { Known } from '../tlog/proof.js';
import { ProofError, verifyConsistency, verifyInclusion } from '../tlog/proof.js';
import { emptyRoot, leafHash } from '../tlog/tree.js';
import type { Asker } from './asker.js';
import { TrustError } from './error.js';

/** What was trusted last of each log, as the signed note it was, durable before it is acted on. */
export interface Notebook {
  /** The note that was kept last of a log, by the log's name. */
  last(log: string): Promise<string | undefined>;
  /**
   * Keeps a note in place of the one by which it was judged; false where another one is there meanwhile, so
   * that it is to be judged again.
   */
  keep(log: string, judgedBy: string | undefined, note: string): Promise<boolean>;
}

/** A notebook that is forgotten with the program. */
export class MemoryNotebook implements Notebook {
  private readonly notes = new Map<string, string>();

  async last(log: string): Promise<string | undefined> {
    return this.notes.get(log);
  }

  async keep(log: string, judgedBy: string | undefined, note: string): Promise<boolean> {
    if (this.notes.get(log) !== judgedBy) {
      return false;
    }
    this.notes.set(log, note);
    return true;
  }
}

/** Which log, signed by whom. */
export interface Source {
  /** The log's name. */
  readonly log: string;
  readonly nodeKey: Uint8Array;
}

/** What {@link Logs} is made of. */
export interface LogsParts {
  /** The organisation whose node it is. */
  readonly organisation: string;
  readonly nodeKey: Uint8Array;
  readonly notebook: Notebook;
  /** Microseconds since 1970. */
  readonly now: () => bigint;
}

const US_PER_S = 1_000_000n;
/** How old a node's own checkpoint may be, microseconds: the age at which nodes stop believing each other. */
const AGE_MAX_US = 15n * 60n * US_PER_S;
/** How long a statement may be known before the checkpoint that holds it is, milliseconds. */
const INCLUSION_LATE = 5_000;
/** Between two looks at whether a checkpoint has come, milliseconds. */
const LOOK_EVERY = 100;
/** Others with the same notebook that may come in between before that is an error. */
const OVERTAKEN_MAX = 8;

/** See the file. */
export class Logs {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: LogsParts) {}

  /** The control log of the organisation whose node it is. */
  get own(): Source {
    return { log: logName(this.parts.organisation, 'control').text, nodeKey: this.parts.nodeKey };
  }

  /** As {@link check}, of the own control log. */
  checkOwn(asker: Asker): Promise<Known> {
    return this.check(this.own, asker);
  }

  /**
   * Asks the node for its checkpoint and believes it, or says why not. What is believed is kept when this
   * resolves. One check at a time: each goes on from the one before.
   *
   * @throws TrustError where what the node shows is not to be believed.
   */
  check(source: Source, asker: Asker): Promise<Known> {
    const checked = this.turn.then(() => this.checkNow(source, asker));
    this.turn = checked.catch(() => undefined);
    return checked;
  }

  private async checkNow(source: Source, asker: Asker): Promise<Known> {
    const { log } = source;
    for (let tried = 0; tried < OVERTAKEN_MAX; tried += 1) {
      const kept = await this.parts.notebook.last(log);
      const last = kept === undefined ? undefined : knownOf(log, kept);
      const answer = await ask(log, last?.size ?? 0n, asker);
      const { note, checkpoint } = await signedBy(source, answer.note);
      // Another organisation's log comes over a link that may have been down for a while.
      if (log === this.own.log) {
        await checkAge(source, note, this.parts.now());
      }
      goesOn(log, last, checkpoint, answer.consistency);
      if (last !== undefined && isSameTree(last, checkpoint)) {
        return checkpoint;
      }
      if (await this.parts.notebook.keep(log, kept, note.encoded)) {
        return checkpoint;
      }
    }
    throw new TrustError(log, 'damaged', 'wanted to keep a checkpoint, found that others keep changing it');
  }

  /** What of a log is trusted, as far as is known without asking. */
  async trusted(source: Source): Promise<Known | undefined> {
    const kept = await this.parts.notebook.last(source.log);
    return kept === undefined ? undefined : knownOf(source.log, kept);
  }

  /**
   * Checks that a log holds a statement, by a proof that leads to a checkpoint that is believed. A statement
   * may be known a moment before the checkpoint that holds it.
   *
   * @param statement - its id
   * @returns where it is in the log
   * @throws TrustError where it is not, or is not proven to be.
   */
  async includes(source: Source, statement: string, asker: Asker): Promise<bigint> {
    const deadline = Date.now() + INCLUSION_LATE;
    let known = (await this.trusted(source)) ?? (await this.check(source, asker));
    for (;;) {
      try {
        return (await proves(source.log, { statement }, known, asker)).index;
      } catch (cause) {
        const isLate = Date.now() >= deadline;
        if (isLate || !(cause instanceof TrustError) || cause.fault !== 'not-included') {
          throw cause;
        }
      }
      const newer = await this.check(source, asker);
      if (newer.size === known.size) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      }
      known = newer;
    }
  }
}

function knownOf(log: string, note: string): Checkpoint {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new TrustError(log, 'damaged', 'wanted the note that was kept, found another', { cause });
  }
}

/** Whether a refusal is an answer, rather than that the node is busy. */
function isForGood(cause: unknown): cause is Refusal {
  return cause instanceof Refusal && !cause.mayPass;
}

/** What a node says of a log, and what is to show that it goes on from the old size; nothing is checked. */
export async function ask(
  log: string,
  oldSize: bigint,
  asker: Asker,
): Promise<{ note: string; consistency: readonly Uint8Array[] }> {
  try {
    const answer = await asker.query({ case: 'checkpoint', value: { log, oldSize } });
    if (answer.case === 'checkpoint') {
      return answer.value;
    }
  } catch (cause) {
    if (isForGood(cause)) {
      throw new TrustError(log, 'no-checkpoint', 'wanted a checkpoint, found none', { cause });
    }
    throw cause;
  }
  throw new TrustError(log, 'wrong-answer', 'wanted a checkpoint, found another answer');
}

/**
 * The note and what it states, where the log's node signed it.
 *
 * @throws TrustError where it is no checkpoint of the log, or the node did not sign it.
 */
export async function signedBy(
  source: Source,
  encoded: string,
): Promise<{ note: Note; checkpoint: Checkpoint }> {
  const key: NoteKey = { name: source.log, kind: 'log', publicKey: source.nodeKey };
  try {
    const note = parseNote(encoded);
    return { note, checkpoint: await checkpointOf(note, key) };
  } catch (cause) {
    if (cause instanceof ParseError) {
      const wanted = `wanted a checkpoint signed by node key ${hex(source.nodeKey).slice(0, 16)}`;
      throw new TrustError(source.log, 'checkpoint', `${wanted}: ${cause.message}`, { cause });
    }
    throw cause;
  }
}

/** Checks that the node has said lately that this is still its newest. */
async function checkAge(source: Source, note: Note, nowUs: bigint): Promise<void> {
  const { log, nodeKey } = source;
  const name = `sekisho/${parseLogName(log).organisation}/node`;
  let found: bigint;
  try {
    found = (await verifyNote(note, { name, kind: 'cosigner', publicKey: nodeKey })).timeUs ?? 0n;
  } catch (cause) {
    throw new TrustError(log, 'undated', 'wanted a checkpoint with the time of its node, found none', {
      cause,
    });
  }
  if (found + AGE_MAX_US < nowUs) {
    const [wanted, age] = [AGE_MAX_US / US_PER_S, (nowUs - found) / US_PER_S];
    throw new TrustError(
      log,
      'frozen',
      `wanted a checkpoint at most ${wanted} s old, found one of ${age} s ago`,
    );
  }
}

/**
 * Checks that a log goes on from what was trusted last.
 *
 * @throws TrustError where it was rolled back, forked, or nothing shows that it goes on.
 */
export function goesOn(
  log: string,
  last: Known | undefined,
  checkpoint: Known,
  consistency: readonly Uint8Array[],
): void {
  const known = last ?? { size: 0n, root: emptyRoot() };
  if (checkpoint.size < known.size) {
    const detail = `wanted at least the ${known.size} entries known, found ${checkpoint.size}: rolled back`;
    throw new TrustError(log, 'rolled-back', detail);
  }
  if (checkpoint.size === known.size && !isSameTree(checkpoint, known)) {
    const detail = `wanted root ${hex(known.root)} of ${known.size} entries, found ${hex(checkpoint.root)}: forked`;
    throw new TrustError(log, 'forked', detail);
  }
  try {
    verifyConsistency(known, checkpoint, consistency);
  } catch (cause) {
    const detail = `wanted its ${checkpoint.size} entries to begin with the ${known.size} known, found no proof of it`;
    throw new TrustError(log, 'inconsistent', detail, { cause });
  }
}

/** An entry that is proven to be in a log. */
export interface ProvenEntry {
  readonly index: bigint;
  readonly entry: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/**
 * Asks for a proof in the tree that is known, and follows it.
 *
 * @param which - a statement by its id, or an entry by its index
 * @throws TrustError where there is none, or it proves something else.
 */
export async function proves(
  log: string,
  which: { readonly statement: string } | { readonly index: bigint },
  known: Known,
  asker: Asker,
): Promise<ProvenEntry> {
  const { index, entry, path } = await askInclusion(log, which, known, asker);
  if ('statement' in which) {
    checkEntry(log, which.statement, entry);
  } else if (index !== which.index) {
    throw new TrustError(log, 'other-entry', `wanted entry ${which.index}, found ${index}`);
  }
  try {
    verifyInclusion(leafHash(entry), index, known, path);
    return { index, entry, path };
  } catch (cause) {
    if (cause instanceof ProofError) {
      const detail = `wanted a proof that ${nameOf(which)} is in it: ${cause.message}`;
      throw new TrustError(log, 'inclusion', detail, { cause });
    }
    throw cause;
  }
}

type Which = Parameters<typeof proves>[1];

function nameOf(which: Which): string {
  return 'statement' in which ? `statement ${which.statement}` : `entry ${which.index}`;
}

async function askInclusion(log: string, which: Which, known: Known, asker: Asker): Promise<ProvenEntry> {
  const asked = 'statement' in which ? { statement: fromHex(which.statement) } : { index: which.index };
  const value = { log, size: known.size, ...asked };
  try {
    const answer = await asker.query({ case: 'inclusion', value });
    if (answer.case === 'inclusion') {
      return answer.value;
    }
  } catch (cause) {
    if (isForGood(cause)) {
      const detail = `wanted ${nameOf(which)} among its ${known.size} entries, found no proof of it`;
      throw new TrustError(log, 'not-included', detail, { cause });
    }
    throw cause;
  }
  throw new TrustError(log, 'wrong-answer', 'wanted a proof of inclusion, found another answer');
}

function checkEntry(log: string, statement: string, entry: Uint8Array): void {
  const wanted = `wanted an entry with statement ${statement}`;
  let found: string;
  try {
    found = statementId(decodeStatement(decodeLogEntry(entry).statement));
  } catch (cause) {
    if (cause instanceof DecodeError) {
      throw new TrustError(log, 'other-entry', `${wanted}, found none`, { cause });
    }
    throw cause;
  }
  if (found !== statement) {
    throw new TrustError(log, 'other-entry', `${wanted}, found one with ${found}`);
  }
}
