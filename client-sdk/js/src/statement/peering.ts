// What two organisations agreed to exchange, read and written.

import { fromHex } from '../bytes.js';
import { ADDRESS_BYTES_MAX, PURPOSES_MAX, STATEMENT_BYTES_MAX, TRANSITS_MAX } from '../limits.js';
import { parseOrganisation } from '../name.js';
import { decodeCanonical, encode } from '../wire/canonical.js';
import { Fields } from '../wire/fields.js';
import type * as Wire from '../wire/sekisho_pb.js';
import type { Peering, PeeringParty, Transit } from './body.js';
import { filtersOf } from './checks.js';
import { present } from './present.js';

const PARTY = new Fields('peering party');
const TRANSIT = new Fields('transit');

/** @throws DecodeError where the bytes are no body of a peering. */
export function decodePeering(bytes: Uint8Array, fields: Fields): Peering {
  const wire = decodeCanonical('Peering', fields.message, STATEMENT_BYTES_MAX, bytes);
  const [left, right] = wire.parties;
  if (left === undefined || right === undefined || wire.parties.length !== 2) {
    throw fields.refusal('parties', 'two', `${wire.parties.length}`);
  }
  const leftName = fields.parse('parties', left.organisation, parseOrganisation);
  const rightName = fields.parse('parties', right.organisation, parseOrganisation);
  fields.require('parties', 'ascending names', leftName < rightName, rightName);
  const parties = [partyOf(left, leftName, rightName), partyOf(right, rightName, leftName)] as const;
  fields.atMost('purposes', PURPOSES_MAX, wire.purposes.length);
  return {
    kind: 'peering',
    parties,
    purposes: wire.purposes.map((purpose) => fields.signedText('purposes', purpose)),
    issuedUs: wire.issuedUs,
    fromUs: wire.fromUs,
    untilUs: wire.untilUs,
  };
}

function partyOf(wire: Wire.PeeringParty, own: string, other: string): PeeringParty {
  return {
    organisation: own,
    root: PARTY.id('root', wire.root),
    nodeKey: PARTY.fixed('node_key', wire.nodeKey, 32),
    address: PARTY.signedText('address', wire.address, ADDRESS_BYTES_MAX),
    exports: filtersOf(PARTY, 'exports', wire.exports, own),
    imports: filtersOf(PARTY, 'imports', wire.imports, other),
    onward: wire.onward,
    bytesPerS: wire.bytesPerS,
    passesOn: transitsOf(wire.passesOn, own, other),
    carriesHome: filtersOf(PARTY, 'carries_home', wire.carriesHome, other),
    envelopesPerS: wire.envelopesPerS,
    interests: wire.interests,
    historyBytesPerS: wire.historyBytesPerS,
  };
}

function transitsOf(wire: readonly Wire.Transit[], own: string, other: string): Transit[] {
  PARTY.atMost('passes_on', TRANSITS_MAX, wire.length);
  const all = wire.map((one) => {
    const organisation = TRANSIT.parse('organisation', one.organisation, parseOrganisation);
    const filters = filtersOf(TRANSIT, 'filters', one.filters, organisation);
    return { organisation, root: TRANSIT.id('root', one.root), filters };
  });
  for (const [at, { organisation }] of all.entries()) {
    const isThird = organisation !== own && organisation !== other;
    PARTY.require('passes_on', 'third organisations', isThird, organisation);
    const before = all[at - 1]?.organisation;
    PARTY.require(
      'passes_on',
      'ascending names',
      before === undefined || before < organisation,
      organisation,
    );
  }
  return all;
}

/** The bytes of a peering's body. */
export function encodePeering(body: Peering): Uint8Array<ArrayBuffer> {
  return encode('Peering', {
    parties: body.parties.map(partyOnWire),
    purposes: [...body.purposes],
    issuedUs: body.issuedUs,
    fromUs: body.fromUs,
    ...present('untilUs', body.untilUs),
  });
}

function partyOnWire(party: PeeringParty) {
  return {
    organisation: party.organisation,
    root: fromHex(party.root),
    nodeKey: party.nodeKey,
    address: party.address,
    exports: [...party.exports],
    imports: [...party.imports],
    onward: party.onward,
    ...present('bytesPerS', party.bytesPerS),
    passesOn: party.passesOn.map(({ organisation, root, filters }) => {
      return { organisation, root: fromHex(root), filters: [...filters] };
    }),
    carriesHome: [...party.carriesHome],
    ...present('envelopesPerS', party.envelopesPerS),
    ...present('interests', party.interests),
    ...present('historyBytesPerS', party.historyBytesPerS),
  };
}
