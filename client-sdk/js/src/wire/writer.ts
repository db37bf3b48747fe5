// Writes the protobuf wire format in its one encoding.

import { utf8 } from '../bytes.js';

const FIRST_BYTES = 256;

/** See the file. */
export class Writer {
  private bytes = new Uint8Array(FIRST_BYTES);
  private length = 0;

  /** Everything written, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  private room(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) {
      return;
    }
    const grown = new Uint8Array(Math.max(wanted, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  private push(byte: number): void {
    this.bytes[this.length] = byte;
    this.length += 1;
  }

  /** A number from 0 to 2^32 − 1. */
  uint32(value: number): void {
    this.room(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.push(rest);
  }

  sint32(value: number): void {
    this.uint32((value << 1) ^ (value >> 31));
  }

  /** A number of 64 bits; a negative one takes ten bytes. */
  uint64(value: bigint): void {
    const whole = BigInt.asUintN(64, value);
    if (whole <= 0xffff_ffffn) {
      this.uint32(Number(whole));
      return;
    }
    this.room(10);
    let low = Number(whole & 0xffff_ffffn);
    let high = Number(whole >> 32n);
    while (high > 0 || low >= 0x80) {
      this.push((low & 0x7f) | 0x80);
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.push(low);
  }

  sint64(value: bigint): void {
    this.uint64((value << 1n) ^ (value >> 63n));
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The length, then the bytes. */
  block(bytes: Uint8Array): void {
    this.uint32(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    this.block(utf8(text));
  }

  /** A field's number and wire type. */
  key(number: number, type: number): void {
    this.uint32(((number << 3) | type) >>> 0);
  }
}
