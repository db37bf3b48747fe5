// How a steward lets one reader into one epoch, and how the reader gets the key out (docs/protocol.md,
// section 5.4).

import { equal, fromHex } from '../bytes.js';
import type { Identity } from '../identity.js';
import type { EpochAnnounce, KeyGrant } from '../statement/body.js';
import type { Suite } from '../suite.js';
import { binding } from './binding.js';
import type { KemPublicKey } from './kem.js';
import { KemKeys, SealError } from './kem.js';

function infoOf(grant: KeyGrant, readerSuite: Suite): Uint8Array {
  const { organisation, tree, epoch, suite, reader, purpose } = grant;
  const bound = [organisation, tree, epoch, suite, fromHex(reader), readerSuite, purpose];
  return binding('sekisho-key-grant-info-v1', bound);
}

/** An epoch's keys are made from its seed. */
export const EpochKeys = KemKeys;

/** The keys of an epoch. */
export type EpochKeys = KemKeys;

/**
 * The epoch's keys that a grant gives to an identity.
 *
 * @param announce - the epoch's announcement, where it is known: the keys must be the announced ones
 * @throws SealError where the grant is somebody else's, does not open, or is of another key.
 */
export async function openKeyGrant(
  identity: Identity,
  grant: KeyGrant,
  announce?: EpochAnnounce | undefined,
): Promise<EpochKeys> {
  if (grant.reader !== identity.id) {
    throw new SealError('sealed', `a key grant to reader ${identity.id}`, `one to ${grant.reader}`);
  }
  const info = infoOf(grant, identity.kemSuite);
  const seed = await identity.openSealed(info, grant.encapsulation, grant.sealedSeed);
  const keys = await EpochKeys.fromSeed(grant.suite, seed);
  if (announce !== undefined && !isOf(grant, keys, announce)) {
    throw new SealError(
      'sealed',
      `the seed of the key of epoch ${grant.epoch} of ${grant.tree}`,
      "another's",
    );
  }
  return keys;
}

function isOf(grant: KeyGrant, keys: EpochKeys, announce: EpochAnnounce): boolean {
  const isAlike =
    grant.tree === announce.tree && grant.epoch === announce.epoch && grant.suite === announce.suite;
  return isAlike && equal(keys.publicKey, announce.publicKey);
}

/** What a steward says beside the key. */
export type KeyGrantDraft = Omit<KeyGrant, 'kind' | 'encapsulation' | 'sealedSeed'>;

/** Seals an epoch's seed to a reader's KEM key. */
export async function sealKeyGrant(
  draft: KeyGrantDraft,
  seed: Uint8Array,
  readerKey: KemPublicKey,
): Promise<KeyGrant> {
  const grant: KeyGrant = { kind: 'key-grant', ...draft, encapsulation: seed, sealedSeed: seed };
  const { encapsulation, sealed } = await readerKey.seal(infoOf(grant, readerKey.suite), seed);
  return { ...grant, encapsulation, sealedSeed: sealed };
}
