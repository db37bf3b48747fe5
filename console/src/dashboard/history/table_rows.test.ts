import { describe, expect, it } from 'vitest';
import type { HistoryColumn, HistoryPart } from '../feed/protocol';
import { tableRows } from './table_rows';

const counts = (...count: number[]): HistoryColumn => {
  const numbers = Float64Array.from(count);
  return { name: 'x', unit: '', count: numbers, mean: numbers, minimum: numbers, maximum: numbers };
};

/** Intervals of 100 ms from 0 on. */
function part(column: HistoryColumn, reached: number, gaps: HistoryPart['gaps']): HistoryPart {
  const times = Float64Array.from(column.count, (_, index) => index * 100);
  const none = { readings: 0, late: 0, lateMost: 0, rejected: 0, unopened: 0, unusable: 0, signers: [] };
  return { times, columns: [column], reached, gaps, ...none };
}

const shape = (rows: ReturnType<typeof tableRows>) =>
  rows.map((row) => ('gap' in row ? row.gap.reason : row.interval));

describe('the table of a history', () => {
  it('has its intervals, newest first, without those in which nothing was read', () => {
    const column = counts(2, 0, 1);
    expect(shape(tableRows(part(column, 250, []), column, 10))).toEqual([2, 0]);
    expect(shape(tableRows(part(column, 250, []), column, 1))).toEqual([2]);
  });

  it('has what is missing between them, also within one, before all and behind all', () => {
    const column = counts(2, 0, 3);
    const gaps = [
      { after: 0, before: 20, reason: 'first' },
      { after: 50, before: 210, reason: 'between' },
      { after: 220, before: 240, reason: 'within' },
      { after: 250, before: 9_000, reason: 'last' },
    ];
    const rows = tableRows(part(column, 250, gaps), column, 10);
    expect(shape(rows)).toEqual(['last', 2, 'within', 'between', 0, 'first']);
  });

  it('has all that is missing where nothing could be read', () => {
    const column = counts(0, 0);
    const gaps = [{ after: 0, before: 9_000, reason: 'all' }];
    expect(shape(tableRows(part(column, 0, gaps), column, 10))).toEqual(['all']);
  });

  it('ends with its oldest row, also where older readings are missing', () => {
    const column = counts(1, 1, 1);
    const gaps = [{ after: 10, before: 110, reason: 'older' }];
    expect(shape(tableRows(part(column, 250, gaps), column, 1))).toEqual([2]);
  });
});
