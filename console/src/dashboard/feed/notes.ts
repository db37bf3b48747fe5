// What belongs to a history besides its numbers: whose it is, and what is not in it.

import { lateBy, type Message } from '@sekisho/client';
import type { Break } from './protocol';
import { reasonOf } from './unopened';

/** Gaps that one history names. */
const GAPS_MAX = 2_000;
/** Signers that one history names. */
const SIGNERS_MAX = 50;

/** Notes whose history it is and what is not in it. */
export class Notes {
  readings = 0;
  late = 0;
  lateMost = 0;
  rejected = 0;
  unopened = 0;
  unusable = 0;
  /** When the newest reading was taken; 0 before the first. */
  reached = 0;
  readonly gaps: Break[] = [];
  readonly signers = new Set<string>();
  #open: string | undefined;

  constructor(private readonly lateAfter: number) {}

  gap(reason: string): void {
    this.#open ??= reason;
  }

  /** Counts what came and cannot be shown. */
  cannotOpen(fault: string): void {
    const reason = reasonOf(fault);
    if (reason === 'sealed') this.unopened += 1;
    else this.unusable += 1;
    this.gap(reason);
  }

  /** What is missing behind the newest reading, where that is known already. */
  open(): Break | undefined {
    if (this.#open === undefined) return undefined;
    return { after: this.reached, before: undefined, reason: this.#open };
  }

  /** What is missing, also where nothing came behind it yet. */
  missing(): Break[] {
    const open = this.open();
    return open === undefined ? [...this.gaps] : [...this.gaps, open];
  }

  /** Counts a reading; gives the gap that it ends, if it does. */
  sample(message: Message, time: number): Break | undefined {
    const open = this.open();
    const ended = open === undefined ? undefined : { ...open, before: time };
    if (ended !== undefined && this.gaps.length < GAPS_MAX) this.gaps.push(ended);
    this.#open = undefined;
    this.readings += 1;
    this.reached = Math.max(this.reached, time);
    const delay = lateBy(message, time);
    if (delay > this.lateAfter) {
      this.late += 1;
      this.lateMost = Math.max(this.lateMost, delay);
    }
    const { attester, publisher } = message;
    const signer = attester === undefined ? publisher : `${publisher} (${attester})`;
    if (this.signers.size < SIGNERS_MAX) this.signers.add(signer);
    return ended;
  }
}
