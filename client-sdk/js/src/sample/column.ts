// One transducer's values through a batch.

import { ParseError } from '../decode_error.js';
import { COLUMNS_MAX } from '../limits.js';
import type { SampleValue } from '../sample.js';
import { bitsOf } from './float.js';

/** What a value is. */
export type ValueKind = SampleValue['kind'];

/** One entry for each sample that has a value, in order; floats as their 64 bits. */
export type ColumnValues =
  | { readonly kind: 'float'; readonly bits: BigUint64Array }
  | { readonly kind: 'integer'; readonly list: readonly bigint[] }
  | { readonly kind: 'text'; readonly list: readonly string[] }
  | { readonly kind: 'boolean'; readonly list: readonly boolean[] }
  | { readonly kind: 'blob'; readonly list: readonly Uint8Array[] };

/** The values of one transducer, unit and kind. */
export interface Column {
  readonly transducer: string;
  readonly unit: string;
  /** Bit i, the least significant first, is 1 where sample i has a value; empty where all have. */
  readonly validity: Uint8Array;
  readonly values: ColumnValues;
}

/** Many samples in one body. */
export interface SampleBatch {
  readonly timesUs: readonly bigint[];
  readonly columns: readonly Column[];
}

/** Whether a sample has a value in a column. */
export function presentAt(column: Column, sample: number): boolean {
  if (column.validity.length === 0) {
    return true;
  }
  return (((column.validity[sample >> 3] ?? 0) >> (sample & 7)) & 1) === 1;
}

/** Columns while samples are put into them. */
export interface ColumnBuilder {
  push(sample: number, transducer: string, unit: string, value: SampleValue): void;
  finish(samples: number): Column[];
}

interface Draft {
  readonly transducer: string;
  readonly unit: string;
  readonly kind: ValueKind;
  readonly samples: number[];
  readonly values: SampleValue[];
}

/** An empty builder: a column for each (transducer, unit, kind), in the order of first appearance. */
export function columnBuilder(): ColumnBuilder {
  const drafts = new Map<string, Draft>();
  return {
    push(sample, transducer, unit, value) {
      const key = JSON.stringify([transducer, unit, value.kind]);
      const draft = drafts.get(key) ?? { transducer, unit, kind: value.kind, samples: [], values: [] };
      drafts.set(key, draft);
      if (drafts.size > COLUMNS_MAX) {
        throw new ParseError('sample batch', 'at most 1024 columns', `one more with ${transducer}`);
      }
      if (draft.samples.at(-1) === sample) {
        throw new ParseError('sample', `one value of ${transducer}`, 'two');
      }
      draft.samples.push(sample);
      draft.values.push(value);
    },
    finish: (samples) => [...drafts.values()].map((draft) => columnOf(draft, samples)),
  };
}

function columnOf(draft: Draft, samples: number): Column {
  const { transducer, unit } = draft;
  return { transducer, unit, validity: packed(draft.samples, samples), values: valuesOf(draft) };
}

function packed(present: readonly number[], samples: number): Uint8Array {
  if (present.length === samples) {
    return new Uint8Array(0);
  }
  const validity = new Uint8Array(Math.ceil(samples / 8));
  for (const sample of present) {
    validity[sample >> 3] = (validity[sample >> 3] ?? 0) | (1 << (sample & 7));
  }
  return validity;
}

function valuesOf(draft: Draft): ColumnValues {
  const { kind, values } = draft;
  if (kind === 'float') {
    const bits = values.map((value) => (value.kind === 'float' ? (value.bits ?? bitsOf(value.value)) : 0n));
    return { kind, bits: BigUint64Array.from(bits) };
  }
  const list = values.map((value) => value.value);
  return { kind, list } as ColumnValues;
}
