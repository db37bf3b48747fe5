// Sealing and opening: the frozen bytes of crates/seal, every suite there and back, and what must not open.

import { describe, expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '../src/bytes.js';
import { decodeEnvelope, envelopeSigningInput } from '../src/envelope.js';
import { generateWebKeys, type Identity, seedIdentity, webIdentity } from '../src/identity.js';
import { decodeKeyHeader, keyHeaderSigningInput } from '../src/key_header.js';
import { endsInLowOrder, KemKeys, KemPublicKey, SealError } from '../src/seal/kem.js';
import { openKeyGrant, sealKeyGrant } from '../src/seal/key_grant.js';
import { loginSigningInput } from '../src/seal/login.js';
import { Opener } from '../src/seal/opener.js';
import { type HeaderDraft, Sealer, sealOpen } from '../src/seal/sealer.js';
import { VerifyingKey } from '../src/seal/signature.js';
import type { EpochAnnounce } from '../src/statement.js';
import type { SealingSuite } from '../src/suite.js';
import { counting, sealVector, sealVectorLines } from './vectors.js';

const TOPIC = 'fujisawa/truck-17/pm25';
const BOOT = '02'.repeat(16);
const filled = (byte: number) => new Uint8Array(32).fill(byte);

async function publisher(): Promise<Identity> {
  return seedIdentity({ signingSeed: filled(1), kemSuite: 1, kemSeed: filled(9) });
}

function epochOf(keys: KemKeys, tree = 'fujisawa/#'): EpochAnnounce {
  return {
    kind: 'epoch-announce',
    organisation: 'fujisawa',
    tree,
    epoch: 3n,
    suite: keys.suite,
    publicKey: keys.publicKey,
    issuedUs: 0n,
    notBeforeUs: 0n,
    notAfterUs: 1n,
    minEpoch: 0n,
  };
}

function draft(sequence: bigint): HeaderDraft {
  return {
    topic: TOPIC,
    boot: BOOT,
    sequence,
    timeUs: 1_700_000_000_000_000n,
    contentType: 'text/plain',
    sampleCount: 0,
    expiryS: 60,
    scope: 'federation',
  };
}

describe('the frozen bytes', () => {
  test('are what sealing gives', async () => {
    const identity = await publisher();
    const keys = await KemKeys.fromSeed(1, filled(3));
    const parts = { identity, topic: TOPIC, boot: BOOT, epoch: epochOf(keys), ekm: counting(64, 32) };
    const sealer = await Sealer.create(parts);
    const envelope = await sealer.seal({ ...draft(7n), previous: '04'.repeat(32) }, utf8('PM2.5 = 12.5'));
    expect(hex(sealer.keyHeader.encoded)).toBe(hex(sealVector('key-header-x25519-aes256gcm.hex')));
    expect(hex(envelope.encoded)).toBe(hex(sealVector('envelope-x25519-aes256gcm.hex')));
  });

  test('verify and open', async () => {
    const key = VerifyingKey.parse((await publisher()).publicKey);
    const keyHeader = decodeKeyHeader(sealVector('key-header-x25519-aes256gcm.hex'));
    expect(await key.verify(keyHeaderSigningInput(keyHeader.contentBytes), keyHeader.signature)).toBe(true);
    const envelope = decodeEnvelope(sealVector('envelope-x25519-aes256gcm.hex'));
    expect(
      await key.verify(envelopeSigningInput(envelope.headerBytes, envelope.body), envelope.signature),
    ).toBe(true);
    const opener = await Opener.create(keyHeader, await KemKeys.fromSeed(1, filled(3)));
    expect(await opener.open(envelope)).toEqual(utf8('PM2.5 = 12.5'));
  });

  test('of a login are what both sides sign', async () => {
    const client = await publisher();
    const node = await seedIdentity({ signingSeed: filled(2), kemSuite: 1, kemSeed: filled(9) });
    const login = {
      nodeNonce: filled(3),
      clientNonce: filled(4),
      nodeKey: node.publicKey,
      clientKey: client.publicKey,
      certificate: filled(5),
    };
    const signatures = [
      await client.sign(loginSigningInput('client', login)),
      await node.sign(loginSigningInput('node', login)),
      await client.sign(loginSigningInput('client', { ...login, certificate: undefined })),
    ];
    expect(signatures.map(hex)).toEqual(sealVectorLines('login.hex').map(hex));
  });
});

const SUITES: readonly SealingSuite[] = [1, 2, 3, 4];

describe.each(SUITES)('suite %i', (suite) => {
  test('opens what it sealed, and nothing that was changed', async () => {
    const identity = await publisher();
    const keys = await KemKeys.fromSeed(suite, filled(3));
    const sealer = await Sealer.create({ identity, topic: TOPIC, boot: BOOT, epoch: epochOf(keys) });
    const envelope = await sealer.seal(draft(0n), utf8('12.5'));
    const opener = await Opener.create(sealer.keyHeader, keys);
    expect(await opener.open(envelope)).toEqual(utf8('12.5'));
    const changed = Uint8Array.from(envelope.body);
    changed[0] = (changed[0] ?? 0) ^ 1;
    await expect(opener.open({ ...envelope, body: changed })).rejects.toThrow(SealError);
    const other = await KemKeys.fromSeed(suite, filled(4));
    await expect(Opener.create(sealer.keyHeader, other)).rejects.toMatchObject({ code: 'commitment' });
  });

  test('gives an epoch to its reader and to nobody else', async () => {
    const reader = await seedIdentity({ signingSeed: filled(5), kemSuite: suite, kemSeed: filled(6) });
    const keys = await KemKeys.fromSeed(2, filled(7));
    const grant = await sealKeyGrant(
      {
        organisation: 'fujisawa',
        tree: 'fujisawa/#',
        epoch: 3n,
        suite: 2,
        reader: reader.id,
        purpose: 'dashboard',
        issuedUs: 1n,
      },
      filled(7),
      await KemPublicKey.parse(suite, reader.kemPublicKey),
    );
    expect(hex((await openKeyGrant(reader, grant, epochOf(keys))).publicKey)).toBe(hex(keys.publicKey));
    await expect(openKeyGrant(reader, { ...grant, purpose: 'another' })).rejects.toMatchObject({
      code: 'sealed',
    });
    const wrong = epochOf(await KemKeys.fromSeed(2, filled(8)));
    await expect(openKeyGrant(reader, grant, wrong)).rejects.toMatchObject({ code: 'sealed' });
    const other = await seedIdentity({ signingSeed: filled(8), kemSuite: suite, kemSeed: filled(9) });
    await expect(openKeyGrant(other, grant)).rejects.toMatchObject({ code: 'sealed' });
  });
});

test('keys that nobody can read out are given epochs, too', async () => {
  const keys = await generateWebKeys();
  expect(keys.signing.privateKey.extractable || keys.kem.privateKey.extractable).toBe(false);
  const reader = await webIdentity(keys);
  const key = await KemPublicKey.parse(1, reader.kemPublicKey);
  const content = new Uint8Array(100_000).fill(7);
  const { encapsulation, sealed } = await key.seal(utf8('info'), content);
  expect(await reader.openSealed(utf8('info'), encapsulation, sealed)).toEqual(content);
  await expect(reader.openSealed(utf8('other'), encapsulation, sealed)).rejects.toMatchObject({
    code: 'sealed',
  });
  const message = utf8('message');
  expect(await VerifyingKey.parse(reader.publicKey).verify(message, await reader.sign(message))).toBe(true);
});

test('a sequence is never sealed twice, whatever became of it', async () => {
  const identity = await publisher();
  const keys = await KemKeys.fromSeed(1, filled(3));
  const sealer = await Sealer.create({ identity, topic: TOPIC, boot: BOOT, epoch: epochOf(keys) });
  const [first, second] = [sealer.seal(draft(5n), utf8('a')), sealer.seal(draft(5n), utf8('b'))];
  await expect(second).rejects.toMatchObject({ code: 'sequence' });
  await first;
  await expect(sealer.seal(draft(4n), utf8('c'))).rejects.toMatchObject({ code: 'sequence' });
  await expect(sealer.seal({ ...draft(6n), boot: '03'.repeat(16) }, utf8('d'))).rejects.toMatchObject({
    code: 'stream',
  });
  expect((await sealer.seal(draft(6n), utf8('e'))).header.sequence).toBe(6n);
});

test('a topic outside the epoch’s tree is not sealed', async () => {
  const identity = await publisher();
  const epoch = epochOf(await KemKeys.fromSeed(1, filled(3)), 'fujisawa/truck-18/#');
  const sealing = Sealer.create({ identity, topic: TOPIC, boot: BOOT, epoch });
  await expect(sealing).rejects.toMatchObject({ code: 'stream' });
});

test('an envelope of another stream is not opened, though the key would fit', async () => {
  const identity = await publisher();
  const keys = await KemKeys.fromSeed(1, filled(3));
  const parts = { identity, topic: TOPIC, boot: BOOT, epoch: epochOf(keys) };
  const [one, other] = [await Sealer.create(parts), await Sealer.create({ ...parts, boot: '03'.repeat(16) })];
  const opener = await Opener.create(one.keyHeader, keys);
  const foreign = await other.seal({ ...draft(0n), boot: '03'.repeat(16) }, utf8('a'));
  await expect(opener.open(foreign)).rejects.toMatchObject({ code: 'stream' });
  const plain = await sealOpen(identity, draft(0n), utf8('a'));
  await expect(opener.open(plain)).rejects.toMatchObject({ code: 'stream' });
});

describe('points of low order', () => {
  const weak = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}ff`,
  ].map(fromHex);

  test.each(weak.map((point) => [hex(point), point] as const))(
    '%s is refused in both KEMs',
    async (_name, point) => {
      expect(endsInLowOrder(point)).toBe(true);
      const long = concat(new Uint8Array(1216 - 32), point);
      await expect(KemPublicKey.parse(1, point)).rejects.toMatchObject({ code: 'kem key' });
      await expect(KemPublicKey.parse(2, long)).rejects.toMatchObject({ code: 'kem key' });
      for (const suite of [1, 2] as const) {
        const reader = await seedIdentity({ signingSeed: filled(5), kemSuite: suite, kemSeed: filled(6) });
        const encapsulation = suite === 1 ? point : concat(new Uint8Array(1120 - 32), point);
        const opening = reader.openSealed(utf8(''), encapsulation, new Uint8Array(48));
        await expect(opening).rejects.toMatchObject({ code: 'encapsulation' });
      }
    },
  );
});
