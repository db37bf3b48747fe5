// Batches on the wire, bit for bit. The columns are counted before one of them is decoded.

import { DecodeError } from '../decode_error.js';
import { COLUMNS_MAX, ENVELOPE_BYTES_MAX, SAMPLES_PER_BATCH_MAX } from '../limits.js';
import { parseTransducer, parseUnit } from '../name.js';
import { nonCanonical, reading } from '../wire/canonical.js';
import { Fields } from '../wire/fields.js';
import { NotProtobuf, Reader, WIRE } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';
import type { Column, ColumnValues, SampleBatch, ValueKind } from './column.js';
import { presentAt } from './column.js';

const FIELDS = new Fields('sample batch');
const COLUMN = new Fields('sample column');
const BATCH = { baseTimeUs: 1, timeStepsUs: 2, columns: 3 } as const;
const IN_COLUMN = { transducer: 1, unit: 2, validity: 3, kind: 9 } as const;

/** The field of a column's values is 3 above the number of their kind. */
const VALUES_OFFSET = 3;
const KINDS: readonly ValueKind[] = ['float', 'integer', 'text', 'boolean', 'blob'];

/** The bytes of a batch. */
export function encodeSampleBatch(batch: SampleBatch): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  const base = batch.timesUs[0] ?? 0n;
  if (base !== 0n) {
    writer.key(BATCH.baseTimeUs, WIRE.varint);
    writer.uint64(base);
  }
  const steps = new Writer();
  let before = base;
  for (const time of batch.timesUs) {
    steps.sint64(time - before);
    before = time;
  }
  writer.key(BATCH.timeStepsUs, WIRE.bytes);
  writer.block(steps.finish());
  for (const column of batch.columns) {
    writer.key(BATCH.columns, WIRE.bytes);
    writer.block(encodeColumn(column));
  }
  return writer.finish();
}

function encodeColumn(column: Column): Uint8Array {
  const writer = new Writer();
  writer.key(IN_COLUMN.transducer, WIRE.bytes);
  writer.text(column.transducer);
  if (column.unit !== '') {
    writer.key(IN_COLUMN.unit, WIRE.bytes);
    writer.text(column.unit);
  }
  if (column.validity.length > 0) {
    writer.key(IN_COLUMN.validity, WIRE.bytes);
    writer.block(column.validity);
  }
  const number = KINDS.indexOf(column.values.kind) + 1;
  writeValues(writer, number + VALUES_OFFSET, column.values);
  writer.key(IN_COLUMN.kind, WIRE.varint);
  writer.uint32(number);
  return writer.finish();
}

function writeValues(writer: Writer, field: number, values: ColumnValues): void {
  if (values.kind === 'text' || values.kind === 'blob') {
    for (const value of values.list) {
      writer.key(field, WIRE.bytes);
      if (typeof value === 'string') {
        writer.text(value);
      } else {
        writer.block(value);
      }
    }
    return;
  }
  writer.key(field, WIRE.bytes);
  writer.block(packedValues(values));
}

function packedValues(values: Extract<ColumnValues, { kind: 'float' | 'integer' | 'boolean' }>): Uint8Array {
  if (values.kind === 'float') {
    const view = new DataView(new ArrayBuffer(8 * values.bits.length));
    for (const [at, bits] of values.bits.entries()) {
      view.setBigUint64(8 * at, bits, true);
    }
    return new Uint8Array(view.buffer);
  }
  const writer = new Writer();
  for (const value of values.list) {
    if (typeof value === 'bigint') {
      writer.sint64(value);
    } else {
      writer.uint32(value ? 1 : 0);
    }
  }
  return writer.finish();
}

/**
 * Reads a batch.
 *
 * @throws DecodeError where it is none, not in its one encoding, or larger than any body.
 */
export function decodeSampleBatch(bytes: Uint8Array): SampleBatch {
  if (bytes.length > ENVELOPE_BYTES_MAX) {
    throw new DecodeError(
      'oversized',
      FIELDS.message,
      `at most ${ENVELOPE_BYTES_MAX} bytes`,
      `${bytes.length}`,
    );
  }
  const columns = countColumns(bytes);
  FIELDS.atMost('columns', COLUMNS_MAX, columns);
  return reading(FIELDS.message, () => readBatch(new Reader(bytes)));
}

function countColumns(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  let count = 0;
  try {
    while (!reader.isAtEnd) {
      const key = reader.key();
      count += key >>> 3 === BATCH.columns ? 1 : 0;
      reader.skip(key);
    }
  } catch (cause) {
    if (!(cause instanceof NotProtobuf)) {
      throw cause;
    }
  }
  return count;
}

function readBatch(reader: Reader): SampleBatch {
  let base = 0n;
  let steps: bigint[] = [];
  const drafts: ColumnDraft[] = [];
  let last = 0;
  while (!reader.isAtEnd) {
    const key = reader.key();
    const number = key >>> 3;
    const isNext = number > last || (number === last && number === BATCH.columns);
    reader.isCanonical &&= isNext;
    last = number;
    switch (key) {
      case (BATCH.baseTimeUs << 3) | WIRE.varint:
        base = reader.int64();
        reader.isCanonical &&= base !== 0n;
        break;
      case (BATCH.timeStepsUs << 3) | WIRE.bytes:
        steps = [...steps, ...readPacked(reader, () => reader.sint64(), SAMPLES_PER_BATCH_MAX)];
        break;
      case (BATCH.timeStepsUs << 3) | WIRE.varint:
        reader.isCanonical = false;
        steps.push(reader.sint64());
        break;
      case (BATCH.columns << 3) | WIRE.bytes:
        drafts.push(readColumn(reader));
        break;
      default:
        refuseKnown(number, BATCH.columns);
        reader.skip(key);
    }
  }
  const timesUs = timesOf(base, steps);
  const columns = drafts.map((draft) => columnOf(draft, timesUs.length));
  checkColumns(columns);
  const isAlone = columns.every((column, at) => countOf(column.values) === draftCount(drafts[at]));
  const areTight = columns.every((column) => isTight(column, timesUs.length));
  if (!reader.isCanonical || steps[0] !== 0n || !isAlone || !areTight) {
    throw nonCanonical(FIELDS.message);
  }
  return { timesUs, columns };
}

/** A field that is known, of a wire type that it cannot have. */
function refuseKnown(number: number, last: number): void {
  if (number <= last) {
    throw new NotProtobuf(`a field ${number} of another type`);
  }
}

function readPacked<T>(reader: Reader, read: () => T, most: number): T[] {
  const end = reader.end;
  const length = reader.length();
  reader.isCanonical &&= length > 0;
  reader.end = reader.at + length;
  const list: T[] = [];
  while (!reader.isAtEnd) {
    list.push(read());
    if (list.length > most) {
      throw FIELDS.refusal('values', `at most ${most}`, 'more');
    }
  }
  reader.end = end;
  return list;
}

function timesOf(base: bigint, steps: readonly bigint[]): bigint[] {
  const count = steps.length;
  FIELDS.require('time_steps_us', '1 to 65536 samples', count >= 1 && count <= SAMPLES_PER_BATCH_MAX, count);
  let time = base;
  return steps.map((step) => {
    time += step;
    FIELDS.require('time_steps_us', 'a time within 64 bits', BigInt.asIntN(64, time) === time, step);
    return time;
  });
}

interface ColumnDraft {
  transducer: string;
  unit: string;
  validity: Uint8Array;
  floats: Uint8Array;
  integers: bigint[];
  texts: string[];
  booleans: boolean[];
  blobs: Uint8Array[];
  kind: number;
}

function readColumn(reader: Reader): ColumnDraft {
  const draft: ColumnDraft = {
    transducer: '',
    unit: '',
    validity: new Uint8Array(0),
    floats: new Uint8Array(0),
    integers: [],
    texts: [],
    booleans: [],
    blobs: [],
    kind: 0,
  };
  const end = reader.end;
  const length = reader.length();
  reader.end = reader.at + length;
  let last = 0;
  while (!reader.isAtEnd) {
    const key = reader.key();
    const number = key >>> 3;
    const isList = number === 6 || number === 8;
    reader.isCanonical &&= number > last || (number === last && isList);
    last = number;
    readColumnField(reader, key, draft);
  }
  reader.end = end;
  return draft;
}

function readColumnField(reader: Reader, key: number, draft: ColumnDraft): void {
  switch (key) {
    case (1 << 3) | WIRE.bytes:
      draft.transducer = reader.text();
      return;
    case (2 << 3) | WIRE.bytes:
      draft.unit = reader.text();
      reader.isCanonical &&= draft.unit !== '';
      return;
    case (3 << 3) | WIRE.bytes:
      draft.validity = reader.block();
      reader.isCanonical &&= draft.validity.length > 0;
      return;
    case (4 << 3) | WIRE.bytes:
      draft.floats = reader.block();
      reader.isCanonical &&= draft.floats.length > 0;
      if (draft.floats.length % 8 !== 0) {
        throw new NotProtobuf('cut off');
      }
      return;
    case (5 << 3) | WIRE.bytes:
      draft.integers = readPacked(reader, () => reader.sint64(), SAMPLES_PER_BATCH_MAX);
      return;
    case (6 << 3) | WIRE.bytes:
      draft.texts.push(reader.text());
      return;
    case (7 << 3) | WIRE.bytes:
      draft.booleans = readPacked(reader, () => reader.bool(), SAMPLES_PER_BATCH_MAX);
      return;
    case (8 << 3) | WIRE.bytes:
      draft.blobs.push(reader.block());
      return;
    case (9 << 3) | WIRE.varint:
      draft.kind = reader.uint32();
      return;
    default:
      readUnusual(reader, key, draft);
  }
}

/** Numbers that are not packed, which no encoder of this schema writes, and what is no field. */
function readUnusual(reader: Reader, key: number, draft: ColumnDraft): void {
  reader.isCanonical = false;
  switch (key) {
    case (4 << 3) | WIRE.bits64:
      draft.floats = reader.bits64();
      return;
    case (5 << 3) | WIRE.varint:
      draft.integers.push(reader.sint64());
      return;
    case (7 << 3) | WIRE.varint:
      draft.booleans.push(reader.bool());
      return;
    default:
      refuseKnown(key >>> 3, IN_COLUMN.kind);
      reader.skip(key);
  }
}

function columnOf(draft: ColumnDraft, samples: number): Column {
  const kind = COLUMN.numbered('kind', 'a kind from 1 to 5', KINDS, draft.kind);
  const transducer = COLUMN.parse('transducer', draft.transducer, parseTransducer);
  const unit = COLUMN.parse('unit', draft.unit, parseUnit);
  const found = draft.validity.length;
  const fits = found === 0 || found === Math.ceil(samples / 8);
  COLUMN.require('validity', 'one bit per sample, or none where all have a value', fits, found);
  const column = { transducer, unit, validity: draft.validity, values: valuesOf(kind, draft) };
  const count = countOf(column.values);
  const isOnePer = count === presentIn(column, samples) && count > 0;
  COLUMN.require('values', 'one entry per valid sample, and at least one', isOnePer, count);
  return column;
}

function valuesOf(kind: ValueKind, draft: ColumnDraft): ColumnValues {
  switch (kind) {
    case 'float': {
      const view = new DataView(draft.floats.buffer, draft.floats.byteOffset, draft.floats.length);
      const bits = new BigUint64Array(draft.floats.length / 8);
      for (let at = 0; at < bits.length; at += 1) {
        bits[at] = view.getBigUint64(8 * at, true);
      }
      return { kind, bits };
    }
    case 'integer':
      return { kind, list: draft.integers };
    case 'text':
      return { kind, list: draft.texts };
    case 'boolean':
      return { kind, list: draft.booleans };
    case 'blob':
      return { kind, list: draft.blobs };
  }
}

function countOf(values: ColumnValues): number {
  return values.kind === 'float' ? values.bits.length : values.list.length;
}

/** Values of any kind: more than those of its own kind are in no encoding of the column. */
function draftCount(draft: ColumnDraft | undefined): number {
  if (draft === undefined) {
    return 0;
  }
  const { floats, integers, texts, booleans, blobs } = draft;
  return floats.length / 8 + integers.length + texts.length + booleans.length + blobs.length;
}

function presentIn(column: Column, samples: number): number {
  let present = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    present += presentAt(column, sample) ? 1 : 0;
  }
  return present;
}

function firstSample(column: Column): number {
  let first = 0;
  while (!presentAt(column, first)) {
    first += 1;
  }
  return first;
}

function checkColumns(columns: readonly Column[]): void {
  const seen = new Set<string>();
  let reached = 0;
  for (const column of columns) {
    const key = JSON.stringify([column.transducer, column.unit, column.values.kind]);
    FIELDS.require('columns', 'each column once', !seen.has(key), column.transducer);
    seen.add(key);
  }
  for (const column of columns) {
    const first = firstSample(column);
    FIELDS.require('columns', 'the order of first appearance', reached <= first, column.transducer);
    reached = first;
  }
}

/** Whether the validity is left out where all samples have a value, and its unused bits are 0. */
function isTight(column: Column, samples: number): boolean {
  const { validity } = column;
  if (validity.length === 0) {
    return true;
  }
  const unused = 8 * validity.length - samples;
  const isClear = (validity.at(-1) ?? 0) >> (8 - unused) === 0;
  return isClear && presentIn(column, samples) < samples;
}
