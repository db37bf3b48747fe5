// How a newcomer proves that it holds the secret of a join token, without showing it to a node that may
// be an impostor (docs/protocol.md, section 10).

import { hmacSha256 } from '../bytes.js';
import type { Suite } from '../suite.js';
import { type Bound, binding } from './binding.js';

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

/** All of it, as it stands behind the context of what it is bound into. */
export function boundClaim(claim: EnrolmentClaim): Bound[] {
  const { tokenId, organisation, name, publicKey, kemSuite, kemPublicKey } = claim;
  return [tokenId, organisation, name, publicKey, kemSuite, kemPublicKey];
}

/** HMAC-SHA-256 of a claim under the token's secret, 32 bytes. */
export function enrolmentProof(secret: Uint8Array, claim: EnrolmentClaim): Promise<Uint8Array> {
  return hmacSha256(secret, binding('sekisho-enrolment-v1', boundClaim(claim)));
}
