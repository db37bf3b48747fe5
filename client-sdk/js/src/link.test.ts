import { describe, expect, it } from 'vitest';
import { Branch, type BranchFrame, HELD_BYTES_MAX, windowOf } from './link.js';

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
