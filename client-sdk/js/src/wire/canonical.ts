// Messages of the schema in the one encoding that is accepted (docs/protocol.md, section 2). The types
// and the description of the fields are generated; reading checks every rule in the same pass, so that
// nothing has to be encoded again, and byte strings share the memory of what was read.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { DecodeError } from '../decode_error.js';
import type { Messages } from './messages.js';
import type { FieldPlan, MessageName, MessagePlan, Scalar, ScalarCodec } from './plan.js';
import { planOf } from './plan.js';
import { NotProtobuf, Reader, WIRE } from './reader.js';
import { Writer } from './writer.js';

type Fields = Record<string, unknown>;
type Choice = { case?: string | undefined; value?: unknown };

/**
 * Decodes a message that must be in its one encoding.
 *
 * @param name - the message's name in the schema
 * @param what - its name in errors
 * @param bytesMax - the most bytes that it may have, checked first
 * @throws DecodeError `oversized`, `malformed` or `non-canonical`
 */
export function decodeCanonical<N extends MessageName>(
  name: N,
  what: string,
  bytesMax: number,
  bytes: Uint8Array,
): Messages[N] {
  if (bytes.length > bytesMax) {
    throw new DecodeError('oversized', what, `at most ${bytesMax} bytes`, `${bytes.length}`);
  }
  const reader = new Reader(bytes);
  const message = reading(what, () => readMessage(reader, planOf(name)));
  if (!reader.isCanonical) {
    throw nonCanonical(what);
  }
  return message as unknown as Messages[N];
}

/** A message to be encoded: fields that are left out have their default. */
export type Init<N extends MessageName> = MessageInitShape<GenMessage<Messages[N]>>;

/** Encodes a message. */
export function encode<N extends MessageName>(name: N, message: Init<N>): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeMessage(writer, planOf(name), message as Fields);
  return writer.finish();
}

/** Why a message is refused that is one, but in another encoding. */
export function nonCanonical(what: string): DecodeError {
  return new DecodeError('non-canonical', what, 'the canonical encoding', 'another of the same message');
}

/** Runs a decoder and says in whose message it failed. */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof NotProtobuf) {
      throw new DecodeError('malformed', what, 'a message of the schema', cause.message);
    }
    throw cause;
  }
}

function readMessage(reader: Reader, plan: MessagePlan): Fields {
  const message = emptyMessage(plan);
  let last = 0;
  while (!reader.isAtEnd) {
    const key = reader.key();
    const number = key >>> 3;
    const field = plan.byNumber.get(number);
    if (field === undefined) {
      reader.skip(key);
      continue;
    }
    reader.isCanonical &&= number > last || (number === last && field.isRepeated && !field.isPacked);
    last = number;
    readField(reader, field, key & 7, message);
  }
  return message;
}

function emptyMessage(plan: MessagePlan): Fields {
  const message = { ...plan.empty };
  for (const name of plan.lists) {
    message[name] = [];
  }
  return message;
}

function readField(reader: Reader, field: FieldPlan, wire: number, message: Fields): void {
  if (field.isRepeated && field.scalar !== undefined) {
    readList(reader, field, field.scalar, wire, message[field.name] as Scalar[]);
    return;
  }
  const value = readValue(reader, field, wire);
  if (field.isRepeated) {
    (message[field.name] as unknown[]).push(value);
  } else if (field.choice !== undefined) {
    const before = message[field.choice] as Choice;
    reader.isCanonical &&= before.case === undefined;
    message[field.choice] = { case: field.name, value };
  } else {
    if (!field.isExplicit && field.scalar?.isZero(value as Scalar) === true) {
      reader.isCanonical = false;
    }
    message[field.name] = value;
  }
}

function readValue(reader: Reader, field: FieldPlan, wire: number): unknown {
  if (wire !== (field.scalar?.wire ?? WIRE.bytes)) {
    throw new NotProtobuf(`a field ${field.name} of another type`);
  }
  if (field.scalar !== undefined) {
    return field.scalar.read(reader);
  }
  const end = reader.end;
  const length = reader.length();
  reader.end = reader.at + length;
  const message = readMessage(reader, (field.message as () => MessagePlan)());
  reader.end = end;
  return message;
}

function readList(reader: Reader, field: FieldPlan, codec: ScalarCodec, wire: number, list: Scalar[]): void {
  if (wire === codec.wire) {
    reader.isCanonical &&= !field.isPacked;
    list.push(codec.read(reader));
    return;
  }
  if (wire !== WIRE.bytes || !field.isPacked) {
    throw new NotProtobuf(`a field ${field.name} of another type`);
  }
  const end = reader.end;
  const length = reader.length();
  reader.isCanonical &&= length > 0;
  reader.end = reader.at + length;
  while (!reader.isAtEnd) {
    list.push(codec.read(reader));
  }
  reader.end = end;
}

function writeMessage(writer: Writer, plan: MessagePlan, message: Fields): void {
  for (const field of plan.fields) {
    const value = fieldValue(field, message);
    if (value === undefined) {
      continue;
    }
    if (field.isRepeated) {
      writeList(writer, field, value as unknown[]);
    } else if (field.isExplicit || field.scalar?.isZero(value as Scalar) === false) {
      writeValue(writer, field, value);
    }
  }
}

function fieldValue(field: FieldPlan, message: Fields): unknown {
  if (field.choice === undefined) {
    return message[field.name];
  }
  const choice = message[field.choice] as Choice | undefined;
  return choice?.case === field.name ? choice.value : undefined;
}

function writeValue(writer: Writer, field: FieldPlan, value: unknown): void {
  writer.key(field.number, field.scalar?.wire ?? WIRE.bytes);
  if (field.scalar !== undefined) {
    field.scalar.write(writer, value as Scalar);
    return;
  }
  const inner = new Writer();
  writeMessage(inner, (field.message as () => MessagePlan)(), value as Fields);
  writer.block(inner.finish());
}

function writeList(writer: Writer, field: FieldPlan, list: readonly unknown[]): void {
  if (!field.isPacked || field.scalar === undefined) {
    for (const value of list) {
      writeValue(writer, field, value);
    }
    return;
  }
  if (list.length === 0) {
    return;
  }
  const inner = new Writer();
  for (const value of list) {
    field.scalar.write(inner, value as Scalar);
  }
  writer.key(field.number, WIRE.bytes);
  writer.block(inner.finish());
}
