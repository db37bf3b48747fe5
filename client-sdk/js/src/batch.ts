// Gathers samples until one signature is worth its cost: after an interval, at a number of samples, or at a
// size, whichever comes first. Knows no clock: its owner watches the interval.

import { asError } from './failure.js';
import { SAMPLES_PER_BATCH_MAX } from './limits.js';
import { Unencodable } from './publish_failure.js';
import { batchOf, encodeSampleBatch, type SampleRow } from './sample.js';

/** When a batch is closed, sealed and signed. */
export interface Batch {
  /** How long the first sample of a batch waits for others, milliseconds. Default 50; 0 = not at all. */
  readonly interval?: number;
  /** Most samples of a batch, 1 to 65,536. Default 64. */
  readonly samples?: number;
  /** Size at which a batch is closed, bytes before encoding. Default 16,384. */
  readonly bytes?: number;
}

/** A sample, and who is told what became of it. */
export interface Gathered {
  readonly row: SampleRow;
  settle(outcome: { offset?: bigint } | Error): void;
}

/** The samples of the batch being gathered. */
export class Gathering {
  readonly interval: number;
  readonly #samplesMax: number;
  readonly #bytesMax: number;
  #samples: Gathered[] = [];
  #bytes = 0;

  constructor(limits: Batch) {
    this.interval = limits.interval ?? 50;
    this.#samplesMax = Math.min(Math.max(1, limits.samples ?? 64), SAMPLES_PER_BATCH_MAX);
    this.#bytesMax = limits.bytes ?? 16 * 1024;
  }

  /** Takes a sample; tells whether the batch is to be closed now. */
  push(sample: Gathered): boolean {
    this.#bytes += sizeOf(sample.row);
    this.#samples.push(sample);
    return this.#samples.length >= this.#samplesMax || this.#bytes >= this.#bytesMax || this.interval <= 0;
  }

  /** The gathered samples, leaving none. */
  take(): Gathered[] {
    this.#bytes = 0;
    return this.#samples.splice(0);
  }
}

/** A batch as the body of an envelope. */
export interface BatchBody {
  readonly bytes: Uint8Array;
  readonly samples: readonly Gathered[];
}

/** Encodes samples into as few bodies as fit into so many bytes each; those that fit into none are told. */
export function encodeBatches(samples: readonly Gathered[], bodyBytesMax: number): BatchBody[] {
  if (samples.length === 0) {
    return [];
  }
  let fault: Unencodable;
  try {
    const bytes = encodeSampleBatch(batchOf(samples.map(({ row }) => row)));
    if (bytes.length <= bodyBytesMax) {
      return [{ bytes, samples }];
    }
    fault = new Unencodable('body', `at most ${bodyBytesMax} bytes`, `${bytes.length}`);
  } catch (cause) {
    const found = asError(cause).message;
    fault = new Unencodable('sample', 'values that fit into columns', found, { cause });
  }
  const [single] = samples;
  if (samples.length === 1) {
    single?.settle(fault);
    return [];
  }
  const half = samples.length >> 1;
  return [samples.slice(0, half), samples.slice(half)].flatMap((part) => encodeBatches(part, bodyBytesMax));
}

/** A sample's size before encoding, bytes: an estimate from above for numbers. */
function sizeOf(row: SampleRow): number {
  return row.readings.reduce((sum, { value }) => {
    switch (value.kind) {
      case 'text':
        return sum + value.value.length;
      case 'blob':
        return sum + value.value.byteLength;
      case 'boolean':
        return sum + 1;
      default:
        return sum + 8;
    }
  }, 8);
}
