// The checks that several kinds of statements share.

import { parseFilter } from '../filter.js';
import { PEERING_FILTERS_MAX } from '../limits.js';
import { parseGrantee, parseLocalName } from '../name.js';
import type { SealingSuite, Suite } from '../suite.js';
import { SUITES } from '../suite.js';
import { organisationOf } from '../topic.js';
import type { Fields } from '../wire/fields.js';
import { ALL_ACTIONS } from './action.js';

/** A filter of the organisation's own topics. */
export function ownFilter(fields: Fields, field: string, text: string, organisation: string): string {
  const filter = fields.parse(field, text, parseFilter);
  const isOwn = organisationOf(filter) === organisation;
  fields.require(field, "topics of the statement's organisation", isOwn, filter);
  return filter;
}

/** At most 256 filters of an organisation. */
export function filtersOf(fields: Fields, field: string, texts: readonly string[], owner: string): string[] {
  fields.atMost(field, PEERING_FILTERS_MAX, texts.length);
  return texts.map((text) => ownFilter(fields, field, text, owner));
}

/** Who a grant or deny speaks of: roles only of the organisation. */
export function granteeOf(fields: Fields, text: string, organisation: string): string {
  const grantee = fields.parse('grantee', text, parseGrantee);
  const isOwn = grantee.kind !== 'role' || grantee.organisation === organisation;
  fields.require('grantee', "a role of the statement's organisation", isOwn, text);
  return text;
}

/** A set of at least one action. */
export function actionsIn(fields: Fields, bits: number): number {
  const isSet = bits !== 0 && (bits & ~ALL_ACTIONS) === 0 && bits <= ALL_ACTIONS;
  fields.require('actions', 'a set of actions from 1 to 8', isSet, bits);
  return bits;
}

/** The part of a name before the `@`. */
export function localName(fields: Fields, text: string): string {
  return fields.parse('name', text, parseLocalName);
}

/** A KEM public key that fits its suite: none where the suite is 0. */
export function kemKey(fields: Fields, suite: Suite, key: Uint8Array): Uint8Array {
  const wanted = suite === 0 ? 0 : SUITES[suite].publicKeyBytes;
  fields.require('kem_public_key', 'the length of its suite', key.length === wanted, key.length);
  return key;
}

/** A suite that seals, and a public key of its length. */
export function sealingSuite(fields: Fields, number: number, publicKey: Uint8Array): SealingSuite {
  const suite = fields.suite('suite', number);
  if (suite === 0 || SUITES[suite].publicKeyBytes !== publicKey.length) {
    throw fields.refusal('public_key', 'the length of a sealing suite', `${publicKey.length}`);
  }
  return suite;
}

/** 1 or more. */
export function epochOf(fields: Fields, epoch: bigint): bigint {
  fields.require('epoch', '1 or more', epoch > 0n, epoch);
  return epoch;
}
