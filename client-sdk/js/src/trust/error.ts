// Why a log is not trusted: each way in which a node can show another history than before, or than to others,
// by its name.

/** What is wrong with what a node shows of a log. */
export type TrustFault =
  /** The node does not say what the log holds. */
  | 'no-checkpoint'
  /** It answered something else. */
  | 'wrong-answer'
  /** The checkpoint is none, of another log, or not signed by the log's node. */
  | 'checkpoint'
  /** The node does not say of when its checkpoint is. */
  | 'undated'
  /** The log is shown as it was: what was stated since is kept back. */
  | 'frozen'
  /** It is not what was trusted, in the words of what found it. */
  | 'rewritten'
  /** It has fewer entries than were trusted before. */
  | 'rolled-back'
  /** It has another root than was trusted for as many entries. */
  | 'forked'
  /** Nothing shows that it goes on from what was trusted. */
  | 'inconsistent'
  /** It does not hold a statement that must be in it. */
  | 'not-included'
  /** What should show that a statement is in it does not. */
  | 'inclusion'
  /** The node proves another entry than the one asked for. */
  | 'other-entry'
  /** No trusted statement says which key signs the log. */
  | 'unknown-log'
  /** What was trusted last is damaged: who removes it trusts the node anew. */
  | 'damaged';

/** Why what a node shows of a log is not believed. */
export class TrustError extends Error {
  override readonly name = 'TrustError';

  constructor(
    /** Which log, such as `sekisho/fujisawa/control`. */
    readonly log: string,
    readonly fault: TrustFault,
    /** What was wanted, and what was found. */
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`log ${log}: ${detail}`, options);
  }

  /** Whether the log was seen to show two histories: what its owner must answer for. */
  get isRewritten(): boolean {
    return REWRITTEN.includes(this.fault);
  }
}

const REWRITTEN: readonly TrustFault[] = ['rewritten', 'rolled-back', 'forked', 'inconsistent'];
