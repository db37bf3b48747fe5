// Writes the body of a statement of each kind.

import { EMPTY, fromHex } from '../bytes.js';
import { encode } from '../wire/canonical.js';
import type * as Body from './body.js';
import { PRINCIPAL_KINDS, STREAM_CLASSES } from './body.js';
import { encodePeering } from './peering.js';
import { present } from './present.js';

/** The bytes of a statement's body; nothing is checked. */
export function encodeStatementBody(body: Body.StatementBody): Uint8Array<ArrayBuffer> {
  switch (body.kind) {
    case 'org-root':
    case 'issuer':
    case 'principal':
      return encodeIdentity(body);
    case 'grant':
    case 'deny':
    case 'revoke':
    case 'role':
      return encodeRight(body);
    case 'stream-descriptor':
      return encodeDescriptor(body);
    case 'epoch-announce':
    case 'key-grant':
      return encodeKey(body);
    case 'peering':
      return encodePeering(body);
    case 'erasure':
      return encodeErasure(body);
  }
}

function encodeIdentity(body: Body.OrgRoot | Body.Issuer | Body.Principal): Uint8Array<ArrayBuffer> {
  const { organisation, issuedUs } = body;
  switch (body.kind) {
    case 'org-root':
      return encode('OrgRoot', {
        organisation,
        keys: [...body.keys],
        threshold: body.threshold,
        issuedUs,
      });
    case 'issuer': {
      const { name, publicKey, untilUs } = body;
      return encode('Issuer', {
        organisation,
        name,
        publicKey,
        issuedUs,
        ...present('untilUs', untilUs),
      });
    }
    case 'principal': {
      const { name, publicKey, kemSuite, kemPublicKey, attested } = body;
      const kind = PRINCIPAL_KINDS.indexOf(body.principalKind) + 1;
      const keys = { publicKey, kemSuite, kemPublicKey };
      const until = present('untilUs', body.untilUs);
      return encode('Principal', {
        organisation,
        name,
        kind,
        ...keys,
        issuedUs,
        ...until,
        attested,
      });
    }
  }
}

function encodeRight(body: Body.Grant | Body.Deny | Body.Revoke | Body.Role): Uint8Array<ArrayBuffer> {
  const { organisation, issuedUs } = body;
  switch (body.kind) {
    case 'grant':
      return encode('Grant', {
        organisation,
        grantee: body.grantee,
        actions: body.actions,
        filter: body.filter,
        purpose: body.purpose,
        issuedUs,
        fromUs: body.fromUs,
        ...present('untilUs', body.untilUs),
        ...present('historyFromUs', body.historyFromUs),
        onward: body.onward,
        ...present('ratePerS', body.ratePerS),
      });
    case 'deny': {
      const { grantee, actions, filter, reason } = body;
      return encode('Deny', { organisation, grantee, actions, filter, reason, issuedUs });
    }
    case 'revoke': {
      const [statement, principal] = [idOnWire(body.statement), idOnWire(body.principal)];
      return encode('Revoke', {
        organisation,
        statement,
        principal,
        reason: body.reason,
        issuedUs,
      });
    }
    case 'role': {
      const { role, member, untilUs } = body;
      return encode('Role', {
        organisation,
        role,
        member,
        issuedUs,
        ...present('untilUs', untilUs),
      });
    }
  }
}

function encodeDescriptor(body: Body.StreamDescriptor): Uint8Array<ArrayBuffer> {
  return encode('StreamDescriptor', {
    organisation: body.organisation,
    topic: body.topic,
    deviceType: body.deviceType,
    title: body.title,
    class: STREAM_CLASSES.indexOf(body.class) + 1,
    mobile: body.mobile,
    ...present('latitudeE7', body.location?.latitudeE7),
    ...present('longitudeE7', body.location?.longitudeE7),
    ...present('retentionS', body.retentionS),
    transducers: body.transducers.map((transducer) => ({ ...transducer })),
    issuedUs: body.issuedUs,
  });
}

function encodeKey(body: Body.EpochAnnounce | Body.KeyGrant): Uint8Array<ArrayBuffer> {
  const { organisation, tree, epoch, suite, issuedUs } = body;
  if (body.kind === 'epoch-announce') {
    const { publicKey, notBeforeUs, notAfterUs, minEpoch } = body;
    const times = { issuedUs, notBeforeUs, notAfterUs };
    return encode('EpochAnnounce', {
      organisation,
      tree,
      epoch,
      suite,
      publicKey,
      ...times,
      minEpoch,
    });
  }
  const { purpose, encapsulation, sealedSeed } = body;
  const what = { reader: fromHex(body.reader), purpose, encapsulation, sealedSeed };
  return encode('KeyGrant', { organisation, tree, epoch, suite, ...what, issuedUs });
}

function encodeErasure(body: Body.Erasure): Uint8Array<ArrayBuffer> {
  const { organisation, erased, records, reason, issuedUs } = body;
  const what =
    erased.tree === undefined
      ? { subject: fromHex(erased.subject) }
      : { tree: erased.tree, epoch: erased.epoch, key: fromHex(erased.key) };
  return encode('Erasure', { organisation, ...what, records, reason, issuedUs });
}

function idOnWire(id: string | undefined): Uint8Array {
  return id === undefined ? EMPTY : fromHex(id);
}
