// What a newcomer and a steward say to each other about signing in at a provider, sealed under the secret of the join
// token, which no node has (docs/protocol.md, section 10).

import { concat, hmacSha256, owned, randomBytes } from '../bytes.js';
import { binding } from './binding.js';
import { boundClaim, type EnrolmentClaim } from './enrolment.js';
import { SealError } from './kem.js';

/** Who says it. */
export type SignInSide = 'newcomer' | 'steward';

const SALT_BYTES = 32;
/** A key seals once: its nonce may be fixed. */
const AES = { name: 'AES-GCM', iv: new Uint8Array(12), tagLength: 128 };

/**
 * Seals what one side says about one claim.
 *
 * @param salt - 32 bytes that are never used again; for vectors alone
 */
export async function sealSignIn(
  secret: Uint8Array,
  claim: EnrolmentClaim,
  side: SignInSide,
  said: Uint8Array,
  salt: Uint8Array = randomBytes(SALT_BYTES),
): Promise<Uint8Array> {
  const key = await keyOf(secret, claim, side, salt, 'encrypt');
  return concat(salt, new Uint8Array(await crypto.subtle.encrypt(AES, key, owned(said))));
}

/**
 * Opens what the other side said about a claim.
 *
 * @throws SealError where it was sealed with another secret, for another claim or by the other side, or changed.
 */
export async function openSignIn(
  secret: Uint8Array,
  claim: EnrolmentClaim,
  side: SignInSide,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  const key = await keyOf(secret, claim, side, sealed.subarray(0, SALT_BYTES), 'decrypt');
  try {
    return new Uint8Array(await crypto.subtle.decrypt(AES, key, owned(sealed.slice(SALT_BYTES))));
  } catch {
    throw new SealError('sealed', "what was sealed with the token's secret for this key", 'another');
  }
}

/** What the ID token that a claim is admitted with has to name as its `nonce`, 32 bytes. */
export function signInNonce(secret: Uint8Array, claim: EnrolmentClaim): Promise<Uint8Array> {
  return hmacSha256(secret, binding('sekisho-sign-in-nonce-v1', boundClaim(claim)));
}

async function keyOf(
  secret: Uint8Array,
  claim: EnrolmentClaim,
  side: SignInSide,
  salt: Uint8Array,
  use: 'encrypt' | 'decrypt',
): Promise<CryptoKey> {
  const bound = [...boundClaim(claim), salt];
  const bytes = await hmacSha256(secret, binding(`sekisho-sign-in-${side}-v1`, bound));
  return crypto.subtle.importKey('raw', bytes, AES.name, false, [use]);
}
