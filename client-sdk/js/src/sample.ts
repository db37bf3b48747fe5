// Samples: what devices measure, and the columns in which many of them travel (docs/protocol.md, section 6).
// A float's 64 bits are kept as they are beside its value, since engines may change the bits of a NaN.

import { ParseError } from './decode_error.js';
import { SAMPLES_PER_BATCH_MAX } from './limits.js';
import { parseTransducer, parseUnit } from './name.js';
import type { Column, ColumnValues, SampleBatch, ValueKind } from './sample/column.js';
import { columnBuilder, presentAt } from './sample/column.js';
import { floatOf } from './sample/float.js';

export { decodeSampleBatch, encodeSampleBatch } from './sample/batch.js';
export type { Column, ColumnValues, SampleBatch, ValueKind } from './sample/column.js';
export { bitsOf, floatOf } from './sample/float.js';

/** The content type of an encoded batch. */
export const SAMPLES_CONTENT_TYPE = 'application/vnd.sekisho.samples';

/** One value; `bits` of a float are there where it came from a batch, and count where they are. */
export type SampleValue =
  | { readonly kind: 'float'; readonly value: number; readonly bits?: bigint }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'blob'; readonly value: Uint8Array };

/** What one transducer measured. */
export interface SampleReading {
  readonly transducer: string;
  /** UCUM; empty where the stream's descriptor says it. */
  readonly unit: string;
  readonly value: SampleValue;
}

/** What was measured at one time. */
export interface SampleRow {
  readonly timeUs: bigint;
  readonly readings: readonly SampleReading[];
}

const STEP_MAX = 2n ** 63n - 1n;

/**
 * Puts samples into columns.
 *
 * @throws ParseError where there are none or more than 65,536, a name is none, a transducer has two values
 * of one kind in one sample, or two times are too far apart.
 */
export function batchOf(rows: readonly SampleRow[]): SampleBatch {
  if (rows.length < 1 || rows.length > SAMPLES_PER_BATCH_MAX) {
    throw new ParseError('sample batch', '1 to 65536 samples', `${rows.length}`);
  }
  const builder = columnBuilder();
  let before = rows[0]?.timeUs ?? 0n;
  for (const [number, row] of rows.entries()) {
    const step = row.timeUs - before;
    if (BigInt.asIntN(64, row.timeUs) !== row.timeUs || step > STEP_MAX || step < -STEP_MAX - 1n) {
      throw new ParseError('sample', 'a time in reach of the sample before', `${row.timeUs}`);
    }
    before = row.timeUs;
    for (const { transducer, unit, value } of row.readings) {
      builder.push(number, parseTransducer(transducer), parseUnit(unit), value);
    }
  }
  return { timesUs: rows.map((row) => row.timeUs), columns: builder.finish(rows.length) };
}

/** The samples of a batch; a sample's readings stand in the order of the columns. */
export function rowsOf(batch: SampleBatch): SampleRow[] {
  const readings: SampleReading[][] = batch.timesUs.map(() => []);
  for (const column of batch.columns) {
    let next = 0;
    for (const [number, list] of readings.entries()) {
      if (presentAt(column, number)) {
        const { transducer, unit } = column;
        list.push({ transducer, unit, value: valueAt(column, next) });
        next += 1;
      }
    }
  }
  return batch.timesUs.map((timeUs, number) => ({ timeUs, readings: readings[number] ?? [] }));
}

/** The value of the sample that has the n-th value of a column. */
function valueAt(column: Column, at: number): SampleValue {
  const values: ColumnValues = column.values;
  switch (values.kind) {
    case 'float': {
      const bits = values.bits[at] ?? 0n;
      return { kind: 'float', value: floatOf(bits), bits };
    }
    case 'integer':
      return { kind: 'integer', value: values.list[at] ?? 0n };
    case 'text':
      return { kind: 'text', value: values.list[at] ?? '' };
    case 'boolean':
      return { kind: 'boolean', value: values.list[at] ?? false };
    case 'blob':
      return { kind: 'blob', value: values.list[at] ?? new Uint8Array(0) };
  }
}

/** Every kind of value, by ascending number from 1. */
export const VALUE_KINDS: readonly ValueKind[] = ['float', 'integer', 'text', 'boolean', 'blob'];
