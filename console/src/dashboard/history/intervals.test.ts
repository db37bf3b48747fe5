import { describe, expect, it } from 'vitest';
import { Intervals, SPANS } from './intervals';

describe('a history in intervals', () => {
  it('has mean, least, most and number of each interval, and holes where nothing was measured', () => {
    const intervals = new Intervals(1_000, 10_000, 1_000);
    for (const [time, value] of [
      [2_100, 4],
      [2_900, 8],
      [5_000, -1],
    ] as const) {
      intervals.add(time, 'noise', 'dB', value);
    }
    const { times, columns } = intervals.result();
    expect([...times]).toEqual([2_000, 3_000, 4_000, 5_000]);
    expect(columns[0]?.name).toBe('noise');
    expect([...(columns[0]?.mean ?? [])]).toEqual([6, Number.NaN, Number.NaN, -1]);
    expect([...(columns[0]?.minimum ?? [])]).toEqual([4, Number.NaN, Number.NaN, -1]);
    expect([...(columns[0]?.maximum ?? [])]).toEqual([8, Number.NaN, Number.NaN, -1]);
    expect([...(columns[0]?.count ?? [])]).toEqual([2, 0, 0, 1]);
  });

  it('leaves out what is before, behind or no number', () => {
    const intervals = new Intervals(1_000, 2_000, 1_000);
    intervals.add(999, 'a', '', 1);
    intervals.add(3_000, 'a', '', 1);
    intervals.add(1_500, 'a', '', Number.NaN);
    expect(intervals.result().times).toHaveLength(0);
  });

  it('is of a size that a plot can draw, for every span there is to choose', () => {
    for (const { length, interval } of SPANS) expect(length / interval).toBeLessThanOrEqual(800);
  });
});
