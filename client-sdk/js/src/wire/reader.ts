// Reads the protobuf wire format, strictly: what no encoder of this schema would write is noted, so
// that one pass tells whether bytes are a message and whether they are in their one encoding.

import { fromUtf8 } from '../bytes.js';

/** The wire types of protobuf that this schema uses. */
export const WIRE = { varint: 0, bits64: 1, bytes: 2, groupStart: 3, groupEnd: 4, bits32: 5 } as const;

/** Groups in groups that are passed over before the bytes are given up, as other decoders do. */
const GROUPS_MAX = 100;

/** Bytes that are not protobuf at all. */
export class NotProtobuf extends Error {}

/** See the file. */
export class Reader {
  /** Where the next byte is read. */
  at = 0;
  /** Whether everything read so far was written as the schema's own encoder writes it. */
  isCanonical = true;
  /** The lower and upper 32 bits of the varint that was read last. */
  low = 0;
  high = 0;

  constructor(
    readonly bytes: Uint8Array,
    public end: number = bytes.length,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  private next(): number {
    if (this.at >= this.end) {
      throw new NotProtobuf('cut off');
    }
    const byte = this.bytes[this.at] ?? 0;
    this.at += 1;
    return byte;
  }

  /** Reads a varint into `low` and `high`. */
  varint(): void {
    let byte = this.next();
    this.low = byte & 0x7f;
    this.high = 0;
    if (byte < 0x80) {
      return;
    }
    for (let read = 1; ; read += 1) {
      byte = this.next();
      this.add(byte & 0x7f, 7 * read);
      if (byte < 0x80) {
        if (read === 9 && byte > 1) {
          throw new NotProtobuf('a number beyond 64 bits');
        }
        this.isCanonical &&= byte !== 0;
        return;
      }
      if (read === 9) {
        throw new NotProtobuf('a number of more than ten bytes');
      }
    }
  }

  private add(bits: number, shift: number): void {
    if (shift < 28) {
      this.low = (this.low | (bits << shift)) >>> 0;
    } else if (shift === 28) {
      this.low = (this.low | (bits << 28)) >>> 0;
      this.high = bits >>> 4;
    } else {
      this.high = (this.high | (bits << (shift - 32))) >>> 0;
    }
  }

  uint32(): number {
    this.varint();
    this.isCanonical &&= this.high === 0;
    return this.low >>> 0;
  }

  sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  bool(): boolean {
    this.varint();
    this.isCanonical &&= this.high === 0 && this.low <= 1;
    return this.low !== 0 || this.high !== 0;
  }

  uint64(): bigint {
    this.varint();
    return this.high === 0 ? BigInt(this.low) : (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  int64(): bigint {
    const value = this.uint64();
    return this.high >= 0x8000_0000 ? BigInt.asIntN(64, value) : value;
  }

  sint64(): bigint {
    const value = this.uint64();
    return (value >> 1n) ^ -(value & 1n);
  }

  /** A length, and that many bytes; they share the memory of the whole. */
  block(): Uint8Array {
    const length = this.length();
    const block = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return block;
  }

  /** A length that does not go beyond the end. */
  length(): number {
    this.varint();
    const length = this.low >>> 0;
    if (this.high !== 0 || length > this.end - this.at) {
      throw new NotProtobuf('a length beyond the end');
    }
    return length;
  }

  text(): string {
    const block = this.block();
    try {
      return fromUtf8(block);
    } catch {
      throw new NotProtobuf('text that is not UTF-8');
    }
  }

  /** Eight bytes; they share the memory of the whole. */
  bits64(): Uint8Array {
    if (this.end - this.at < 8) {
      throw new NotProtobuf('cut off');
    }
    this.at += 8;
    return this.bytes.subarray(this.at - 8, this.at);
  }

  /** A field's number and wire type, as number × 8 + type. */
  key(): number {
    this.varint();
    const type = this.low & 7;
    if (this.high !== 0 || this.low >>> 3 === 0 || type > WIRE.bits32) {
      throw new NotProtobuf('a field that cannot be');
    }
    return this.low;
  }

  /** Passes over a field that nobody knows. */
  skip(key: number, depth = 0): void {
    this.isCanonical = false;
    switch (key & 7) {
      case WIRE.varint:
        this.varint();
        return;
      case WIRE.bits64:
        this.bits64();
        return;
      case WIRE.bytes:
        this.block();
        return;
      case WIRE.bits32:
        if (this.end - this.at < 4) {
          throw new NotProtobuf('cut off');
        }
        this.at += 4;
        return;
      case WIRE.groupStart:
        this.skipGroup(key >>> 3, depth);
        return;
      default:
        throw new NotProtobuf('the end of no group');
    }
  }

  private skipGroup(number: number, depth: number): void {
    if (depth >= GROUPS_MAX) {
      throw new NotProtobuf('too many groups in groups');
    }
    for (;;) {
      const key = this.key();
      if ((key & 7) === WIRE.groupEnd) {
        if (key >>> 3 !== number) {
          throw new NotProtobuf('the end of another group');
        }
        return;
      }
      this.skip(key, depth + 1);
    }
  }
}
