// Gathers messages into batches, so that a hundred trucks at ten readings a second cross to the
// page a few dozen times a second and not a thousand times.

import { lateBy, type Message } from '@sekisho/client';
import type { Batch, ColumnName, Numbered, Provenance, TextValue } from './protocol';

interface Open {
  provenance: Provenance;
  columns: ColumnName[];
  byName: Map<string, number>;
  times: number[];
  delays: number[];
  positions: number[];
  rows: number[][];
  texts: TextValue[];
  first: Numbered;
  last: Numbered;
}

/** Where a sample comes from. */
interface Origin {
  provenance: Provenance;
  number: Numbered;
}

/** Where a message comes from. */
export function provenanceOf(message: Message): Provenance {
  return {
    publisher: message.publisher,
    publisherId: message.publisherId,
    attester: message.attester,
    sealed: message.sealed,
    keyGrant: message.keyGrant,
  };
}

function isSame(a: Provenance, b: Provenance): boolean {
  return (
    a.publisherId === b.publisherId &&
    a.attester === b.attester &&
    a.keyGrant?.statement === b.keyGrant?.statement
  );
}

/** Characters of a text that are kept: more is nothing to look at in a table. */
const TEXT_MAX = 2_000;

/** A value as a number where it is one that a plot can draw exactly enough, else as text. */
export function numberOrText(value: number | bigint | string | boolean | Uint8Array): number | string {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const near = Number(value);
    return Number.isSafeInteger(near) ? near : value.toString();
  }
  if (value instanceof Uint8Array) return `${value.length} B`;
  return String(value).slice(0, TEXT_MAX);
}

/** Numbers of one batch, holes included: few rows with many columns after many with few take no more. */
const CELLS_MAX = 65_536;

/** Takes messages, gives batches. */
export class Batcher {
  readonly #open = new Map<string, Open>();
  #closed: Batch[] = [];
  rows = 0;

  /**
   * Takes the samples of a message.
   *
   * @throws BodyError where they cannot be opened or read
   */
  add(message: Message): number {
    const samples = message.samples();
    const provenance = provenanceOf(message);
    const { boot, sequence } = message;
    let open = this.#open.get(message.topic);
    for (const sample of samples) {
      open = this.#roomFor(
        message.topic,
        open,
        { provenance, number: { boot, sequence } },
        sample.values.size,
      );
      open.last = { boot, sequence };
      open.times.push(sample.time);
      open.delays.push(lateBy(message, sample.time));
      open.positions.push(message.position);
      open.rows.push(rowOf(open, sample.values));
    }
    this.rows += samples.length;
    return samples.length;
  }

  /** The batch that takes a sample of so many values: the open one, or the next. */
  #roomFor(topic: string, open: Open | undefined, from: Origin, values: number): Open {
    const { provenance, number } = from;
    const isOpen = open !== undefined && isSame(open.provenance, provenance);
    if (isOpen && (open.rows.length + 1) * (open.columns.length + values) <= CELLS_MAX) return open;
    if (open !== undefined) this.#closed.push(finished(topic, open));
    const next = opened(provenance, number);
    this.#open.set(topic, next);
    return next;
  }

  /** Everything that was gathered since the last time. */
  take(): Batch[] {
    for (const [topic, open] of this.#open) this.#closed.push(finished(topic, open));
    this.#open.clear();
    this.rows = 0;
    const taken = this.#closed;
    this.#closed = [];
    return taken;
  }
}

function opened(provenance: Provenance, number: Numbered): Open {
  const [columns, times, delays, positions, rows, texts] = [[], [], [], [], [], []];
  return {
    provenance,
    columns,
    byName: new Map(),
    times,
    delays,
    positions,
    rows,
    texts,
    first: number,
    last: number,
  };
}

function rowOf(open: Open, values: ReturnType<Message['samples']>[number]['values']): number[] {
  const row: number[] = [];
  const texts: TextValue[] = [];
  for (const [name, { value, unit }] of values) {
    const shown = numberOrText(value);
    if (typeof shown === 'string') {
      texts.push({ name, unit, text: shown });
      continue;
    }
    let column = open.byName.get(name);
    if (column === undefined) {
      column = open.columns.length;
      open.columns.push({ name, unit });
      open.byName.set(name, column);
    }
    row[column] = shown;
  }
  if (texts.length > 0) open.texts = texts;
  return row;
}

function finished(topic: string, open: Open): Batch {
  const width = open.columns.length;
  const values = new Float64Array(open.rows.length * width).fill(Number.NaN);
  open.rows.forEach((row, index) => {
    row.forEach((value, column) => {
      values[index * width + column] = value;
    });
  });
  return {
    topic,
    provenance: open.provenance,
    columns: open.columns,
    times: Float64Array.from(open.times),
    delays: Float64Array.from(open.delays),
    positions: Float64Array.from(open.positions),
    values,
    texts: open.texts,
    first: open.first,
    last: open.last,
  };
}

/** What is handed over with batches instead of being copied. */
export function buffersOf(batches: readonly Batch[]): ArrayBuffer[] {
  return batches.flatMap(({ times, delays, positions, values }) =>
    [times, delays, positions, values].map(({ buffer }) => buffer as ArrayBuffer),
  );
}
