// The 64 bits of a float and the number that they say.

const scratch = new DataView(new ArrayBuffer(8));

/** The number that 64 bits of a float say. */
export function floatOf(bits: bigint): number {
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}

/** The 64 bits of a number; of a NaN those of the quiet one without payload. */
export function bitsOf(value: number): bigint {
  if (Number.isNaN(value)) {
    return 0x7ff8_0000_0000_0000n;
  }
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}
