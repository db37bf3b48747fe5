// One device as the page knows it: its topic, what it measured last, and where it was.

import type { Stream } from '@sekisho/client';
import { measurement } from '../../words/measurement';
import type { Batch, Break, ColumnName, Numbered, Provenance, TextValue } from '../feed/protocol';
import { mercator } from '../map/mercator';
import { COLUMNS_MAX, Series } from './series';

/** How far apart the rows are that every device keeps, milliseconds; the chosen one keeps all. */
export const SPACING_MS = 1000;

/** Breaks that a device keeps. */
const BREAKS_MAX = 64;
/** Signers and keys that a device remembers; beyond, the last place is taken over. */
const PROVENANCES_MAX = 256;

/** A place on the map: degrees, and the square that the world is on it (0 to 1 from the north-west). */
export interface Place {
  latitude: number;
  longitude: number;
  x: number;
  y: number;
}

const LATITUDE = new Set(['latitude', 'lat']);
const LONGITUDE = new Set(['longitude', 'lon', 'lng']);

/** Whether a measurement is a part of the position. */
export function isPosition(name: string): boolean {
  return LATITUDE.has(name.toLowerCase()) || LONGITUDE.has(name.toLowerCase());
}

/** Which columns are the position, by index; -1 where there is none. */
export function positionColumns(columns: readonly ColumnName[]): [number, number] {
  const find = (names: Set<string>) => columns.findIndex(({ name }) => names.has(name.toLowerCase()));
  return [find(LATITUDE), find(LONGITUDE)];
}

/** A place from degrees, or nothing where these are none on Earth. */
export function placeOf(latitude: number, longitude: number): Place | undefined {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return undefined;
  return { latitude, longitude, ...mercator(latitude, longitude) };
}

/** Where somebody had come with a device that they may not see any more. */
export interface Left {
  time: number;
  position: number;
  last: LastMessage | undefined;
}

/** A message in the numbering of whoever signed it. */
interface LastMessage extends Numbered {
  publisherId: string;
}

/** Whether nothing came between a message and the one that begins a batch. */
function follows(batch: Batch, last: LastMessage | undefined): boolean {
  const { first, provenance } = batch;
  if (last === undefined || provenance.publisherId !== last.publisherId) return false;
  return first.boot === last.boot && first.sequence === last.sequence + 1n;
}

/** What a device is and has sent. */
export class Device {
  stream: Stream | undefined;
  /** The newest number of each column. */
  readonly numbers = new Map<string, { value: number; unit: string; time: number }>();
  /** The newest values that are no numbers. */
  texts: TextValue[] = [];
  /** When its newest reading was taken; 0 before the first. */
  time = 0;
  /** How long that was on its way, milliseconds. */
  delay = 0;
  position = -1;
  /** The message of that. */
  #last: LastMessage | undefined;
  place: Place | undefined;
  /** One row a second, for its trail. */
  readonly thin: Series;
  /** Where its readings came from; rows name one by its place here. */
  readonly provenances: Provenance[] = [];
  /** The place of the newest reading's. */
  latest = 0;
  breaks: Break[] = [];
  /** Readings since the page was opened. */
  readings = 0;
  late = 0;
  /** By how much the latest of the late ones was late, milliseconds. */
  lateMost = 0;
  rejected = 0;
  #committed = 0;
  /** Where the viewer had come when they were shut out, until a reading comes. */
  #left: Left | undefined;

  constructor(
    readonly topic: string,
    rowsMax: number,
  ) {
    this.thin = new Series(rowsMax);
  }

  /** Who signed the newest reading. */
  get provenance(): Provenance | undefined {
    return this.provenances[this.latest];
  }

  /** What people call it. */
  get title(): string {
    return this.stream?.title || this.topic.slice(this.topic.indexOf('/') + 1);
  }

  get type(): string {
    return this.stream?.deviceType ?? '';
  }

  /** A measurement's name for people: as described, else made of the name in the topic. */
  titleOf(name: string): string {
    const told = this.stream?.transducers.find((one) => one.name === name)?.title;
    return told && told !== name ? told : measurement(name);
  }

  /** A measurement's unit: what came with the reading, else what its owner describes. */
  unitOf(name: string): string {
    return (
      this.numbers.get(name)?.unit || this.stream?.transducers.find((one) => one.name === name)?.unit || ''
    );
  }

  /** Takes a batch in; `lateAfter` is in milliseconds. */
  take(batch: Batch, lateAfter: number): void {
    const provenance = this.#number(batch.provenance);
    const width = batch.columns.length;
    const [latitude, longitude] = positionColumns(batch.columns);
    this.#comeBack(batch);
    batch.times.forEach((time, index) => {
      const row = batch.values.subarray(index * width, (index + 1) * width);
      const delay = batch.delays[index] ?? 0;
      this.readings += 1;
      if (delay > lateAfter) {
        this.late += 1;
        this.lateMost = Math.max(this.lateMost, delay);
      }
      this.#closeBreaks(time);
      this.#moveTo(batch.positions[index] ?? -1, batch);
      this.#thin(time, delay, provenance, batch.columns, row);
      if (time < this.time) return;
      this.time = time;
      this.delay = delay;
      batch.columns.forEach(({ name, unit }, column) => {
        const value = row[column];
        if (value === undefined || Number.isNaN(value)) return;
        const isKept = this.numbers.size < COLUMNS_MAX || this.numbers.has(name);
        if (isKept) this.numbers.set(name, { value, unit, time });
      });
      const place = placeOf(row[latitude] ?? Number.NaN, row[longitude] ?? Number.NaN);
      if (place !== undefined) this.place = place;
    });
    if (batch.texts.length > 0) this.texts = batch.texts;
  }

  /** Notes that readings are missing behind the newest one. */
  breakOff(reason: string): void {
    const open = this.breaks[this.breaks.length - 1];
    if (open !== undefined && open.before === undefined && open.reason === reason) return;
    this.breaks.push({ after: this.time, before: undefined, reason });
    if (this.breaks.length > BREAKS_MAX) this.breaks.shift();
  }

  /**
   * Goes on where the viewer was not allowed to see it for a while: what was published meanwhile did not come.
   * Nothing was missed where what comes first is what came last, or the next in its publisher's numbering.
   */
  resume(left: Left): void {
    this.#left = left;
    this.breaks.push({ after: left.time, before: undefined, reason: 'rights' });
  }

  /** Where its viewer has come with it. */
  leave(): Left {
    return { time: this.time, position: this.position, last: this.#last };
  }

  /** What the history tells of a time counts in place of what was noted while it was live. */
  mend(from: number, until: number, found: readonly Break[]): void {
    const isOutside = ({ after, before }: Break) =>
      after < from || after >= until || (before ?? until) > until;
    const kept = [...this.breaks.filter(isOutside), ...found].sort((one, other) => one.after - other.after);
    this.breaks = kept.slice(-BREAKS_MAX);
  }

  /** Takes over what the owner says of it. */
  describe(stream: Stream): void {
    this.stream = stream;
    if (this.place === undefined && stream.latitude !== undefined && stream.longitude !== undefined) {
      this.place = placeOf(stream.latitude, stream.longitude);
    }
  }

  #comeBack(batch: Batch): void {
    const left = this.#left;
    if (left === undefined || batch.times.length === 0) return;
    if (batch.positions[0] === left.position || follows(batch, left.last)) this.breaks.pop();
    this.#left = undefined;
  }

  #moveTo(position: number, { last, provenance }: Batch): void {
    if (position < this.position) return;
    this.position = position;
    this.#last = { ...last, publisherId: provenance.publisherId };
  }

  #closeBreaks(time: number): void {
    for (const one of this.breaks) if (one.before === undefined && time > one.after) one.before = time;
  }

  /** Of the rows of one second only the newest stays. */
  #thin(time: number, delay: number, provenance: number, columns: ColumnName[], row: Float64Array): void {
    if (time < this.#committed + SPACING_MS && this.thin.length > 0) return;
    this.#committed = Math.max(this.#committed, time);
    this.thin.insert(time, delay, provenance, columns, row);
  }

  #number(provenance: Provenance): number {
    const same = (one: Provenance) =>
      one.publisherId === provenance.publisherId &&
      one.attester === provenance.attester &&
      one.keyGrant?.statement === provenance.keyGrant?.statement;
    const known = this.provenances.findIndex(same);
    if (known < 0 && this.provenances.length < PROVENANCES_MAX) this.provenances.push(provenance);
    else if (known < 0) this.provenances[PROVENANCES_MAX - 1] = provenance;
    this.latest = known < 0 ? this.provenances.length - 1 : known;
    return this.latest;
  }
}
