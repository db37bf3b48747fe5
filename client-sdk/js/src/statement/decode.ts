// Reads the body of a statement of each kind and checks every field, in the order in which a node does.

import { compare } from '../bytes.js';
import { parseFilter } from '../filter.js';
import { COLUMNS_MAX, NUMERAL_BYTES_MAX, ROOT_KEYS_MAX, STATEMENT_BYTES_MAX } from '../limits.js';
import { parseGrantee, parseOrganisation, parseRole, parseTransducer, parseUnit } from '../name.js';
import { SUITES } from '../suite.js';
import { organisationOf, parseTopic } from '../topic.js';
import { decodeCanonical } from '../wire/canonical.js';
import { Fields } from '../wire/fields.js';
import type * as Wire from '../wire/sekisho_pb.js';
import type * as Body from './body.js';
import { PRINCIPAL_KINDS, STREAM_CLASSES } from './body.js';
import { actionsIn, epochOf, granteeOf, kemKey, localName, ownFilter, sealingSuite } from './checks.js';
import { decodePeering } from './peering.js';

const SEALED_SEED_BYTES_MAX = 128;
const LATITUDE_MAX_E7 = 900_000_000;
const LONGITUDE_MAX_E7 = 1_800_000_000;
const NUMERAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

type Decode<K extends Body.StatementKind> = (
  bytes: Uint8Array,
  fields: Fields,
) => Extract<Body.StatementBody, { kind: K }>;

const DECODERS: { readonly [K in Body.StatementKind]: Decode<K> } = {
  'org-root': decodeRoot,
  issuer: decodeIssuer,
  principal: decodePrincipal,
  grant: decodeGrant,
  deny: decodeDeny,
  revoke: decodeRevoke,
  'stream-descriptor': decodeDescriptor,
  'epoch-announce': decodeEpoch,
  'key-grant': decodeKeyGrant,
  peering: decodePeering,
  role: decodeRole,
  erasure: decodeErasure,
};

/** @throws DecodeError where the bytes are no body of that kind. */
export function decodeStatementBody(kind: Body.StatementKind, bytes: Uint8Array): Body.StatementBody {
  return DECODERS[kind](bytes, new Fields(`${kind} statement`));
}

function decodeRoot(bytes: Uint8Array, fields: Fields): Body.OrgRoot {
  const wire = decodeCanonical('OrgRoot', fields.message, STATEMENT_BYTES_MAX, bytes);
  const count = wire.keys.length;
  fields.require('keys', '1 to 16 keys', count >= 1 && count <= ROOT_KEYS_MAX, count);
  const keys = wire.keys.map((key) => fields.fixed('keys', key, 32));
  const isAscending = keys.every((key, at) => at === 0 || compare(keys[at - 1] ?? key, key) < 0);
  fields.require('keys', 'ascending keys', isAscending, 'others');
  const isReachable = wire.threshold >= 1 && wire.threshold <= count;
  fields.require('threshold', '1 to the number of keys', isReachable, wire.threshold);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  return { kind: 'org-root', organisation, keys, threshold: wire.threshold, issuedUs: wire.issuedUs };
}

function decodeIssuer(bytes: Uint8Array, fields: Fields): Body.Issuer {
  const wire = decodeCanonical('Issuer', fields.message, STATEMENT_BYTES_MAX, bytes);
  return {
    kind: 'issuer',
    organisation: fields.parse('organisation', wire.organisation, parseOrganisation),
    name: localName(fields, wire.name),
    publicKey: fields.fixed('public_key', wire.publicKey, 32),
    issuedUs: wire.issuedUs,
    untilUs: wire.untilUs,
  };
}

function decodePrincipal(bytes: Uint8Array, fields: Fields): Body.Principal {
  const wire = decodeCanonical('Principal', fields.message, STATEMENT_BYTES_MAX, bytes);
  const kemSuite = fields.suite('kem_suite', wire.kemSuite);
  const kemPublicKey = kemKey(fields, kemSuite, wire.kemPublicKey);
  return {
    kind: 'principal',
    organisation: fields.parse('organisation', wire.organisation, parseOrganisation),
    name: localName(fields, wire.name),
    principalKind: fields.numbered('kind', 'a kind from 1 to 6', PRINCIPAL_KINDS, wire.kind),
    publicKey: fields.fixed('public_key', wire.publicKey, 32),
    kemSuite,
    kemPublicKey,
    issuedUs: wire.issuedUs,
    untilUs: wire.untilUs,
    attested: wire.attested,
  };
}

function decodeGrant(bytes: Uint8Array, fields: Fields): Body.Grant {
  const wire = decodeCanonical('Grant', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  const filter = ownFilter(fields, 'filter', wire.filter, organisation);
  return {
    kind: 'grant',
    organisation,
    grantee: granteeOf(fields, wire.grantee, organisation),
    actions: actionsIn(fields, wire.actions),
    filter,
    purpose: fields.signedText('purpose', wire.purpose),
    issuedUs: wire.issuedUs,
    fromUs: wire.fromUs,
    untilUs: wire.untilUs,
    historyFromUs: wire.historyFromUs,
    onward: wire.onward,
    ratePerS: wire.ratePerS,
  };
}

function decodeDeny(bytes: Uint8Array, fields: Fields): Body.Deny {
  const wire = decodeCanonical('Deny', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  const filter = ownFilter(fields, 'filter', wire.filter, organisation);
  return {
    kind: 'deny',
    organisation,
    grantee: granteeOf(fields, wire.grantee, organisation),
    actions: actionsIn(fields, wire.actions),
    filter,
    reason: fields.signedText('reason', wire.reason),
    issuedUs: wire.issuedUs,
  };
}

function decodeRevoke(bytes: Uint8Array, fields: Fields): Body.Revoke {
  const wire = decodeCanonical('Revoke', fields.message, STATEMENT_BYTES_MAX, bytes);
  const statement = fields.idOptional('statement', wire.statement);
  const principal = fields.idOptional('principal', wire.principal);
  const isOne = (statement === undefined) !== (principal === undefined);
  const found = statement === undefined ? 'neither' : 'both';
  fields.require('statement', 'a statement or a principal', isOne, found);
  return {
    kind: 'revoke',
    organisation: fields.parse('organisation', wire.organisation, parseOrganisation),
    statement,
    principal,
    reason: fields.signedText('reason', wire.reason),
    issuedUs: wire.issuedUs,
  };
}

function decodeDescriptor(bytes: Uint8Array, fields: Fields): Body.StreamDescriptor {
  const wire = decodeCanonical('StreamDescriptor', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  const topic = fields.parse('topic', wire.topic, parseTopic);
  const isOwn = organisationOf(topic) === organisation;
  fields.require('topic', "a topic of the statement's organisation", isOwn, topic);
  fields.atMost('transducers', COLUMNS_MAX, wire.transducers.length);
  return {
    kind: 'stream-descriptor',
    organisation,
    topic,
    deviceType: fields.signedText('device_type', wire.deviceType),
    title: fields.signedText('title', wire.title),
    class: fields.numbered('class', 'a class from 1 to 3', STREAM_CLASSES, wire.class),
    mobile: wire.mobile,
    location: locationOf(fields, wire.latitudeE7, wire.longitudeE7),
    retentionS: wire.retentionS,
    transducers: wire.transducers.map(transducerOf),
    issuedUs: wire.issuedUs,
  };
}

function locationOf(fields: Fields, latitudeE7: number | undefined, longitudeE7: number | undefined) {
  if (latitudeE7 === undefined && longitudeE7 === undefined) {
    return undefined;
  }
  if (latitudeE7 === undefined) {
    throw fields.refusal('latitude_e7', 'one', 'none');
  }
  if (longitudeE7 === undefined) {
    throw fields.refusal('longitude_e7', 'one', 'none');
  }
  fields.require('latitude_e7', 'at most 90 degrees', Math.abs(latitudeE7) <= LATITUDE_MAX_E7, latitudeE7);
  fields.require(
    'longitude_e7',
    'at most 180 degrees',
    Math.abs(longitudeE7) <= LONGITUDE_MAX_E7,
    longitudeE7,
  );
  return { latitudeE7, longitudeE7 };
}

function transducerOf(wire: Wire.Transducer): Body.Transducer {
  const fields = new Fields('transducer');
  return {
    name: fields.parse('name', wire.name, parseTransducer),
    title: fields.signedText('title', wire.title),
    unit: fields.parse('unit', wire.unit, parseUnit),
    minimum: numeral(fields, 'minimum', wire.minimum),
    maximum: numeral(fields, 'maximum', wire.maximum),
    resolution: numeral(fields, 'resolution', wire.resolution),
    accuracy: numeral(fields, 'accuracy', wire.accuracy),
  };
}

function numeral(fields: Fields, field: string, text: string): string {
  const fits = text.length <= NUMERAL_BYTES_MAX && (text === '' || NUMERAL.test(text));
  fields.require(field, 'a decimal numeral of at most 64 bytes', fits, text.length);
  return text;
}

function decodeEpoch(bytes: Uint8Array, fields: Fields): Body.EpochAnnounce {
  const wire = decodeCanonical('EpochAnnounce', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  const tree = ownFilter(fields, 'tree', wire.tree, organisation);
  const suite = sealingSuite(fields, wire.suite, wire.publicKey);
  const epoch = epochOf(fields, wire.epoch);
  fields.require('min_epoch', 'at most the epoch', wire.minEpoch <= epoch, wire.minEpoch);
  const isOrdered = wire.notBeforeUs < wire.notAfterUs;
  fields.require('not_after_us', 'after not_before_us', isOrdered, wire.notAfterUs);
  const { publicKey, issuedUs, notBeforeUs, notAfterUs, minEpoch } = wire;
  return {
    kind: 'epoch-announce',
    organisation,
    tree,
    epoch,
    suite,
    publicKey,
    issuedUs,
    notBeforeUs,
    notAfterUs,
    minEpoch,
  };
}

function decodeKeyGrant(bytes: Uint8Array, fields: Fields): Body.KeyGrant {
  const wire = decodeCanonical('KeyGrant', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  const tree = fields.parse('tree', wire.tree, parseFilter);
  const suite = fields.suite('suite', wire.suite);
  if (suite === 0) {
    throw fields.refusal('suite', 'a sealing suite', 'open');
  }
  const epoch = epochOf(fields, wire.epoch);
  const length = wire.encapsulation.length;
  const isKnown = Object.values(SUITES).some((known) => known.encapsulationBytes === length);
  fields.require('encapsulation', 'the length of a sealing suite', isKnown, length);
  const found = wire.sealedSeed.length;
  fields.require('sealed_seed', '1 to 128 bytes', found >= 1 && found <= SEALED_SEED_BYTES_MAX, found);
  return {
    kind: 'key-grant',
    organisation,
    tree,
    epoch,
    suite,
    reader: fields.id('reader', wire.reader),
    purpose: fields.signedText('purpose', wire.purpose),
    encapsulation: wire.encapsulation,
    sealedSeed: wire.sealedSeed,
    issuedUs: wire.issuedUs,
  };
}

function decodeRole(bytes: Uint8Array, fields: Fields): Body.Role {
  const wire = decodeCanonical('Role', fields.message, STATEMENT_BYTES_MAX, bytes);
  const role = fields.parse('role', wire.role, parseRole);
  const isOwn = role.organisation === wire.organisation;
  fields.require('role', "a role of the statement's organisation", isOwn, role.text);
  const member = fields.parse('member', wire.member, parseGrantee);
  fields.require('member', 'a principal or an organisation', member.kind !== 'role', member.text);
  return {
    kind: 'role',
    organisation: role.organisation,
    role: role.text,
    member: member.text,
    issuedUs: wire.issuedUs,
    untilUs: wire.untilUs,
  };
}

function decodeErasure(bytes: Uint8Array, fields: Fields): Body.Erasure {
  const wire = decodeCanonical('Erasure', fields.message, STATEMENT_BYTES_MAX, bytes);
  const organisation = fields.parse('organisation', wire.organisation, parseOrganisation);
  return {
    kind: 'erasure',
    organisation,
    erased: erasedOf(fields, wire, organisation),
    records: wire.records,
    reason: fields.signedText('reason', wire.reason),
    issuedUs: wire.issuedUs,
  };
}

function erasedOf(fields: Fields, wire: Wire.Erasure, organisation: string): Body.Erased {
  const subject = fields.idOptional('subject', wire.subject);
  if (subject !== undefined) {
    const isAlone = wire.tree === '' && wire.epoch === 0n && wire.key.length === 0;
    fields.require('subject', 'an epoch or a subject', isAlone, 'both');
    return { subject };
  }
  const tree = ownFilter(fields, 'tree', wire.tree, organisation);
  return { tree, epoch: epochOf(fields, wire.epoch), key: fields.id('key', wire.key) };
}
