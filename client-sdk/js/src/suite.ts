// Which algorithms seal an envelope, an epoch or a key grant (docs/protocol.md, section 5.1).

/** Number of a suite on the wire; 0 seals nothing. */
export type Suite = 0 | 1 | 2 | 3 | 4;

/** Number of a suite that seals. */
export type SealingSuite = Exclude<Suite, 0>;

/** What a suite is made of. */
export interface SuiteParts {
  readonly name: string;
  readonly kem: 'x25519' | 'xwing';
  readonly aead: 'aes-256-gcm' | 'chacha20-poly1305';
  /** Length of a public key, bytes. */
  readonly publicKeyBytes: number;
  /** Length of an encapsulation, bytes. */
  readonly encapsulationBytes: number;
}

const X25519 = { kem: 'x25519', publicKeyBytes: 32, encapsulationBytes: 32 } as const;
const XWING = { kem: 'xwing', publicKeyBytes: 1216, encapsulationBytes: 1120 } as const;

/** Every suite that seals. */
export const SUITES: Readonly<Record<SealingSuite, SuiteParts>> = {
  1: { name: 'x25519-aes256gcm', aead: 'aes-256-gcm', ...X25519 },
  2: { name: 'xwing-aes256gcm', aead: 'aes-256-gcm', ...XWING },
  3: { name: 'x25519-chacha20poly1305', aead: 'chacha20-poly1305', ...X25519 },
  4: { name: 'xwing-chacha20poly1305', aead: 'chacha20-poly1305', ...XWING },
};

/** Whether a number is a suite's. */
export function isSuite(number: number): number is Suite {
  return Number.isInteger(number) && number >= 0 && number <= 4;
}

/** A suite's name; `open` where nothing is sealed. */
export function suiteName(suite: Suite): string {
  return suite === 0 ? 'open' : SUITES[suite].name;
}
