// What of a record is taken for a message: a proven publisher, its signature, and a key that everybody can see was
// given. The node here answers whatever it is asked, and is believed in nothing.

import { beforeEach, describe, expect, test } from 'vitest';
import { EMPTY, utf8 } from '../src/bytes.js';
import {
  assembleEnvelope,
  type Envelope,
  encodeHeader,
  envelopeHash,
  envelopeSigningInput,
} from '../src/envelope.js';
import type { Identity } from '../src/identity.js';
import type { AnswerBody, Question } from '../src/link.js';
import { Refusal } from '../src/refusal.js';
import { KemKeys, KemPublicKey } from '../src/seal/kem.js';
import { sealKeyGrant } from '../src/seal/key_grant.js';
import { type HeaderDraft, Sealer, sealOpen } from '../src/seal/sealer.js';
import { encodeStatement, type Statement, type StatementBody } from '../src/statement.js';
import { Chain } from '../src/trust/chain.js';
import { Directory } from '../src/trust/directory.js';
import { Logs, MemoryNotebook } from '../src/trust/logs.js';
import {
  BodyError,
  KeyRing,
  RecordVerifier,
  type RejectedRecord,
  type Verified,
} from '../src/trust/verifier.js';
import type { Record } from '../src/wire/sekisho_pb.js';
import { LogNode, NOW } from './log_node.js';
import { identity, Organisation, stated } from './world.js';

const TOPIC = 'fujisawa/truck/17';
const BOOT = '02'.repeat(16);

let city: Organisation;
let truck: Identity;
let reader: Identity;
let steward: Identity;
let log: LogNode;
let told: Statement[];
let keyHeaders: Uint8Array[];
let verifier: RecordVerifier;

/** Tells all that it has, and shows its log. */
const asker = {
  async query(question: Question): Promise<AnswerBody> {
    switch (question.case) {
      case 'principal':
      case 'epochOf':
      case 'keyGrants': {
        const value = {
          $typeName: 'sekisho.v1.StatementList',
          statements: told.map(encodeStatement),
        } as const;
        return { case: 'statements', value };
      }
      case 'keyHeader': {
        const [keyHeader] = keyHeaders;
        if (keyHeader === undefined) {
          throw new Refusal(40, 'key header', 'unknown');
        }
        return { case: 'keyHeader', value: keyHeader };
      }
      default:
        return log.query(question);
    }
  },
};

beforeEach(async () => {
  city = await Organisation.found('fujisawa');
  [truck, reader, steward] = [await identity(), await identity(), await identity()];
  log = new LogNode(city.node);
  told = [
    ...city.beginnings,
    await city.principal('truck-17', truck),
    await city.principal('steward', steward, 'steward'),
  ];
  keyHeaders = [];
  log.add(...told);
  verifier = await verifierOf('fujisawa/#');
});

async function verifierOf(filter: string): Promise<RecordVerifier> {
  const logs = new Logs({
    organisation: 'fujisawa',
    nodeKey: city.node.publicKey,
    notebook: new MemoryNotebook(),
    now: () => NOW,
  });
  const directory = new Directory('fujisawa', city.fingerprint);
  return new RecordVerifier({
    identity: reader,
    directory,
    logs,
    keyRing: new KeyRing(),
    filter,
    now: () => NOW,
  });
}

function draft(sequence = 0n, previous?: string): HeaderDraft {
  return {
    topic: TOPIC,
    boot: BOOT,
    sequence,
    timeUs: NOW,
    previous,
    contentType: 'text/plain',
    sampleCount: 0,
  };
}

function record(envelope: Envelope | Uint8Array, keyHeader: Uint8Array = EMPTY): Record {
  return {
    $typeName: 'sekisho.v1.Record',
    subscription: 1,
    position: 0n,
    offset: 0n,
    receivedUs: NOW,
    envelope: envelope instanceof Uint8Array ? envelope : envelope.encoded,
    keyHeader,
    hops: [],
  };
}

async function judged(
  envelope: Envelope | Uint8Array,
  keyHeader?: Uint8Array,
): Promise<Verified | RejectedRecord> {
  return verifier.judge(record(envelope, keyHeader), asker);
}

/** The body of what is taken for a message. */
async function bodyOf(envelope: Envelope, keyHeader?: Uint8Array): Promise<Uint8Array | BodyError> {
  const found = await judged(envelope, keyHeader);
  if ('reason' in found) {
    throw new Error(`rejected: ${found.detail}`);
  }
  return found.body;
}

describe('an open record', () => {
  test('of a proven publisher is a message', async () => {
    const envelope = await sealOpen(truck, draft(), utf8('12.5'));
    const found = await judged(envelope);
    expect(found).toMatchObject({ body: utf8('12.5'), publisher: { name: 'truck-17@fujisawa' } });
    expect(found).toMatchObject({ hash: envelopeHash(envelope.headerBytes, envelope.body) });
  });

  test('larger than what is hashed at once has the same hash', async () => {
    const envelope = await sealOpen(truck, draft(), new Uint8Array(50_000).fill(7));
    expect(await judged(envelope)).toMatchObject({ hash: envelopeHash(envelope.headerBytes, envelope.body) });
  });

  test('is rejected where it is no envelope, or of a topic that was not asked for', async () => {
    expect(await judged(Uint8Array.of(1, 2, 3))).toMatchObject({ reason: 'envelope' });
    verifier = await verifierOf('fujisawa/other/#');
    expect(await judged(await sealOpen(truck, draft(), utf8('a')))).toMatchObject({
      reason: 'topic',
      topic: TOPIC,
    });
  });

  test('is rejected where nobody proves its publisher, or another signed', async () => {
    const stranger = await identity();
    expect(await judged(await sealOpen(stranger, draft(), utf8('a')))).toMatchObject({
      reason: 'unknown-publisher',
    });
    const envelope = await sealOpen(truck, draft(), utf8('a'));
    const input = envelopeSigningInput(envelope.headerBytes, envelope.body);
    const forged = assembleEnvelope(envelope.headerBytes, envelope.body, await stranger.sign(input));
    expect(await judged(forged)).toMatchObject({ reason: 'signature' });
    const changed = assembleEnvelope(envelope.headerBytes, utf8('b'), envelope.signature);
    expect(await judged(changed)).toMatchObject({ reason: 'signature' });
  });

  test('is rejected where its publisher was revoked before it was received, or has run out', async () => {
    told.push(await city.revoke(truck));
    expect(await judged(await sealOpen(truck, draft(), utf8('a')))).toMatchObject({ reason: 'not-entitled' });
    const brief = await identity();
    told.push(await city.principal('brief', brief, 'device', { untilUs: NOW }));
    verifier = await verifierOf('fujisawa/#');
    expect(await judged(await sealOpen(brief, draft(), utf8('a')))).toMatchObject({ reason: 'not-entitled' });
    const before = await sealOpen(brief, { ...draft(), timeUs: NOW - 1n }, utf8('a'));
    expect(await judged(before)).toMatchObject({ body: utf8('a') });
  });

  test('of somebody who may not publish on another organisation’s topic is rejected', async () => {
    const foreign = { ...draft(), topic: 'santander/a' };
    verifier = await verifierOf('santander/#');
    expect(await judged(await sealOpen(truck, foreign, utf8('a')))).toMatchObject({ reason: 'not-entitled' });
  });

  test('whose signer the node was not heard about is judged again', async () => {
    const lost = { query: () => Promise.reject(new Error('connection lost')) };
    const envelope = await sealOpen(truck, draft(), utf8('a'));
    await expect(verifier.judge(record(envelope), lost)).rejects.toThrow('connection lost');
    expect(await judged(envelope)).toMatchObject({ body: utf8('a') });
  });
});

describe('an attested record', () => {
  async function attested(publisher: Identity, attester: Identity, topic = TOPIC): Promise<Envelope> {
    const header = encodeHeader({
      ...draft(),
      topic,
      suite: 0,
      epoch: 0n,
      publisher: publisher.id,
      attester: attester.id,
      flags: 0,
      expiryS: 0,
      scope: 'organisation',
    });
    return assembleEnvelope(header, utf8('a'), await attester.sign(envelopeSigningInput(header, utf8('a'))));
  }

  test('is a message of its publisher, and says who attested', async () => {
    const meter = await identity();
    told.push(await city.principal('meter', meter, 'device', { attested: true }));
    told.push(await city.principal('node', city.node, 'node'));
    expect(await judged(await attested(meter, city.node))).toMatchObject({
      publisher: { name: 'meter@fujisawa' },
      attester: { name: 'node@fujisawa' },
    });
  });

  test('is rejected where the publisher signs for itself, or somebody who is no node signed', async () => {
    const meter = await identity();
    told.push(await city.principal('meter', meter, 'device', { attested: true }));
    told.push(await city.principal('node', city.node, 'node'));
    expect(await judged(await attested(truck, city.node))).toMatchObject({ reason: 'not-attested' });
    expect(await judged(await attested(meter, truck))).toMatchObject({ reason: 'not-attested' });
    expect(await judged(await attested(meter, await identity()))).toMatchObject({ reason: 'not-attested' });
  });
});

describe('a sealed record', () => {
  const seed = new Uint8Array(32).fill(3);
  let sealer: Sealer;
  let grant: Statement;

  beforeEach(async () => {
    const keys = await KemKeys.fromSeed(2, seed);
    const epoch = {
      kind: 'epoch-announce',
      organisation: 'fujisawa',
      tree: 'fujisawa/#',
      epoch: 3n,
      suite: 2,
      publicKey: keys.publicKey,
      issuedUs: city.tick(),
      notBeforeUs: 0n,
      notAfterUs: NOW * 2n,
      minEpoch: 0n,
    } as const;
    sealer = await Sealer.create({ identity: truck, topic: TOPIC, boot: BOOT, epoch });
    const drafted = {
      organisation: 'fujisawa',
      tree: 'fujisawa/#',
      epoch: 3n,
      suite: 2,
      reader: reader.id,
      purpose: 'dashboard',
      issuedUs: city.tick(),
    } as const;
    const body: StatementBody = await sealKeyGrant(
      drafted,
      seed,
      await KemPublicKey.parse(1, reader.kemPublicKey),
    );
    grant = await stated(body, steward);
    const announced = await stated(epoch, steward);
    told.push(announced);
    log.add(announced);
  });

  const fault = async (keyHeader = sealer.keyHeader.encoded) => {
    const body = await bodyOf(await sealer.seal(draft(), utf8('12.5')), keyHeader);
    return body instanceof BodyError ? body.fault : undefined;
  };

  test('is opened with the key that a statement in the log gives, and says for what it was given', async () => {
    told.push(grant);
    log.add(grant);
    const found = await judged(await sealer.seal(draft(), utf8('12.5')), sealer.keyHeader.encoded);
    expect(found).toMatchObject({
      body: utf8('12.5'),
      keyGrant: { purpose: 'dashboard', tree: 'fujisawa/#', epoch: 3n },
    });
    const next = await sealer.seal(draft(1n), utf8('12.6'));
    expect(await bodyOf(next)).toEqual(utf8('12.6'));
  });

  test('is not opened with a key that was given in secret: nothing of it is in the log', {
    timeout: 20_000,
  }, async () => {
    told.push(grant);
    expect(await fault()).toBe('not-logged');
  });

  test('is not opened where nobody gave the key, and where who gave it is no steward', async () => {
    expect(await fault()).toBe('no-key');
    const forged = await stated(grant.body, truck);
    told.push(forged);
    log.add(forged);
    verifier = await verifierOf('fujisawa/#');
    const body = await bodyOf(await sealer.seal(draft(1n), utf8('a')), sealer.keyHeader.encoded);
    expect(body).toMatchObject({ fault: 'no-key' });
  });

  test('is asked for its key header where that did not come along', async () => {
    told.push(grant);
    log.add(grant);
    expect(await fault(EMPTY)).toBe('no-key-header');
    verifier = await verifierOf('fujisawa/#');
    keyHeaders = [sealer.keyHeader.encoded];
    expect(await bodyOf(await sealer.seal(draft(1n), utf8('a')))).toEqual(utf8('a'));
  });

  test('is not opened by a key header that its publisher did not sign', async () => {
    told.push(grant);
    log.add(grant);
    const { encoded } = sealer.keyHeader;
    const changed = Uint8Array.from(encoded);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    expect(await fault(changed)).toBe('key-header-signature');
    verifier = await verifierOf('fujisawa/#');
    const body = await bodyOf(await sealer.seal(draft(1n), utf8('a')), Uint8Array.of(1));
    expect(body).toMatchObject({ fault: 'key-header' });
  });
});

describe('the order of a publisher’s envelopes', () => {
  let chain: Chain;
  const hash = (sequence: bigint, body: string) => `${sequence} ${body}`;

  beforeEach(() => {
    chain = new Chain();
  });

  function judge(sequence: bigint, position: bigint, previous?: string, body = 'a') {
    const header = {
      ...draft(sequence, previous),
      suite: 0,
      epoch: 0n,
      publisher: truck.id,
      flags: 0,
      expiryS: 0,
      scope: 'organisation',
    } as const;
    return chain.judge({ header, hash: hash(sequence, body) }, position);
  }

  test('may begin anywhere, and then goes on without a gap', () => {
    expect(judge(5n, 10n)).toBeUndefined();
    expect(judge(6n, 11n, hash(5n, 'a'))).toBeUndefined();
    expect(judge(6n, 12n, hash(5n, 'a'))).toMatchObject({ reason: 'repeated' });
    expect(judge(5n, 13n)).toMatchObject({ reason: 'repeated' });
  });

  test('shows two stories for one place', () => {
    judge(5n, 10n);
    expect(judge(5n, 11n, undefined, 'b')).toMatchObject({ reason: 'two-stories' });
    expect(judge(6n, 12n, hash(5n, 'b'))).toMatchObject({ reason: 'two-stories' });
    expect(judge(6n, 12n)).toMatchObject({ reason: 'two-stories' });
  });

  test('shows what is withheld, unless the node said so', () => {
    judge(5n, 10n);
    expect(judge(8n, 20n, hash(7n, 'a'))).toEqual({ from: 11n, to: 20n, topic: TOPIC });
    chain.noteTold({ from: 21n, to: 25n, topic: 'fujisawa/other' });
    expect(judge(10n, 30n, hash(9n, 'a'))).toEqual({ from: 21n, to: 30n, topic: TOPIC });
    chain.noteTold({ from: 31n, to: 35n });
    expect(judge(12n, 40n, hash(11n, 'a'))).toBeUndefined();
  });
});
