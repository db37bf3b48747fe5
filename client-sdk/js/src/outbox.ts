// Decides what a publisher sends next and what an answer means, without sending anything: the envelopes that
// are sealed here and not yet known to be stored at the node.
//
// A boot's sequences reach the node without gaps, and one boot is settled before the next begins, so a
// refusal that cannot be mended ends the boot: nothing behind it can ever be accepted.

import { refusalCode } from './code.js';
import { Lost } from './publish_failure.js';
import { Refusal } from './refusal.js';

/** Rounds without one accepted envelope after which a refusal that should pass is taken for permanent. */
const FRUITLESS_ROUNDS_MAX = 16;

/** One sealed envelope as it waits to be accepted. */
export interface Entry {
  readonly boot: string;
  readonly sequence: bigint;
  readonly samples: number;
  readonly envelope: Uint8Array;
  /** The key header that it names. */
  readonly keyHeader?: { readonly id: string; readonly encoded: Uint8Array };
  /** Told what became of it: the offset where the node said it, or why it is lost. */
  settle(outcome: { offset?: bigint } | Error): void;
}

/** What is to be done next. */
export type Step =
  | { readonly kind: 'send'; readonly slot: Slot; readonly keyHeader: Uint8Array | undefined }
  | { readonly kind: 'ask-head'; readonly boot: string }
  | { readonly kind: 'back-off' }
  | { readonly kind: 'wait' };

/** How to go on after a refusal, the more patient the greater. */
const RETRY = { atOnce: 0, inVain: 1, later: 2 } as const;
type Retry = (typeof RETRY)[keyof typeof RETRY];

type Pause = { kind: 'draining'; retry: Retry } | { kind: 'backing-off' };

/** An envelope of the window, and where it stands. */
export interface Slot {
  readonly entry: Entry;
  state: 'ready' | 'sent' | 'settled';
}

/** What helps against a refusal: it is stored already; sending again; waiting; nothing. */
type Remedy = 'stored' | 'resend' | 'wait' | 'none';

function remedyOf(refusal: Refusal): Remedy {
  switch (refusal.name) {
    case 'replayed':
      return 'stored';
    case 'sequence-gap':
    case 'key-header-missing':
    case 'epoch-unknown':
      return 'resend';
    case 'clock-ahead':
      return 'wait';
    default:
      return refusal.mayPass ? 'wait' : 'none';
  }
}

/** See the file. */
export class Outbox {
  #slots: Slot[] = [];
  readonly #announced = new Set<string>();
  #line: 'down' | 'asking' | 'up' = 'down';
  #head: { boot: string; expected: bigint } | undefined;
  #pause: Pause | undefined;
  #inFlight = 0;
  #fruitlessRounds = 0;
  #dead: Lost | undefined;
  #obstacle: Refusal | undefined;

  /** Envelopes that are not settled. */
  get waiting(): number {
    return this.#slots.length;
  }

  /** Why what was sent is sent again later; undefined once something was accepted. */
  get obstacle(): Refusal | undefined {
    return this.#obstacle;
  }

  /** Whether this boot is ended: what is sealed from now on needs another. */
  isDead(boot: string): boolean {
    return this.#dead?.boot === boot;
  }

  /** The next envelope, in order. */
  fill(entry: Entry): void {
    if (this.#dead?.boot === entry.boot) {
      entry.settle(this.#dead);
    } else {
      this.#slots.push({ entry, state: 'ready' });
    }
  }

  /** A connection stands. Nothing is known about what reached the node on an earlier one. */
  handleConnected(): void {
    this.handleDisconnected();
    this.#line = 'up';
  }

  /** The connection is gone, and with it every answer not yet received. */
  handleDisconnected(): void {
    this.#line = 'down';
    this.#head = undefined;
    this.#pause = undefined;
    this.#inFlight = 0;
    this.#announced.clear();
    this.#unsend();
  }

  /** What to do now. */
  nextStep(): Step {
    const front = this.#slots[0];
    if (this.#line !== 'up' || front === undefined || this.#pause?.kind === 'draining') {
      return { kind: 'wait' };
    }
    if (this.#pause?.kind === 'backing-off') {
      return { kind: 'back-off' };
    }
    const { boot } = front.entry;
    if (this.#head?.boot !== boot) {
      this.#line = 'asking';
      return { kind: 'ask-head', boot };
    }
    const slot = this.#slots.find((one) => one.state === 'ready');
    if (slot === undefined || slot.entry.boot !== boot) {
      return { kind: 'wait' };
    }
    const { keyHeader } = slot.entry;
    const isKnown = keyHeader === undefined || this.#announced.has(keyHeader.id);
    return { kind: 'send', slot, keyHeader: isKnown ? undefined : keyHeader.encoded };
  }

  /** The step `send` was carried out. */
  handleSent(slot: Slot): void {
    slot.state = 'sent';
    this.#inFlight += 1;
    if (slot.entry.keyHeader !== undefined) {
      this.#announced.add(slot.entry.keyHeader.id);
    }
  }

  /** The node expects `expected` next of `boot`: everything before it is stored there. */
  handleHead(boot: string, expected: bigint): void {
    this.#line = 'up';
    this.#head = { boot, expected };
    for (const slot of this.#slots) {
      if (slot.entry.boot === boot && slot.entry.sequence < expected) {
        this.#settle(slot, {});
      }
    }
    const missing = this.#slots.find((slot) => slot.entry.boot === boot && slot.state !== 'settled');
    if (missing !== undefined && missing.entry.sequence > expected) {
      const why = `wanted sequence ${missing.entry.sequence} to be next, found ${expected}: the node forgot`;
      this.#endBoot(missing.entry, new Refusal(refusalCode('sequence-gap'), 'stream', why));
    }
    this.#sweep();
  }

  /** The node could not say what it expects. */
  handleHeadRefused(boot: string, refusal: Refusal): void {
    this.#line = 'up';
    const first = this.#slots.find((slot) => slot.entry.boot === boot);
    if (first === undefined) {
      return;
    }
    const remedy = remedyOf(refusal);
    if (refusal.name === 'not-found') {
      this.handleHead(boot, 0n);
    } else if (remedy === 'none') {
      this.#endBoot(first.entry, refusal);
    } else {
      if (remedy === 'wait') {
        // However long it is busy: what waits for it is not given up for that.
        this.#obstacle = refusal;
      } else {
        this.#fruitlessRounds += 1;
      }
      this.#pause = { kind: 'backing-off' };
    }
  }

  /** The node stored it. */
  handlePublished(slot: Slot, offset: bigint): void {
    if (this.#isOpen(slot)) {
      this.#inFlight -= 1;
      this.#settle(slot, { offset });
      this.#afterAnswer();
    }
  }

  /** The node refused it. */
  handleRefused(slot: Slot, refusal: Refusal, expected: bigint | undefined): void {
    if (!this.#isOpen(slot)) {
      return;
    }
    const { boot, sequence, keyHeader } = slot.entry;
    const isStored = expected !== undefined && expected > sequence;
    const remedy = remedyOf(refusal);
    // The home has forgotten such old boots, and does not say that this is stored.
    const isForgotten = remedy === 'stored' && expected === undefined;
    this.#inFlight -= 1;
    if (remedy === 'stored' && isStored) {
      this.#settle(slot, {});
    } else if (remedy === 'wait') {
      if (keyHeader !== undefined) {
        // What came with it was not kept either.
        this.#announced.delete(keyHeader.id);
      }
      this.#obstacle = refusal;
      this.#retry(slot, RETRY.later);
    } else if (remedy !== 'none' && !isForgotten && this.#canResend(boot, sequence, expected)) {
      if (keyHeader !== undefined) {
        this.#announced.delete(keyHeader.id);
      }
      this.#retry(slot, this.#fruitlessRounds > 0 ? RETRY.inVain : RETRY.atOnce);
    } else {
      this.#endBoot(slot.entry, refusal);
    }
    this.#afterAnswer();
  }

  /** The back-off has passed. */
  handleWaited(): void {
    if (this.#pause?.kind === 'backing-off') {
      this.#pause = undefined;
    }
  }

  /** Nothing will be sent any more: everything that waits is told why. */
  abandon(why: (entry: Entry) => Error): void {
    for (const { entry } of this.#slots.splice(0)) {
      entry.settle(why(entry));
    }
  }

  #isOpen(slot: Slot): boolean {
    return slot.state === 'sent';
  }

  /**
   * A gap can be mended where what the node wants is still here, and progress is made. Behind an envelope
   * that has to be sent again, gaps are to be expected.
   */
  #canResend(boot: string, sequence: bigint, expected: bigint | undefined): boolean {
    if (this.#pause === undefined && this.#fruitlessRounds >= FRUITLESS_ROUNDS_MAX) {
      return false;
    }
    const wanted = expected ?? sequence;
    return (
      wanted === sequence ||
      this.#slots.some(({ entry, state }) => {
        return entry.boot === boot && entry.sequence === wanted && state !== 'settled';
      })
    );
  }

  #retry(slot: Slot, retry: Retry): void {
    slot.state = 'ready';
    const earlier = this.#pause?.kind === 'draining' ? this.#pause.retry : RETRY.atOnce;
    this.#pause = { kind: 'draining', retry: earlier > retry ? earlier : retry };
  }

  #settle(slot: Slot, outcome: { offset?: bigint }): void {
    if (slot.state === 'settled') {
      return;
    }
    slot.state = 'settled';
    const next = slot.entry.sequence + 1n;
    if (this.#head?.boot === slot.entry.boot && this.#head.expected < next) {
      this.#head.expected = next;
    }
    this.#fruitlessRounds = 0;
    this.#obstacle = undefined;
    slot.entry.settle(outcome);
  }

  #afterAnswer(): void {
    if (this.#pause?.kind === 'draining' && this.#inFlight === 0) {
      const { retry } = this.#pause;
      this.#fruitlessRounds += retry === RETRY.later ? 0 : 1;
      this.#unsend();
      this.#pause = retry === RETRY.atOnce ? undefined : { kind: 'backing-off' };
    }
    this.#sweep();
  }

  /** Nothing of this boot from this envelope on can be accepted any more. */
  #endBoot(first: Entry, refusal: Refusal): void {
    const lost = new Lost(first.boot, first.sequence, refusal);
    this.#dead = lost;
    for (const slot of this.#slots) {
      const { entry } = slot;
      if (entry.boot !== first.boot || entry.sequence < first.sequence || slot.state === 'settled') {
        continue;
      }
      this.#inFlight -= slot.state === 'sent' && entry !== first ? 1 : 0;
      slot.state = 'settled';
      entry.settle(lost);
    }
    this.#sweep();
  }

  #unsend(): void {
    for (const slot of this.#slots) {
      slot.state = slot.state === 'sent' ? 'ready' : slot.state;
    }
  }

  #sweep(): void {
    const open = this.#slots.findIndex((slot) => slot.state !== 'settled');
    this.#slots.splice(0, open < 0 ? this.#slots.length : open);
  }
}
