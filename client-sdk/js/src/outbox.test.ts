import { describe, expect, it } from 'vitest';
import { type RefusalCodeName, refusalCode } from './code.js';
import { type Entry, Outbox, type Slot, type Step } from './outbox.js';
import { Lost } from './publish_failure.js';
import { Refusal } from './refusal.js';

const BOOT = '01'.repeat(16);
const LATER_BOOT = '02'.repeat(16);
const FRUITLESS_ROUNDS_MAX = 16;

/** An outbox, its entries by number, and what became of each. */
class Bench {
  readonly outbox = new Outbox();
  readonly slots = new Map<bigint, Slot>();
  readonly fates: string[] = [];

  fill(boot: string, sequence: bigint): void {
    const entry: Entry = {
      boot,
      sequence,
      samples: 10,
      envelope: Uint8Array.of(Number(sequence)),
      keyHeader: { id: 'k', encoded: Uint8Array.of(9) },
      settle: (outcome) => this.fates.push(`${sequence} ${outcome instanceof Lost ? 'lost' : 'accepted'}`),
    };
    this.outbox.fill(entry);
  }

  /** Sends everything that can be sent. */
  sendAll(): bigint[] {
    const sent: bigint[] = [];
    for (let step = this.outbox.nextStep(); step.kind === 'send'; step = this.outbox.nextStep()) {
      this.outbox.handleSent(step.slot);
      this.slots.set(step.slot.entry.sequence, step.slot);
      sent.push(step.slot.entry.sequence);
    }
    return sent;
  }

  published(sequence: bigint, offset = 0n): void {
    this.outbox.handlePublished(this.#slot(sequence), offset);
  }

  refused(sequence: bigint, code: RefusalCodeName, expected?: bigint): void {
    this.outbox.handleRefused(this.#slot(sequence), refusal(code), expected);
  }

  #slot(sequence: bigint): Slot {
    const slot = this.slots.get(sequence);
    if (slot === undefined) {
      throw new Error(`sequence ${sequence} was not sent`);
    }
    return slot;
  }
}

function refusal(code: RefusalCodeName): Refusal {
  return new Refusal(refusalCode(code), 'envelope', 'wanted another');
}

/** Entries 0 to `count` of one boot on a fresh connection whose node expects `expected`. */
function connected(count: bigint, expected = 0n): Bench {
  const bench = new Bench();
  for (let sequence = 0n; sequence < count; sequence += 1n) {
    bench.fill(BOOT, sequence);
  }
  bench.outbox.handleConnected();
  expect(bench.outbox.nextStep()).toEqual({ kind: 'ask-head', boot: BOOT });
  expect(bench.outbox.nextStep()).toEqual({ kind: 'wait' });
  bench.outbox.handleHead(BOOT, expected);
  return bench;
}

describe('the outbox', () => {
  it('sends envelopes in order and settles them by their answers', () => {
    const bench = connected(3n);
    expect(bench.sendAll()).toEqual([0n, 1n, 2n]);
    bench.published(0n);
    bench.published(2n);
    expect(bench.outbox.waiting).toBe(2);
    bench.published(1n);
    expect(bench.outbox.waiting).toBe(0);
    expect(bench.fates).toEqual(['0 accepted', '2 accepted', '1 accepted']);
  });

  it('sends the key header with the first envelope of a connection', () => {
    const bench = connected(2n);
    const header = (step: Step) => (step.kind === 'send' ? step.keyHeader : 'none sent');
    const first = bench.outbox.nextStep();
    expect(header(first)).toEqual(Uint8Array.of(9));
    bench.sendAll();
    bench.outbox.handleConnected();
    bench.outbox.nextStep();
    bench.outbox.handleHead(BOOT, 0n);
    expect(header(bench.outbox.nextStep())).toEqual(Uint8Array.of(9));
    bench.sendAll();
    bench.fill(BOOT, 2n);
    expect(header(bench.outbox.nextStep())).toBeUndefined();
  });

  it('does not send again what the node stored before the connection broke', () => {
    const bench = connected(4n);
    bench.sendAll();
    bench.outbox.handleDisconnected();
    expect(bench.outbox.nextStep()).toEqual({ kind: 'wait' });
    bench.outbox.handleConnected();
    expect(bench.outbox.nextStep()).toEqual({ kind: 'ask-head', boot: BOOT });
    bench.outbox.handleHead(BOOT, 2n);
    expect(bench.fates).toEqual(['0 accepted', '1 accepted']);
    expect(bench.sendAll()).toEqual([2n, 3n]);
  });

  it('counts a duplicate as accepted', () => {
    const bench = connected(1n);
    bench.sendAll();
    bench.refused(0n, 'replayed', 1n);
    expect(bench.fates).toEqual(['0 accepted']);
  });

  it('tells what a home may have forgotten as lost and does not take it for stored', () => {
    const bench = connected(3n);
    bench.sendAll();
    bench.refused(0n, 'replayed');
    expect(bench.fates).toEqual(['0 lost', '1 lost', '2 lost']);
  });

  it('waits for a refusal that passes as often as it takes', () => {
    const bench = connected(3n);
    for (let round = 0; round < FRUITLESS_ROUNDS_MAX * 4; round += 1) {
      expect(bench.sendAll()).toEqual([0n, 1n, 2n]);
      bench.refused(0n, 'storage-full');
      expect(bench.outbox.nextStep()).toEqual({ kind: 'wait' });
      bench.refused(1n, 'sequence-gap', 0n);
      bench.refused(2n, 'sequence-gap', 0n);
      expect(bench.outbox.nextStep()).toEqual({ kind: 'back-off' });
      bench.outbox.handleWaited();
    }
    expect(bench.fates).toEqual([]);
    expect(bench.outbox.obstacle?.name).toBe('storage-full');
  });

  it('sends the key header again with an envelope for which there was no room', () => {
    const bench = connected(1n);
    for (let round = 0; round < FRUITLESS_ROUNDS_MAX * 4; round += 1) {
      const step = bench.outbox.nextStep();
      expect(step.kind === 'send' ? step.keyHeader : 'none sent').toEqual(Uint8Array.of(9));
      expect(bench.sendAll()).toEqual([0n]);
      bench.refused(0n, 'storage-full');
      expect(bench.outbox.nextStep()).toEqual({ kind: 'back-off' });
      bench.outbox.handleWaited();
    }
    expect(bench.fates).toEqual([]);
  });

  it('mends a gap from where the node is', () => {
    const bench = connected(3n);
    bench.sendAll();
    bench.refused(1n, 'sequence-gap', 0n);
    bench.refused(2n, 'sequence-gap', 0n);
    expect(bench.outbox.nextStep()).toEqual({ kind: 'wait' });
    bench.published(0n);
    expect(bench.sendAll()).toEqual([1n, 2n]);
  });

  it('ends the boot at a permanent refusal and tells what is behind it', () => {
    const bench = connected(3n);
    bench.fill(LATER_BOOT, 0n);
    expect(bench.sendAll()).toEqual([0n, 1n, 2n]);
    bench.published(0n);
    bench.refused(1n, 'not-permitted');
    expect(bench.fates).toEqual(['0 accepted', '1 lost', '2 lost']);
    expect(bench.outbox.isDead(BOOT)).toBe(true);
    bench.fill(BOOT, 3n);
    expect(bench.fates.at(-1)).toBe('3 lost');
    expect(bench.outbox.nextStep()).toEqual({ kind: 'ask-head', boot: LATER_BOOT });
    bench.outbox.handleHead(LATER_BOOT, 0n);
    expect(bench.sendAll()).toEqual([0n]);
  });

  it('ends the boot where the node forgot what it had accepted', () => {
    const bench = new Bench();
    bench.fill(BOOT, 57n);
    bench.outbox.handleConnected();
    bench.outbox.nextStep();
    bench.outbox.handleHead(BOOT, 0n);
    expect(bench.fates).toEqual(['57 lost']);
  });

  it('gives up a gap that nothing mends', () => {
    const bench = connected(1n);
    let rounds = 0;
    while (bench.fates.length === 0) {
      if (bench.outbox.nextStep().kind === 'back-off') {
        bench.outbox.handleWaited();
      }
      bench.sendAll();
      bench.refused(0n, 'epoch-unknown');
      rounds += 1;
      expect(rounds).toBeLessThanOrEqual(FRUITLESS_ROUNDS_MAX + 1);
    }
    expect(rounds).toBe(FRUITLESS_ROUNDS_MAX + 1);
    expect(bench.fates).toEqual(['0 lost']);
  });

  it('asks again for a head that was refused for now', () => {
    const bench = new Bench();
    bench.fill(BOOT, 0n);
    bench.outbox.handleConnected();
    bench.outbox.nextStep();
    bench.outbox.handleHeadRefused(BOOT, refusal('draining'));
    expect(bench.outbox.nextStep()).toEqual({ kind: 'back-off' });
    bench.outbox.handleWaited();
    expect(bench.outbox.nextStep()).toEqual({ kind: 'ask-head', boot: BOOT });
    bench.outbox.handleHeadRefused(BOOT, refusal('not-found'));
    expect(bench.sendAll()).toEqual([0n]);
  });

  it('sends what waited to a node that was busy for long', () => {
    const bench = new Bench();
    bench.fill(BOOT, 0n);
    bench.outbox.handleConnected();
    for (let round = 0; round < FRUITLESS_ROUNDS_MAX * 2; round += 1) {
      expect(bench.outbox.nextStep()).toEqual({ kind: 'ask-head', boot: BOOT });
      bench.outbox.handleHeadRefused(BOOT, refusal('rate-limited'));
      expect(bench.outbox.obstacle).toMatchObject({ name: 'rate-limited' });
      bench.outbox.handleWaited();
    }
    bench.outbox.nextStep();
    bench.outbox.handleHead(BOOT, 0n);
    expect(bench.sendAll()).toEqual([0n]);
    bench.refused(0n, 'key-header-missing');
    expect(bench.fates).toEqual([]);
    expect(bench.sendAll()).toEqual([0n]);
  });
});
