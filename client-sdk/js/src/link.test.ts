import { describe, expect, it, vi } from 'vitest';
import { decodeFrame, encodeFrame } from './frame.js';
import { Branch, type BranchFrame, HELD_BYTES_MAX, Link, windowOf } from './link.js';
import type { MessageSocket } from './socket.js';
import { Queue } from './waiting.js';
import type { Welcome } from './wire/sekisho_pb.js';

const MIB = 1024 * 1024;
const RECORD = { case: 'record', value: {} } as unknown as BranchFrame;
const STATEMENTS = { case: 'statements', value: {} } as unknown as BranchFrame;

describe('what a node may send ahead', () => {
  it('is what was wished for, unless the largest records of it would be too many bytes', () => {
    expect(windowOf(256, 64 * 1024)).toBe(256);
    expect(windowOf(1, MIB)).toBe(1);
    const window = windowOf(4_096, MIB);
    expect(window).toBeGreaterThan(50);
    expect(window * (MIB + 16 * 1024)).toBeLessThanOrEqual(HELD_BYTES_MAX);
    // Whatever a node says of itself.
    expect(windowOf(256, 0)).toBe(256);
    expect(windowOf(4_096, 2 ** 32 - 1)).toBe(window);
  });

  it('is taken as far as there is room, and room comes back with what is taken', async () => {
    const branch = new Branch(1, 0, () => undefined);
    for (let mebibytes = 0; mebibytes < 64; mebibytes += 1) {
      expect(branch.take(STATEMENTS, MIB)).toBe(true);
    }
    await branch.frames.take();
    expect(branch.frames.bytes).toBe(63 * MIB);
    expect(branch.take(STATEMENTS, MIB)).toBe(true);
    expect(branch.take(STATEMENTS, 1)).toBe(false);
  });

  it('is never refused where a node keeps to its credit, however large its records are', async () => {
    const window = windowOf(256, MIB);
    const branch = new Branch(1, window, () => undefined);
    for (let round = 0; round < 3; round += 1) {
      for (let record = 0; record < window; record += 1) {
        expect(branch.take(RECORD, MIB + 16 * 1024)).toBe(true);
      }
      for (let record = 0; record < window; record += 1) {
        expect(await branch.frames.take()).toBe(RECORD);
      }
      branch.pay(window);
    }
    expect(branch.frames.bytes).toBe(0);
  });

  it('counts nothing that comes after its end', () => {
    const branch = new Branch(1, 4, () => undefined);
    branch.frames.end();
    branch.take(RECORD, MIB);
    expect(branch.frames.bytes).toBe(0);
  });
});

describe('the order of what a node tells', () => {
  const record = (position: bigint) => ({ case: 'record', value: { position } }) as unknown as BranchFrame;
  const gap = (fromPosition: bigint, toPosition: bigint, reason = 1) =>
    ({ case: 'gap', value: { fromPosition, toPosition, reason } }) as unknown as BranchFrame;
  const RESTART = 4;

  function firstDisorder(...frames: BranchFrame[]): string | undefined {
    const branch = new Branch(1, 4, () => undefined);
    return frames.map((frame) => branch.disorder(frame)?.message).find((fault) => fault !== undefined);
  }

  it('is that of positions, and goes back where its log was lost and nowhere else', () => {
    expect(firstDisorder(record(3n), gap(4n, 7n), record(7n), gap(20n, 21n), record(30n))).toBe(undefined);
    expect(firstDisorder(record(9n), gap(4n, 4n, RESTART), record(4n))).toBe(undefined);
    expect(firstDisorder(record(3n), record(3n))).toBe(
      'node: wanted a record at position 4 or after, found 3',
    );
    expect(firstDisorder(gap(0n, 2n ** 64n - 1n), record(5n))).toMatch(/found 5$/);
    expect(firstDisorder(record(9n), gap(4n, 7n))).toBe(
      'node: wanted a gap at position 10 or after, found 4',
    );
    expect(firstDisorder(gap(4n, 4n))).toBe('node: wanted a gap that ends after 4, found one that ends at 4');
  });

  it('ends the connection where it is not kept to', async () => {
    const { link, node } = connected();
    const branch = link.open(4, (subscription) => ({
      case: 'unsubscribe',
      value: { subscription },
    }));
    const span = { fromPosition: 4n, toPosition: 9n, reason: 1 };
    const told = { case: 'gap', value: { subscription: branch.number, ...span } } as const;
    node.messages.push(encodeFrame(told));
    node.messages.push(encodeFrame(told));
    expect((await link.ended).message).toBe('node: wanted a gap at position 9 or after, found 4');
  });
});

describe('pings of a node that reads nothing', () => {
  it('have one pong wait, and then the newest is answered', async () => {
    vi.useFakeTimers();
    try {
      const { link, node } = connected();
      for (let token = 0n; token < 1000n; token += 1n) {
        node.messages.push(encodeFrame({ case: 'ping', value: { token } }));
      }
      await vi.advanceTimersByTimeAsync(1000);
      expect(node.pongs).toEqual([0n]);
      node.reads = true;
      await vi.advanceTimersByTimeAsync(1000);
      expect(node.pongs).toEqual([0n, 999n]);
      link.close('done');
    } finally {
      vi.useRealTimers();
    }
  });
});

/** A connection to a node that reads only when it is told to. */
function connected() {
  const node = { messages: new Queue<Uint8Array>(), pongs: [] as bigint[], reads: false };
  let sent = 0;
  const socket = {
    heard: 0,
    get waiting() {
      return node.reads ? 0 : sent;
    },
    next: () => node.messages.take(),
    send: (message: Uint8Array) => {
      sent += message.length;
      const frame = decodeFrame(message);
      node.pongs.push(...(frame.case === 'pong' ? [frame.value.token] : []));
    },
    close: () => undefined,
  };
  return { link: new Link(socket as unknown as MessageSocket, {} as Welcome, 1), node };
}
