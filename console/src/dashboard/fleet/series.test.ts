import { describe, expect, it } from 'vitest';
import { Series } from './series';

const names = [{ name: 'pm2_5', unit: 'ug/m3' }];
const add = (series: Series, time: number, value = time) =>
  series.insert(time, time + 5, 0, names, new Float64Array([value]));

describe('a series', () => {
  it('keeps the newest rows in the order of their times, whatever order they came in', () => {
    const series = new Series(50);
    const times = Array.from({ length: 400 }, (_, index) => (index * 37) % 400);
    for (const time of times) add(series, time);
    const kept = [...series.times];
    expect(kept).toHaveLength(50);
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
    expect(series.last).toBe(399);
    expect([...(series.values('pm2_5') ?? [])]).toEqual(kept);
    expect([...series.delays]).toEqual(kept.map((time) => time + 5));
  });

  it('goes on knowing that a row came late when the history tells the same row', () => {
    const series = new Series(10);
    series.insert(1, 3_600_000, 0, names, new Float64Array([1]));
    series.insert(1, 20, 0, names, new Float64Array([1]));
    expect([...series.delays]).toEqual([3_600_000]);
  });

  it('has a hole where a row has no such number', () => {
    const series = new Series(10);
    add(series, 1);
    series.insert(2, 2, 1, [{ name: 'noise', unit: 'dB' }], new Float64Array([60]));
    expect([...(series.values('pm2_5') ?? [])]).toEqual([1, Number.NaN]);
    expect([...(series.values('noise') ?? [])]).toEqual([Number.NaN, 60]);
    expect([...series.provenance]).toEqual([0, 1]);
    expect(series.values('other')).toBeUndefined();
  });

  it('takes rows of one time together', () => {
    const series = new Series(10);
    add(series, 1, 10);
    series.insert(1, 9, 0, [{ name: 'noise', unit: 'dB' }], new Float64Array([60]));
    expect(series.length).toBe(1);
    expect(series.values('pm2_5')?.[0]).toBe(10);
    expect(series.values('noise')?.[0]).toBe(60);
  });

  it('does not grow however long it goes on, and shrinks where it may keep less', () => {
    const series = new Series(100);
    for (let time = 0; time < 100_000; time += 1) add(series, time);
    expect(series.length).toBe(100);
    expect(series.times.buffer.byteLength).toBeLessThanOrEqual(8 * 256);
    series.rowsMax = 10;
    add(series, 100_000);
    expect([...series.times]).toEqual([
      99_991, 99_992, 99_993, 99_994, 99_995, 99_996, 99_997, 99_998, 99_999, 100_000,
    ]);
  });

  it('drops what is older than all it has room for', () => {
    const series = new Series(3);
    for (const time of [5, 6, 7]) add(series, time);
    expect(add(series, 1)).toBe(false);
    expect([...series.times]).toEqual([5, 6, 7]);
  });
});
