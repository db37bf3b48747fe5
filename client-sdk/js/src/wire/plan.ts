// How the fields of a message are read and written, worked out once from the generated list of fields.

import { EMPTY } from '../bytes.js';
import { FIELDS, type Messages } from './messages.js';
import type { Reader } from './reader.js';
import { WIRE } from './reader.js';
import type { Writer } from './writer.js';

/** The name of a message of the schema. */
export type MessageName = keyof Messages;

/** A value of a scalar field. */
export type Scalar = bigint | boolean | number | string | Uint8Array;

/** How one scalar type is read, written, and told from its default. */
export interface ScalarCodec {
  readonly wire: number;
  readonly zero: Scalar;
  read(reader: Reader): Scalar;
  write(writer: Writer, value: Scalar): void;
  isZero(value: Scalar): boolean;
}

/** One field of a message. */
export interface FieldPlan {
  readonly number: number;
  readonly name: string;
  readonly isRepeated: boolean;
  readonly isPacked: boolean;
  /** Written whenever it is set, also with its default. */
  readonly isExplicit: boolean;
  /** The name of the choice that it is a member of. */
  readonly choice: string | undefined;
  /** Undefined where the field holds messages. */
  readonly scalar: ScalarCodec | undefined;
  /** The plan of the messages that the field holds. */
  readonly message: (() => MessagePlan) | undefined;
}

/** All fields of a message, by ascending number. */
export interface MessagePlan {
  readonly fields: readonly FieldPlan[];
  readonly byNumber: ReadonlyMap<number, FieldPlan>;
  /** A message that has the default everywhere, but for its lists. */
  readonly empty: Readonly<Record<string, unknown>>;
  /** The fields that hold lists. */
  readonly lists: readonly string[];
}

const plans = new Map<MessageName, MessagePlan>();

/** The plan of a message. */
export function planOf(name: MessageName): MessagePlan {
  const known = plans.get(name);
  if (known !== undefined) {
    return known;
  }
  const text: string = FIELDS[name];
  const fields = text === '' ? [] : text.split(' ').map(fieldPlan);
  const plan = {
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    empty: emptyOf(name, fields),
    lists: fields.filter((field) => field.isRepeated).map((field) => field.name),
  };
  plans.set(name, plan);
  return plan;
}

function emptyOf(name: MessageName, fields: readonly FieldPlan[]): Record<string, unknown> {
  const empty: Record<string, unknown> = { $typeName: `sekisho.v1.${name}` };
  for (const field of fields) {
    if (field.choice !== undefined) {
      empty[field.choice] = { case: undefined };
    } else if (!field.isRepeated && !field.isExplicit && field.scalar !== undefined) {
      empty[field.name] = field.scalar.zero;
    }
  }
  return empty;
}

const FIELD = /^([^:]+):([0-9]+):([A-Za-z]+)(\*?)(\??)(?:@(.+))?$/;

function fieldPlan(text: string): FieldPlan {
  const [, name = '', number = '', type = '', repeated, explicit, choice] = FIELD.exec(text) ?? [];
  const scalar = CODECS.get(type);
  const isRepeated = repeated === '*';
  return {
    number: Number(number),
    name,
    isRepeated,
    isPacked: isRepeated && scalar !== undefined && scalar.wire !== WIRE.bytes,
    isExplicit: explicit === '?' || choice !== undefined || scalar === undefined,
    choice,
    scalar,
    message: scalar === undefined ? () => planOf(type as MessageName) : undefined,
  };
}

function codec<T extends Scalar>(
  wire: number,
  zero: T,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): ScalarCodec {
  const isZero = (value: Scalar): boolean =>
    value instanceof Uint8Array ? value.length === 0 : value === zero;
  return { wire, zero, read, isZero, write: (writer, value) => write(writer, value as T) };
}

/** By the letter that stands for the type in the list of fields. */
const CODECS: ReadonlyMap<string, ScalarCodec> = new Map([
  [
    'u',
    codec(
      WIRE.varint,
      0,
      (from) => from.uint32(),
      (to, value) => to.uint32(value),
    ),
  ],
  [
    'i',
    codec(
      WIRE.varint,
      0,
      (from) => from.sint32(),
      (to, value) => to.sint32(value),
    ),
  ],
  [
    'U',
    codec(
      WIRE.varint,
      0n,
      (from) => from.uint64(),
      (to, value) => to.uint64(value),
    ),
  ],
  [
    'I',
    codec(
      WIRE.varint,
      0n,
      (from) => from.int64(),
      (to, value) => to.uint64(value),
    ),
  ],
  [
    'S',
    codec(
      WIRE.varint,
      0n,
      (from) => from.sint64(),
      (to, value) => to.sint64(value),
    ),
  ],
  [
    'b',
    codec(
      WIRE.varint,
      false,
      (from) => from.bool(),
      (to, value: boolean) => to.uint32(value ? 1 : 0),
    ),
  ],
  [
    's',
    codec(
      WIRE.bytes,
      '',
      (from) => from.text(),
      (to, value) => to.text(value),
    ),
  ],
  [
    'y',
    codec<Uint8Array>(
      WIRE.bytes,
      EMPTY,
      (from) => from.block(),
      (to, value) => to.block(value),
    ),
  ],
  // Floats are read by whoever needs them, bit for bit: sample/batch.ts.
  [
    'd',
    codec<Uint8Array>(
      WIRE.bits64,
      EMPTY,
      (from) => from.bits64(),
      (to, value) => to.raw(value),
    ),
  ],
]);
