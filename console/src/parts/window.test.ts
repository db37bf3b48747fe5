import { describe, expect, test } from 'vitest';
import { sliceOf } from './window';

describe('the rows of a long table that are drawn', () => {
  test('are those that can be seen and a few around them', () => {
    const slice = sliceOf(10_000, 40, 40_000, 400);
    expect(slice).toEqual({ first: 992, last: 1_018, before: 39_680, after: 8_982 * 40 });
  });

  test('take with what is left out the height of all', () => {
    for (const top of [-50, 0, 1, 399, 39_999, 400_000, 1_000_000]) {
      const { first, last, before, after } = sliceOf(10_000, 40, top, 400);
      expect(before + (last - first) * 40 + after).toBe(400_000);
      expect(last - first).toBeLessThan(40);
    }
  });

  test('of none are none', () => {
    expect(sliceOf(0, 40, 500, 400)).toEqual({ first: 0, last: 0, before: 0, after: 0 });
  });
});
