// Between a statement's body as it is signed and what it says as previews speak of it: times in
// milliseconds, sets of actions as lists, keys as fingerprints.

import { concat, fromHex, sha256Hex } from '../bytes.js';
import {
  actionsBits,
  actionsOf,
  type PeeringParty,
  type Principal,
  type StatementBody,
} from '../statement.js';
import type { PartySaid, PeeringSaid, PrincipalSaid, Said } from './said.js';

/** What precedes an Ed25519 key in its SubjectPublicKeyInfo. */
const SPKI_PREFIX = fromHex('302a300506032b6570032100');

/** A principal's id: SHA-256 of its key's SubjectPublicKeyInfo. */
function idOf(publicKey: Uint8Array): string {
  return sha256Hex(concat(SPKI_PREFIX, publicKey));
}

function ms(timeUs: bigint): number {
  return Number(timeUs) / 1000;
}

function msOf(timeUs: bigint | undefined): number | undefined {
  return timeUs === undefined ? undefined : ms(timeUs);
}

/** What a statement's body says. */
export function saidOf(body: StatementBody): Said {
  switch (body.kind) {
    case 'grant':
      return {
        kind: body.kind,
        organisation: body.organisation,
        grantee: body.grantee,
        actions: actionsOf(body.actions),
        filter: body.filter,
        purpose: body.purpose,
        issued: ms(body.issuedUs),
        from: ms(body.fromUs),
        until: msOf(body.untilUs),
        historyFrom: msOf(body.historyFromUs),
        onward: body.onward,
        ratePerS: body.ratePerS,
      };
    case 'deny': {
      const { kind, organisation, grantee, filter, reason } = body;
      const actions = actionsOf(body.actions);
      return { kind, organisation, grantee, actions, filter, reason, issued: ms(body.issuedUs) };
    }
    case 'role': {
      const { kind, organisation, role, member } = body;
      return { kind, organisation, role, member, issued: ms(body.issuedUs), until: msOf(body.untilUs) };
    }
    case 'revoke': {
      const { kind, organisation, reason } = body;
      const target =
        body.statement === undefined ? { principal: body.principal ?? '' } : { statement: body.statement };
      return { kind, organisation, target, reason, issued: ms(body.issuedUs) };
    }
    case 'principal':
      return principalOf(body);
    case 'issuer': {
      const name = `${body.name}@${body.organisation}`;
      const [id, issued] = [idOf(body.publicKey), ms(body.issuedUs)];
      return { kind: body.kind, name, id, issued, until: msOf(body.untilUs) };
    }
    case 'org-root': {
      const { kind, organisation, threshold } = body;
      return { kind, organisation, keys: body.keys.length, threshold, issued: ms(body.issuedUs) };
    }
    case 'peering':
      return peeringOf(body);
    default:
      return ofKeeping(body);
  }
}

type Keeping = Extract<
  StatementBody,
  { kind: 'stream-descriptor' | 'epoch-announce' | 'key-grant' | 'erasure' }
>;

function ofKeeping(body: Keeping): Said {
  const { organisation } = body;
  const issued = ms(body.issuedUs);
  switch (body.kind) {
    case 'stream-descriptor': {
      const { kind, topic, deviceType, title, mobile, location } = body;
      const degrees = (e7: number | undefined) => (e7 === undefined ? undefined : e7 / 1e7);
      return {
        kind,
        organisation,
        topic,
        deviceType,
        title,
        class: body.class,
        mobile,
        latitude: degrees(location?.latitudeE7),
        longitude: degrees(location?.longitudeE7),
        retentionS: body.retentionS === undefined ? undefined : Number(body.retentionS),
        transducers: body.transducers.map(({ name, unit }) => ({ name, unit })),
        issued,
      };
    }
    case 'epoch-announce': {
      const [epoch, minEpoch] = [Number(body.epoch), Number(body.minEpoch)];
      const [notBefore, notAfter] = [ms(body.notBeforeUs), ms(body.notAfterUs)];
      return { kind: body.kind, organisation, tree: body.tree, epoch, issued, notBefore, notAfter, minEpoch };
    }
    case 'key-grant': {
      const { kind, tree, reader, purpose } = body;
      return { kind, organisation, tree, epoch: Number(body.epoch), reader, purpose, issued };
    }
    case 'erasure': {
      const erased =
        body.erased.tree === undefined
          ? { subject: body.erased.subject }
          : { tree: body.erased.tree, epoch: Number(body.erased.epoch) };
      return {
        kind: body.kind,
        organisation,
        erased,
        records: Number(body.records),
        reason: body.reason,
        issued,
      };
    }
  }
}

function principalOf(body: Principal): PrincipalSaid {
  return {
    kind: body.kind,
    name: `${body.name}@${body.organisation}`,
    principalKind: body.principalKind,
    id: idOf(body.publicKey),
    issued: ms(body.issuedUs),
    until: msOf(body.untilUs),
    attested: body.attested,
  };
}

function peeringOf(body: Extract<StatementBody, { kind: 'peering' }>): PeeringSaid {
  const [left, right] = body.parties;
  return {
    kind: body.kind,
    parties: [partyOf(left), partyOf(right)],
    purposes: [...body.purposes],
    issued: ms(body.issuedUs),
    from: ms(body.fromUs),
    until: msOf(body.untilUs),
  };
}

function partyOf(party: PeeringParty): PartySaid {
  const number = (value: bigint | undefined) => (value === undefined ? undefined : Number(value));
  return {
    organisation: party.organisation,
    exports: [...party.exports],
    imports: [...party.imports],
    onward: party.onward,
    passesOn: party.passesOn.map(({ organisation, root, filters }) => ({
      organisation,
      root,
      filters: [...filters],
    })),
    carriesHome: [...party.carriesHome],
    bytesPerS: number(party.bytesPerS),
    envelopesPerS: party.envelopesPerS,
    interests: party.interests,
    historyBytesPerS: number(party.historyBytesPerS),
  };
}

function us(time: number): bigint {
  return BigInt(Math.round(time * 1000));
}

function usOf(time: number | undefined): bigint | undefined {
  return time === undefined ? undefined : us(time);
}

/** What a person can have signed: a grant, a deny, a role, a revocation, a description. */
export type Signable = Extract<Said, { kind: 'grant' | 'deny' | 'role' | 'revoke' | 'stream-descriptor' }>;

/** The body of a statement that says this, to be signed. Its encoder checks every field. */
export function bodyOf(said: Signable): StatementBody {
  const { organisation } = said;
  const issuedUs = us(said.issued);
  switch (said.kind) {
    case 'grant': {
      const { kind, grantee, filter, purpose, onward, ratePerS } = said;
      return {
        ...{ kind, organisation, grantee, filter, purpose, onward, ratePerS, issuedUs },
        actions: actionsBits(said.actions),
        fromUs: us(said.from),
        untilUs: usOf(said.until),
        historyFromUs: usOf(said.historyFrom),
      };
    }
    case 'deny': {
      const { kind, grantee, filter, reason } = said;
      return { kind, organisation, grantee, filter, reason, issuedUs, actions: actionsBits(said.actions) };
    }
    case 'role': {
      const { kind, role, member } = said;
      return { kind, organisation, role, member, issuedUs, untilUs: usOf(said.until) };
    }
    case 'revoke': {
      const { kind, reason, target } = said;
      return { kind, organisation, reason, issuedUs, ...target };
    }
    case 'stream-descriptor': {
      const { kind, topic, deviceType, title, mobile, latitude, longitude, retentionS } = said;
      const e7 = (degrees: number) => Math.round(degrees * 1e7);
      return {
        ...{ kind, organisation, topic, deviceType, title, mobile, issuedUs, class: said.class },
        location:
          latitude === undefined || longitude === undefined
            ? undefined
            : { latitudeE7: e7(latitude), longitudeE7: e7(longitude) },
        retentionS: retentionS === undefined ? undefined : BigInt(Math.round(retentionS)),
        transducers: said.transducers.map(({ name, unit }) => ({
          ...{ name, unit, title: '', minimum: '', maximum: '', resolution: '', accuracy: '' },
        })),
      };
    }
  }
}
