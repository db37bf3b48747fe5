// The fuzz corpora, as they are, cut off, and with a bit turned: what the node's implementation takes and refuses of
// them, as it wrote it down (proto/tests/verdicts.rs), this one does, too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../src/decode_error.js';
import { decodeEnvelope, decodeHeader } from '../src/envelope.js';
import { decodeFrame } from '../src/frame.js';
import { decodeKeyHeader } from '../src/key_header.js';
import { decodeAccessEntry, decodeAccessRecord, decodeLogEntry } from '../src/log_entry.js';
import { decodeSampleBatch } from '../src/sample.js';
import { decodeStatement } from '../src/statement.js';

const FUZZ = join(import.meta.dirname, '../../../fuzz');
/** Bytes of a file that are cut at and turned. */
const CHANGED_MAX = 600;

type Decoder = (bytes: Uint8Array) => unknown;

const DECODERS: Record<string, Decoder> = {
  header: decodeHeader,
  envelope: decodeEnvelope,
  'key header': decodeKeyHeader,
  frame: decodeFrame,
  samples: decodeSampleBatch,
  statement: decodeStatement,
  'log entry': decodeLogEntry,
  'access entry': decodeAccessEntry,
  'access record': decodeAccessRecord,
};

const written = JSON.parse(readFileSync(join(FUZZ, 'verdicts.json'), 'utf8')) as Record<
  string,
  Record<string, string>
>;

function isTaken(decoder: Decoder, bytes: Uint8Array): boolean {
  try {
    decoder(bytes);
    return true;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(DecodeError);
    return false;
  }
}

/** What is told of one file, by what was done to it. */
function* told(content: Uint8Array, decoder: Decoder): Generator<[string, boolean]> {
  const changed = Math.min(content.length, CHANGED_MAX);
  yield ['as it is', isTaken(decoder, content)];
  for (let at = 0; at < changed; at += 1) {
    yield [`cut off before byte ${at}`, isTaken(decoder, content.subarray(0, at))];
  }
  for (let at = 0; at < changed; at += 1) {
    const bytes = Uint8Array.from(content);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    yield [`with bit ${at % 8} of byte ${at} turned`, isTaken(decoder, bytes)];
  }
}

/** What was written of one file, such as `-12+1`, one by one. */
function* spread(runs: string): Generator<boolean> {
  for (const [, verdict, count] of runs.matchAll(/([+-])(\d+)/g)) {
    for (let left = Number(count); left > 0; left -= 1) yield verdict === '+';
  }
}

describe('what is taken and refused of the corpora is what the node takes and refuses', () => {
  test('every decoder that is written down is here', () => {
    expect(Object.keys(written).sort()).toEqual(Object.keys(DECODERS).sort());
  });

  test.each(Object.entries(DECODERS))('as %s', (name, decoder) => {
    const others: string[] = [];
    for (const [file, runs] of Object.entries(written[name] ?? {})) {
      const wanted = [...spread(runs)];
      const found = [...told(readFileSync(join(FUZZ, 'corpus', file)), decoder)];
      expect(found.length, file).toBe(wanted.length);
      found.forEach(([what, taken], index) => {
        if (taken !== wanted[index]) others.push(`${file} ${what}: ${taken ? 'taken' : 'refused'}`);
      });
    }
    expect(others).toEqual([]);
  });
});
