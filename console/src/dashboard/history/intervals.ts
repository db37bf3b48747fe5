// A history in equal intervals: however many readings there are, what is kept of them fits a plot,
// a table and bounded memory.

import type { HistoryColumn } from '../feed/protocol';
import { COLUMNS_MAX } from '../fleet/series';

/** How far back, and how long each interval is; milliseconds. */
export interface Span {
  key: 'hours48' | 'week' | 'month';
  length: number;
  interval: number;
}

const HOUR = 3_600_000;

/** What can be chosen: 48 hours, a week, a month. */
export const SPANS: readonly Span[] = [
  { key: 'hours48', length: 48 * HOUR, interval: HOUR / 12 },
  { key: 'week', length: 7 * 24 * HOUR, interval: HOUR / 4 },
  { key: 'month', length: 31 * 24 * HOUR, interval: HOUR },
];

interface Growing {
  name: string;
  unit: string;
  count: Float64Array;
  sum: Float64Array;
  minimum: Float64Array;
  maximum: Float64Array;
}

/** Gathers readings into intervals from a time on. */
export class Intervals {
  readonly #columns = new Map<string, Growing>();
  readonly #rows: number;
  readonly #start: number;

  /**
   * @param since - the first interval holds this time
   * @param until - the last one holds this
   */
  constructor(
    since: number,
    until: number,
    readonly interval: number,
  ) {
    this.#start = Math.floor(since / interval) * interval;
    this.#rows = Math.max(1, Math.floor((until - this.#start) / interval) + 1);
  }

  /** Takes a number in; one outside of the intervals or that is none is left out. */
  add(time: number, name: string, unit: string, value: number): void {
    const row = Math.floor((time - this.#start) / this.interval);
    if (row < 0 || row >= this.#rows || !Number.isFinite(value)) return;
    const column = this.#column(name, unit);
    if (column === undefined) return;
    const before = column.count[row] ?? 0;
    column.count[row] = before + 1;
    column.sum[row] = (column.sum[row] ?? 0) + value;
    column.minimum[row] = before === 0 ? value : Math.min(column.minimum[row] ?? value, value);
    column.maximum[row] = before === 0 ? value : Math.max(column.maximum[row] ?? value, value);
  }

  /** The intervals from the first with anything to the last, those between included. */
  result(): { times: Float64Array; columns: HistoryColumn[] } {
    const columns = [...this.#columns.values()];
    const has = (row: number) => columns.some(({ count }) => (count[row] ?? 0) > 0);
    let [from, to] = [0, this.#rows];
    while (from < to && !has(from)) from += 1;
    while (to > from && !has(to - 1)) to -= 1;
    const times = Float64Array.from(
      { length: to - from },
      (_, index) => this.#start + (from + index) * this.interval,
    );
    return { times, columns: columns.map((column) => finished(column, from, to)) };
  }

  #column(name: string, unit: string): Growing | undefined {
    const known = this.#columns.get(name);
    if (known !== undefined || this.#columns.size >= COLUMNS_MAX) return known;
    const empty = () => new Float64Array(this.#rows);
    const column = { name, unit, count: empty(), sum: empty(), minimum: empty(), maximum: empty() };
    this.#columns.set(name, column);
    return column;
  }
}

function finished(column: Growing, from: number, to: number): HistoryColumn {
  const { name, unit } = column;
  const count = column.count.slice(from, to);
  const or = (values: Float64Array) =>
    values.slice(from, to).map((value, row) => ((count[row] ?? 0) > 0 ? value : Number.NaN));
  return {
    name,
    unit,
    count,
    mean: or(column.sum).map((sum, row) => sum / (count[row] ?? Number.NaN)),
    minimum: or(column.minimum),
    maximum: or(column.maximum),
  };
}
