// The wire: generated files are those of the schema, what is written is what protobuf-es writes, and no bytes make a
// decoder throw anything but its refusal.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, hex } from '../src/bytes.js';
import { DecodeError } from '../src/decode_error.js';
import { decodeEnvelope, decodeHeader } from '../src/envelope.js';
import { decodeFrame } from '../src/frame.js';
import { decodeKeyHeader } from '../src/key_header.js';
import { decodeAccessRecord, decodeLogEntry } from '../src/log_entry.js';
import {
  batchOf,
  bitsOf,
  decodeSampleBatch,
  encodeSampleBatch,
  floatOf,
  rowsOf,
  type SampleRow,
  type SampleValue,
} from '../src/sample.js';
import { decodeStatement } from '../src/statement.js';
import { decodeCanonical, encode } from '../src/wire/canonical.js';
import { FIELDS as MESSAGES, type Messages } from '../src/wire/messages.js';
import { file_sekisho } from '../src/wire/sekisho_pb.js';
import { vectors } from './vectors.js';

const PACKAGE = join(import.meta.dirname, '..');

test('the generated files are those of the schema', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-wire-'));
  try {
    execFileSync(process.execPath, ['scripts/codegen.mjs', folder], { cwd: PACKAGE });
    for (const file of ['sekisho_pb.ts', 'messages.ts']) {
      const wanted = readFileSync(join(folder, file), 'utf8');
      const found = readFileSync(join(PACKAGE, 'src/wire', file), 'utf8');
      expect(found === wanted, `${file}: run npm run codegen`).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: 'grapheme', maxLength: 12 });

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.UINT32:
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case ScalarType.SINT32:
      return fc.integer();
    case ScalarType.UINT64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.INT64:
    case ScalarType.SINT64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return text;
    default:
      return bytes;
  }
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const message = field.message;
  const one =
    message === undefined ? scalar(field.scalar ?? ScalarType.BYTES) : messageValue(message, depth + 1);
  return field.fieldKind === 'list' ? fc.array(one, { maxLength: 3 }) : one;
}

function messageValue(description: DescMessage, depth = 0): fc.Arbitrary<Record<string, unknown>> {
  const plain: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of description.fields.filter(({ oneof }) => oneof === undefined)) {
    plain[field.localName] = fieldValue(field, depth);
  }
  for (const choice of description.oneofs) {
    const members = choice.fields.map((field) =>
      fieldValue(field, depth).map((value) => ({ case: field.localName, value })),
    );
    plain[choice.localName] = fc.oneof(...members);
  }
  return fc.record(plain, { requiredKeys: [] });
}

// Floats are read and written bit for bit by the code for samples.
const described = file_sekisho.messages.filter(({ name }) => name !== 'Column' && name !== 'SampleBatch');

describe('what protobuf-es writes is written and read', () => {
  test.each(described.map((description) => [description.name, description] as const))(
    '%s',
    (name, description) => {
      fc.assert(
        fc.property(messageValue(description), (value) => {
          const wanted = toBinary(description, create(description, value));
          const found = encode(name as keyof Messages, value as never);
          expect(hex(found)).toBe(hex(wanted));
          const read = decodeCanonical(name as keyof Messages, name, 1_000_000, found);
          expect(read).toEqual({ ...fromBinary(description, wanted) });
        }),
        { numRuns: 25 },
      );
    },
  );

  test('every message has its list of fields', () => {
    expect(Object.keys(MESSAGES)).toEqual(file_sekisho.messages.map(({ name }) => name));
  });
});

const DECODERS: Record<string, (encoded: Uint8Array) => unknown> = {
  frame: decodeFrame,
  envelope: decodeEnvelope,
  header: decodeHeader,
  'key header': decodeKeyHeader,
  statement: decodeStatement,
  'sample batch': decodeSampleBatch,
  'log entry': decodeLogEntry,
  'access record': decodeAccessRecord,
};

function refusesOrReads(decode: (encoded: Uint8Array) => unknown, encoded: Uint8Array): void {
  try {
    decode(encoded);
  } catch (cause) {
    expect(cause).toBeInstanceOf(DecodeError);
  }
}

const FILES = ['envelopes', 'key_headers', 'sample_batches', 'statements', 'frames', 'entries', 'refusals'];
const seeds = FILES.flatMap((file) => vectors<Record<string, string>>(`${file}.json`)).flatMap((vector) =>
  Object.values(vector).filter((value) => /^(?:[0-9a-f]{2})+$/.test(value)),
);

describe('no bytes break a decoder', () => {
  test.each(Object.entries(DECODERS))('%s', (_name, decode) => {
    const any = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(any, (encoded) => refusesOrReads(decode, encoded)),
      { numRuns: 500 },
    );
    const change = fc.record({
      seed: fc.constantFrom(...seeds),
      at: fc.nat(),
      byte: fc.nat(255),
      cut: fc.boolean(),
    });
    fc.assert(
      fc.property(change, ({ seed, at, byte, cut }) => {
        const encoded = Uint8Array.from(Buffer.from(seed, 'hex'));
        const place = at % encoded.length;
        encoded[place] = byte;
        refusesOrReads(decode, cut ? encoded.subarray(0, place) : encoded);
      }),
      { numRuns: 1000 },
    );
  });

  test('what is read twice is read alike, and nothing else encodes to it', () => {
    const frames = vectors<Record<string, string>>('frames.json').map(({ frame = '' }) => frame);
    const change = fc.record({ seed: fc.constantFrom(...frames), at: fc.nat(), byte: fc.nat(255) });
    fc.assert(
      fc.property(change, ({ seed, at, byte }) => {
        const encoded = Uint8Array.from(Buffer.from(seed, 'hex'));
        encoded[at % encoded.length] = byte;
        let kind: ReturnType<typeof decodeFrame>;
        try {
          kind = decodeFrame(encoded);
        } catch {
          return;
        }
        expect(hex(encode('Frame', { kind }))).toBe(hex(encoded));
      }),
      { numRuns: 2000 },
    );
  });
});

const sampleValue: fc.Arbitrary<SampleValue> = fc.oneof(
  fc
    .bigInt({ min: 0n, max: 2n ** 64n - 1n })
    .map((bits) => ({ kind: 'float' as const, value: floatOf(bits), bits })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ kind: 'integer' as const, value })),
  text.map((value) => ({ kind: 'text' as const, value })),
  fc.boolean().map((value) => ({ kind: 'boolean' as const, value })),
  bytes.map((value) => ({ kind: 'blob' as const, value })),
);
const reading = fc.record({
  transducer: fc.constantFrom('a', 'b', 'ゴミ'),
  unit: fc.constantFrom('', 'm'),
  value: sampleValue,
});
const row: fc.Arbitrary<SampleRow> = fc.record({
  timeUs: fc.bigInt({ min: -(2n ** 61n), max: 2n ** 61n }),
  readings: fc.uniqueArray(reading, {
    maxLength: 6,
    selector: ({ transducer, unit, value }) => `${transducer} ${unit} ${value.kind}`,
  }),
});

describe('samples', () => {
  test('come out of columns as they went in, bit for bit', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), (rows) => {
        const encoded = encodeSampleBatch(batchOf(rows));
        const again = rowsOf(decodeSampleBatch(encoded));
        expect(hex(encodeSampleBatch(batchOf(again)))).toBe(hex(encoded));
        const sorted = (one: SampleRow) =>
          [...one.readings].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
        expect(again.map(sorted)).toEqual(rows.map(sorted));
        expect(again.map(({ timeUs }) => timeUs)).toEqual(rows.map(({ timeUs }) => timeUs));
      }),
    );
  });

  test('keep the payload of a NaN, and the sign of a zero', () => {
    const payload = 0x7ff8_0000_dead_beefn;
    const value = { kind: 'float' as const, value: floatOf(payload), bits: payload };
    const rows = [{ timeUs: 0n, readings: [{ transducer: 'x', unit: '', value }] }];
    const [found] = rowsOf(decodeSampleBatch(encodeSampleBatch(batchOf(rows))))[0]?.readings ?? [];
    expect(found?.value).toEqual(value);
    expect(bitsOf(-0)).toBe(0x8000_0000_0000_0000n);
    expect(bitsOf(Number.NaN)).toBe(0x7ff8_0000_0000_0000n);
  });

  test('columns are counted before one of them is decoded', () => {
    const column = Uint8Array.of(0x1a, 0x00);
    const many = concat(Uint8Array.of(0x12, 0x01, 0x00), ...Array.from({ length: 1025 }, () => column));
    expect(() => decodeSampleBatch(many)).toThrowError(/columns: wanted fewer entries, found 1025/);
  });
});

function keyOf({ transducer, unit, value }: SampleRow['readings'][number]): string {
  return `${transducer} ${unit} ${value.kind}`;
}
