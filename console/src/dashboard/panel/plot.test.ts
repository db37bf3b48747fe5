import { describe, expect, it } from 'vitest';
import { plotData, shown } from './plot';

describe('a plot', () => {
  it('draws no line across readings that are missing', () => {
    const [times, values] = plotData({
      times: Float64Array.of(1000, 2000, 9000, 10_000),
      values: Float64Array.of(1, 2, 3, 4),
      breaks: [{ after: 2000, before: 9000, reason: 'retention' }],
    });
    expect(times).toEqual([1, 2, 5.5, 9, 10]);
    expect(values).toEqual([1, 2, null, 3, 4]);
  });

  it('has a hole where a reading has no such number', () => {
    const [, values] = plotData({
      times: Float64Array.of(1000, 2000),
      values: Float64Array.of(Number.NaN, 2),
      breaks: [],
    });
    expect(values).toEqual([null, 2]);
  });

  it('shows some seconds where there is one reading alone, and as much as there is where there are more', () => {
    const DAYS = 86_400;
    expect(shown([5000], 5000, 5000 + 1000 * DAYS)).toEqual([4980, 5000]);
    expect(shown([5000, 5001], 5000, 5001)).toEqual([4981, 5001]);
    expect(shown([5000, 9000], 5000, 9000)).toEqual([5000, 9000]);
    expect(shown([], null, null)[1] - shown([], null, null)[0]).toBeCloseTo(20);
  });

  it('marks what came late', () => {
    const data = plotData({
      times: Float64Array.of(1000, 2000),
      values: Float64Array.of(1, 2),
      late: (row) => row === 1,
      breaks: [],
    });
    expect(data[4]).toEqual([null, 2]);
  });

  it('keeps peaks however many readings there are', () => {
    const rows = 100_000;
    const values = new Float64Array(rows).fill(1);
    values[54_321] = 99;
    const [times, drawn] = plotData({
      times: Float64Array.from({ length: rows }, (_, row) => row * 1000),
      values,
      breaks: [],
    });
    expect(times.length).toBeLessThanOrEqual(1600);
    expect(Math.max(...drawn.map((value) => value ?? 0))).toBe(99);
    expect([...times]).toEqual([...times].sort((a, b) => a - b));
  });
});
