// Samples of one device in the order of their times, in bounded memory: columns of numbers, of
// which the oldest rows give way.

import type { ColumnName } from '../feed/protocol';

/** Rows that a new series has room for. */
const ROWS_AT_FIRST = 16;

/** Columns of one table: a stream that names ever new ones fills no memory. */
export const COLUMNS_MAX = 1024;

/** One column of a series. */
export interface Column extends ColumnName {
  values: Float64Array;
}

/**
 * A table that is sorted by time. Rows lie one behind the other in arrays of twice the rows that
 * are kept, so that a view of them is a part of the array and dropping old ones is seldom a copy.
 */
export class Series {
  #times = new Float64Array(ROWS_AT_FIRST);
  #delays = new Float64Array(ROWS_AT_FIRST);
  #provenance = new Uint16Array(ROWS_AT_FIRST);
  #columns: Column[] = [];
  #byName = new Map<string, Column>();
  #start = 0;
  #end = 0;

  /** @param rowsMax - rows that are kept at most; may be lowered later */
  constructor(public rowsMax: number) {}

  get length(): number {
    return this.#end - this.#start;
  }

  /** Times of the rows, milliseconds since 1970, ascending. Valid until the next row. */
  get times(): Float64Array {
    return this.#times.subarray(this.#start, this.#end);
  }

  /** How long each row was on its way, milliseconds. Valid until the next row. */
  get delays(): Float64Array {
    return this.#delays.subarray(this.#start, this.#end);
  }

  /** The number that was given with each row. Valid until the next row. */
  get provenance(): Uint16Array {
    return this.#provenance.subarray(this.#start, this.#end);
  }

  /** Names and units of the columns there are. */
  get columns(): readonly ColumnName[] {
    return this.#columns;
  }

  /** A column's numbers, NaN where a row has none; undefined where there is no such column. */
  values(name: string): Float64Array | undefined {
    return this.#byName.get(name)?.values.subarray(this.#start, this.#end);
  }

  /** The newest time, or nothing. */
  get last(): number | undefined {
    return this.length === 0 ? undefined : this.#times[this.#end - 1];
  }

  /**
   * Adds a row where its time belongs. A row of a time that is there already replaces it, number
   * by number; one that is older than all of a full series is dropped.
   *
   * @returns whether the row is kept
   */
  insert(time: number, delay: number, provenance: number, names: ColumnName[], row: Float64Array): boolean {
    let place = this.#placeOf(time);
    const isKnown = place > this.#start && this.#at(place - 1) === time;
    if (isKnown) {
      this.#fill(place - 1, delay, provenance, names, row, false);
      return true;
    }
    if (this.length >= this.rowsMax && place === this.#start) return false;
    this.#makeRoom();
    place = this.#placeOf(time);
    if (place < this.#end) this.#shift(place);
    this.#times[place] = time;
    this.#end += 1;
    this.#fill(place, delay, provenance, names, row, true);
    return true;
  }

  /** Drops every row. */
  clear(): void {
    this.#start = 0;
    this.#end = 0;
  }

  #at(place: number): number {
    return this.#times[place] ?? Number.NaN;
  }

  #placeOf(time: number): number {
    let place = this.#end;
    while (place > this.#start && this.#at(place - 1) > time) place -= 1;
    return place;
  }

  #shift(place: number): void {
    this.#times.copyWithin(place + 1, place, this.#end);
    this.#delays.copyWithin(place + 1, place, this.#end);
    this.#provenance.copyWithin(place + 1, place, this.#end);
    for (const { values } of this.#columns) values.copyWithin(place + 1, place, this.#end);
  }

  #fill(
    place: number,
    delay: number,
    provenance: number,
    names: ColumnName[],
    row: Float64Array,
    isNew: boolean,
  ): void {
    // What the history tells of a reading that came late does not know that.
    this.#delays[place] = isNew ? delay : Math.max(delay, this.#delays[place] ?? 0);
    this.#provenance[place] = provenance;
    if (isNew) for (const { values } of this.#columns) values[place] = Number.NaN;
    names.forEach((name, index) => {
      const value = row[index];
      if (value === undefined || Number.isNaN(value)) return;
      const column = this.#column(name);
      if (column !== undefined) column.values[place] = value;
    });
  }

  #column(name: ColumnName): Column | undefined {
    const known = this.#byName.get(name.name);
    if (known !== undefined) {
      known.unit = name.unit;
      return known;
    }
    if (this.#columns.length >= COLUMNS_MAX) return undefined;
    const values = new Float64Array(this.#times.length).fill(Number.NaN);
    const column = { ...name, values };
    this.#columns.push(column);
    this.#byName.set(name.name, column);
    return column;
  }

  /** Makes sure of one free row at the end, and of at most `rowsMax` rows with it. */
  #makeRoom(): void {
    if (this.length >= this.rowsMax) this.#start = this.#end - this.rowsMax + 1;
    if (this.#end < this.#times.length) return;
    const wanted = Math.min(this.#times.length * 2, this.rowsMax * 2);
    if (this.length * 2 > this.#times.length && wanted > this.#times.length) {
      this.#move(wanted);
    } else {
      this.#times.copyWithin(0, this.#start, this.#end);
      this.#delays.copyWithin(0, this.#start, this.#end);
      this.#provenance.copyWithin(0, this.#start, this.#end);
      for (const { values } of this.#columns) values.copyWithin(0, this.#start, this.#end);
    }
    this.#end -= this.#start;
    this.#start = 0;
  }

  #move(room: number): void {
    const grown = (from: Float64Array) => {
      const to = new Float64Array(room);
      to.set(from.subarray(this.#start, this.#end));
      return to;
    };
    const provenance = new Uint16Array(room);
    provenance.set(this.#provenance.subarray(this.#start, this.#end));
    this.#times = grown(this.#times);
    this.#delays = grown(this.#delays);
    this.#provenance = provenance;
    for (const column of this.#columns) column.values = grown(column.values);
  }
}
