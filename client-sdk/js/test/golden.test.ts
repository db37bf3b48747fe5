// Every vector of proto/tests/golden, byte for byte: what is decoded encodes to the same bytes, hashes and
// what is signed are the same, and what must be refused is, with its code.

import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, lengthPrefixed, sha256Hex, utf8 } from '../src/bytes.js';
import { GAP_REASON_NAMES, gapReasonCode, REFUSAL_CODE_NAMES, refusalCode } from '../src/code.js';
import { DecodeError } from '../src/decode_error.js';
import {
  assembleEnvelope,
  decodeEnvelope,
  decodeHeader,
  encodeHeader,
  envelopeHash,
  envelopeSigningInput,
} from '../src/envelope.js';
import { decodeFrame, encodeFrame } from '../src/frame.js';
import { principalId } from '../src/identity.js';
import {
  assembleKeyHeader,
  decodeKeyHeader,
  encodeKeyHeaderContent,
  keyHeaderSigningInput,
} from '../src/key_header.js';
import {
  decodeAccessEntry,
  decodeAccessRecord,
  decodeLogEntry,
  encodeAccessEntry,
  encodeAccessRecord,
  encodeLogEntry,
} from '../src/log_entry.js';
import { batchOf, decodeSampleBatch, encodeSampleBatch, rowsOf } from '../src/sample.js';
import {
  bodyHash,
  decodeStatement,
  encodeStatement,
  statementId,
  statementSigningInput,
  unsignedStatement,
} from '../src/statement.js';
import { decodeCanonical, encode } from '../src/wire/canonical.js';
import { vectors } from './vectors.js';

type Vector = Record<string, string>;

function of(vector: Vector, field: string): Uint8Array {
  return fromHex(vector[field] ?? 'missing');
}

test('codes have their numbers', () => {
  const refusals = REFUSAL_CODE_NAMES.map((refusal) => ({ number: refusalCode(refusal), refusal }));
  const gaps = GAP_REASON_NAMES.map((gap) => ({ gap, number: gapReasonCode(gap) }));
  expect([...refusals, ...gaps]).toEqual(vectors('codes.json'));
});

test('a key has its principal id', () => {
  for (const vector of vectors<Vector>('identities.json')) {
    expect(principalId(of(vector, 'public_key'))).toBe(vector.id);
  }
});

describe('envelopes', () => {
  test.each(vectors<Vector>('envelopes.json'))('$name', (vector) => {
    const envelope = decodeEnvelope(of(vector, 'envelope'));
    expect(hex(envelope.headerBytes)).toBe(vector.header);
    expect(hex(encodeHeader(envelope.header))).toBe(vector.header);
    expect(hex(envelope.body)).toBe(vector.body);
    expect(hex(envelopeSigningInput(envelope.headerBytes, envelope.body))).toBe(vector.signed);
    expect(envelopeHash(envelope.headerBytes, envelope.body)).toBe(vector.hash);
    const again = assembleEnvelope(envelope.headerBytes, envelope.body, envelope.signature);
    expect(hex(again.encoded)).toBe(vector.envelope);
  });
});

describe('key headers', () => {
  test.each(vectors<Vector>('key_headers.json'))('$name', (vector) => {
    const keyHeader = decodeKeyHeader(of(vector, 'key_header'));
    expect(keyHeader.id).toBe(vector.id);
    expect(hex(keyHeaderSigningInput(keyHeader.contentBytes))).toBe(vector.signed);
    const again = assembleKeyHeader(encodeKeyHeaderContent(keyHeader.content), keyHeader.signature);
    expect(hex(again.encoded)).toBe(vector.key_header);
  });
});

describe('sample batches', () => {
  test.each(vectors<Vector>('sample_batches.json'))('$name', (vector) => {
    const batch = decodeSampleBatch(of(vector, 'batch'));
    expect(hex(encodeSampleBatch(batch))).toBe(vector.batch);
    expect(hex(encodeSampleBatch(batchOf(rowsOf(batch))))).toBe(vector.batch);
  });
});

describe('statements', () => {
  test.each(vectors<Vector>('statements.json'))('$kind', (vector) => {
    const statement = decodeStatement(of(vector, 'statement'));
    expect(statement.kind).toBe(vector.kind);
    expect(hex(encodeStatement(statement))).toBe(vector.statement);
    expect(statementId(statement)).toBe(vector.id);
    expect(bodyHash(statement)).toBe(vector.body_hash);
    expect(hex(statementSigningInput(statement))).toBe(vector.signed);
    expect(hex(unsignedStatement(statement.body).bodyBytes)).toBe(hex(statement.bodyBytes));
  });
});

describe('frames', () => {
  test.each(vectors<Vector>('frames.json'))('$kind', (vector) => {
    const frame = decodeFrame(of(vector, 'frame'));
    expect(frame.case.toLowerCase()).toBe(vector.kind?.replaceAll('-', ''));
    expect(hex(encodeFrame(frame))).toBe(vector.frame);
  });
});

test('entries of logs', () => {
  const [logged = {}, access = {}, record = {}] = vectors<Vector>('entries.json');
  expect(hex(encodeLogEntry(decodeLogEntry(of(logged, 'entry'))))).toBe(logged.entry);
  expect(hex(encodeAccessEntry(decodeAccessEntry(of(access, 'entry'))))).toBe(access.entry);
  expect(hex(encodeAccessRecord(decodeAccessRecord(of(record, 'entry'))))).toBe(record.entry);
});

const ERRAND_MESSAGES = {
  errand: 'Errand',
  answer: 'ErrandAnswer',
  task: 'ErrandTask',
  outcome: 'ErrandOutcome',
} as const;

test('errands', () => {
  for (const vector of vectors<Vector>('errands.json')) {
    for (const [field, name] of Object.entries(ERRAND_MESSAGES)) {
      const bytes = vector[field];
      if (bytes === undefined) {
        continue;
      }
      const message = decodeCanonical(name, field, 1_000_000, fromHex(bytes));
      expect(hex(encode(name, message))).toBe(bytes);
      if ('content' in message) {
        const context = utf8(`sekisho-${field === 'answer' ? 'errand-answer' : 'errand'}-v1\0`);
        const signed = concat(context, lengthPrefixed(message.content));
        expect(hex(signed)).toBe(vector.signed);
        expect(vector.hash ?? sha256Hex(signed)).toBe(sha256Hex(signed));
      }
    }
  }
});

const DECODERS: Record<string, (bytes: Uint8Array) => unknown> = {
  frame: decodeFrame,
  header: decodeHeader,
  envelope: decodeEnvelope,
  'key header': decodeKeyHeader,
  statement: decodeStatement,
  'sample batch': decodeSampleBatch,
};

describe('refusals', () => {
  test.each(vectors<Vector>('refusals.json'))('$message: $name', (vector) => {
    const decode = DECODERS[vector.message ?? ''];
    const bytes = of(vector, 'bytes');
    try {
      decode?.(bytes);
    } catch (cause) {
      expect(cause).toBeInstanceOf(DecodeError);
      expect((cause as DecodeError).code).toBe(vector.code);
      return;
    }
    throw new Error(`${vector.name}: wanted ${vector.code}, found a ${vector.message}`);
  });

  test('what is too large is refused before it is looked at', () => {
    const large = concat(new Uint8Array(1_064_960), Uint8Array.of(1));
    expect(() => decodeFrame(large)).toThrowError(expect.objectContaining({ code: 'oversized' }));
    expect(() => decodeFrame(new Uint8Array(4097), 4096)).toThrowError(
      expect.objectContaining({ code: 'oversized' }),
    );
  });
});
