// How a newcomer proves that it holds the secret of a join token, without showing it to a node that may
// be an impostor (docs/protocol.md, section 10).

import { hmacSha256 } from '../bytes.js';
import type { Suite } from '../suite.js';
import { binding } from './binding.js';

/** What the proof ties together. */
export interface EnrolmentClaim {
  /** 16 bytes. */
  readonly tokenId: Uint8Array;
  readonly organisation: string;
  /** The part before the `@`. */
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly kemSuite: Suite;
  readonly kemPublicKey: Uint8Array;
}

/** HMAC-SHA-256 of a claim under the token's secret, 32 bytes. */
export function enrolmentProof(secret: Uint8Array, claim: EnrolmentClaim): Promise<Uint8Array> {
  const { tokenId, organisation, name, publicKey, kemSuite, kemPublicKey } = claim;
  const bound = [tokenId, organisation, name, publicKey, kemSuite, kemPublicKey];
  return hmacSha256(secret, binding('sekisho-enrolment-v1', bound));
}
