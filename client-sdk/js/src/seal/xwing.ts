// HPKE over X-Wing, loaded when it is needed: it is larger than all the rest of sealing.

import { XWing } from '@hpke/hybridkem-x-wing';
import { type HpkeSuites, suitesOf } from './hpke.js';

/** Over X-Wing. */
export function xwingSuites(): HpkeSuites {
  return suitesOf(() => new XWing());
}

/** The key pair of a seed of 32 bytes. */
export function xwingPair(seed: Uint8Array): Promise<CryptoKeyPair> {
  return new XWing().generateKeyPairDerand(seed);
}
