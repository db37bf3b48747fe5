// Whom the client believes: only signatures count, and they lead back to the pinned root.

import { beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../src/bytes.js';
import type { Identity } from '../src/identity.js';
import type { Statement, StatementBody } from '../src/statement.js';
import { Directory } from '../src/trust/directory.js';
import { contract, encoded, fakeId, identity, Organisation, stated } from './world.js';

const NOW = 1_000_000n;

let city: Organisation;
let directory: Directory;
let truck: Identity;

beforeEach(async () => {
  city = await Organisation.found('fujisawa');
  directory = new Directory('fujisawa', city.fingerprint);
  truck = await identity();
});

async function learn(...statements: Statement[]): Promise<string[]> {
  return (await directory.learn(encoded(...statements))).map(({ why }) => why.message);
}

describe('the pinned root', () => {
  test('proves principals, in whatever order the statements come', async () => {
    const principal = await city.principal('truck-17', truck);
    expect(await learn(principal, ...[...city.beginnings].reverse())).toEqual([]);
    expect(directory.publisher(truck.id)).toMatchObject({
      name: 'truck-17@fujisawa',
      principalKind: 'device',
      isAttested: false,
    });
    expect(directory.believes(principal)).toBe(true);
  });

  test('is the only one: another root of the same name proves nothing', async () => {
    const impostor = await Organisation.found('fujisawa');
    const refused = await learn(...impostor.beginnings, await impostor.principal('truck-17', truck));
    expect(refused).toHaveLength(3);
    expect(directory.publisher(truck.id)).toBeUndefined();
  });

  test('must have signed with as many keys as it wants', async () => {
    const [one, two] = [await identity(), await identity()];
    const keys = [one.publicKey, two.publicKey].sort((left, right) => (left < right ? -1 : 1));
    keys.sort((left, right) => Buffer.compare(left, right));
    const body: StatementBody = { kind: 'org-root', organisation: 'ito', keys, threshold: 2, issuedUs: 1n };
    const alone = await stated(body, one);
    const ito = new Directory('ito', sha256Hex(alone.bodyBytes));
    expect(await ito.learn(encoded(alone))).toHaveLength(1);
    expect(await ito.learn(encoded(await stated(body, one, two)))).toEqual([]);
  });

  test('a statement with a signature more that does not hold is not believed', async () => {
    await learn(...city.beginnings);
    const principal = await city.principal('truck-17', truck);
    const forged = { signer: truck.id, signature: new Uint8Array(64) };
    const signatures = [...principal.signatures, forged].sort((one, two) =>
      one.signer < two.signer ? -1 : 1,
    );
    expect(await learn({ ...principal, signatures })).toHaveLength(1);
    expect(await learn(principal)).toEqual([]);
  });

  test('bytes that are no statement are not believed, and do not keep others from being', async () => {
    const disbelieved = await directory.learn([Uint8Array.of(1, 2, 3), ...encoded(...city.beginnings)]);
    expect(disbelieved).toHaveLength(1);
  });

  test('a device does not make itself an issuer', async () => {
    await learn(...city.beginnings, await city.principal('truck-17', truck));
    const body: StatementBody = {
      kind: 'issuer',
      organisation: 'fujisawa',
      name: 'me',
      publicKey: truck.publicKey,
      issuedUs: city.tick(),
    };
    expect(await learn(await stated(body, truck))).toHaveLength(1);
    expect(await learn(await stated(body, city.issuer))).toHaveLength(1);
    expect(await learn(await stated(body, city.rootKey))).toEqual([]);
  });

  test('a key is one principal’s', async () => {
    await learn(...city.beginnings, await city.principal('truck-17', truck));
    expect(await learn(await city.principal('truck-18', truck))).toHaveLength(1);
  });
});

describe('revocation', () => {
  test('tells since when a principal is none, and its key never comes back', async () => {
    await learn(...city.beginnings, await city.principal('truck-17', truck));
    const revoked = await city.revoke(truck);
    expect(await learn(revoked)).toEqual([]);
    expect(directory.publisher(truck.id)?.revokedUs).toBe(revoked.body.issuedUs);
    expect(await learn(await city.principal('truck-17', truck))).toHaveLength(1);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
  });

  test('of an issuer is the root’s, and what it signed before stays', async () => {
    await learn(...city.beginnings, await city.principal('truck-17', truck));
    expect(await learn(await city.revoke(city.issuing))).toHaveLength(1);
    expect(await learn(await city.revoke(city.issuing, city.rootKey))).toEqual([]);
    expect(await learn(await city.principal('truck-18', await identity()))).toHaveLength(1);
    expect(directory.publisher(truck.id)?.revokedUs).toBeUndefined();
  });

  test('by somebody who may not is not believed', async () => {
    const grant = await city.grant('truck-17@fujisawa', ['publish'], 'fujisawa/#');
    await learn(...city.beginnings, await city.principal('truck-17', truck), grant);
    expect(await learn(await city.revoke(grant, truck))).toHaveLength(1);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(true);
    expect(await learn(await city.revoke(grant))).toEqual([]);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
  });

  test('of roots and revocations is none', async () => {
    const revoked = await city.revoke(truck);
    await learn(...city.beginnings, await city.principal('truck-17', truck), revoked);
    expect(await learn(await city.revoke(revoked, city.rootKey))).toHaveLength(1);
    expect(await learn(await city.revoke(city.root, city.rootKey))).toHaveLength(1);
  });
});

describe('rights', () => {
  let person: Identity;

  beforeEach(async () => {
    person = await identity();
    await learn(
      ...city.beginnings,
      await city.principal('truck-17', truck),
      await city.principal('sato', person, 'person'),
    );
  });

  test('are granted for topics and for a while, and a deny wins', async () => {
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
    await learn(await city.grant('truck-17@fujisawa', ['publish'], 'fujisawa/a', { untilUs: NOW }));
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW - 1n)).toBe(true);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
    expect(directory.mayPublish(truck.id, 'fujisawa/b', NOW - 1n)).toBe(false);
    const deny = await city.deny('*@fujisawa', ['publish'], 'fujisawa/#');
    await learn(deny);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW - 1n)).toBe(false);
    await learn(await city.revoke(deny));
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW - 1n)).toBe(true);
  });

  test('are handed on by who holds them, and fall with what they came from', async () => {
    const held = await city.grant('sato@fujisawa', ['publish', 'grant'], 'fujisawa/a/#');
    await learn(held);
    const wider = await city.grant('truck-17@fujisawa', ['publish'], 'fujisawa/#', {}, person);
    const more = await city.grant('truck-17@fujisawa', ['subscribe'], 'fujisawa/a/b', {}, person);
    const itself = await city.grant('sato@fujisawa', ['publish'], 'fujisawa/a/b', {}, person);
    expect(await learn(wider, more, itself)).toHaveLength(3);
    const narrower = await city.grant('truck-17@fujisawa', ['publish'], 'fujisawa/a/b', {}, person);
    expect(await learn(narrower)).toEqual([]);
    expect(directory.mayPublish(truck.id, 'fujisawa/a/b', NOW)).toBe(true);
    await learn(await city.revoke(held));
    expect(directory.mayPublish(truck.id, 'fujisawa/a/b', NOW)).toBe(false);
  });

  test('are handed on at most eight times', async () => {
    let holder = person;
    let name = 'sato';
    await learn(await city.grant('sato@fujisawa', ['publish', 'grant'], 'fujisawa/a/#'));
    for (let depth = 1; depth <= 8; depth += 1) {
      const next = await identity();
      await learn(await city.principal(`holder-${depth}`, next));
      const grant = await city.grant(
        `holder-${depth}@fujisawa`,
        ['publish', 'grant'],
        'fujisawa/a/#',
        {},
        holder,
      );
      expect(await learn(grant), name).toEqual([]);
      [holder, name] = [next, `holder-${depth}`];
    }
    const last = await city.grant('truck-17@fujisawa', ['publish'], 'fujisawa/a/b', {}, holder);
    expect(await learn(last)).toHaveLength(1);
  });

  test('come with a role, as long as that is held', async () => {
    await learn(await city.grant('role/drivers@fujisawa', ['publish'], 'fujisawa/#'));
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
    const role = await city.role('drivers', 'truck-17@fujisawa');
    await learn(role);
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(true);
    expect(directory.mayPublish(person.id, 'fujisawa/a', NOW)).toBe(false);
    await learn(await city.revoke(role));
    expect(directory.mayPublish(truck.id, 'fujisawa/a', NOW)).toBe(false);
  });

  test('nobody but issuers and administrators of everything gives a role, and nobody takes one', async () => {
    await learn(await city.grant('sato@fujisawa', ['administer'], 'fujisawa/a/#'));
    expect(await learn(await city.role('drivers', 'truck-17@fujisawa', person))).toHaveLength(1);
    await learn(await city.grant('sato@fujisawa', ['administer'], 'fujisawa/#'));
    expect(await learn(await city.role('drivers', 'sato@fujisawa', person))).toHaveLength(1);
    expect(await learn(await city.role('drivers', 'truck-17@fujisawa', person))).toEqual([]);
  });
});

describe('streams and epochs', () => {
  let steward: Identity;

  async function epoch(tree: string, number: bigint, more: object = {}): Promise<Statement> {
    const body: StatementBody = {
      kind: 'epoch-announce',
      organisation: 'fujisawa',
      tree,
      epoch: number,
      suite: 1,
      publicKey: new Uint8Array(32).fill(Number(number)),
      issuedUs: city.tick(),
      notBeforeUs: 0n,
      notAfterUs: NOW,
      minEpoch: 0n,
      ...more,
    };
    return stated(body, steward);
  }

  beforeEach(async () => {
    steward = await identity();
    await learn(...city.beginnings, await city.principal('steward', steward, 'steward'));
  });

  test('an old statement that is shown after a newer one does not become the newest', async () => {
    const described = async (of: 'open' | 'restricted'): Promise<Statement> => {
      const [topic, issuedUs] = ['fujisawa/air', city.tick()];
      const more = { deviceType: '', title: '', mobile: false, transducers: [], issuedUs } as const;
      return stated(
        { kind: 'stream-descriptor', organisation: 'fujisawa', topic, class: of, ...more },
        city.issuer,
      );
    };
    const [open, restricted] = [await described('open'), await described('restricted')];
    await learn(restricted);
    expect(await learn(open)).toEqual([]);
    expect(directory.classOf('fujisawa/air')).toBe('restricted');

    const who = await identity();
    const long = await city.principal('truck', who);
    const short = await city.principal('truck', who, 'device', { untilUs: NOW });
    await learn(short);
    await learn(long);
    expect(directory.publisher(who.id)?.untilUs).toBe(NOW);

    const [first, second] = [await city.revoke(who), await city.revoke(who)];
    await learn(second);
    await learn(first);
    expect(directory.publisher(who.id)?.revokedUs).toBe(first.body.issuedUs);
  });

  test('a topic is restricted until its owner says otherwise', async () => {
    const body: StatementBody = {
      kind: 'stream-descriptor',
      organisation: 'fujisawa',
      topic: 'fujisawa/air',
      deviceType: '',
      title: 'Air',
      class: 'open',
      mobile: false,
      transducers: [],
      issuedUs: city.tick(),
    };
    expect(await learn(await stated(body, steward))).toHaveLength(1);
    expect(directory.classOf('fujisawa/air')).toBe('restricted');
    const open = await stated(body, city.issuer);
    await learn(open);
    expect(directory.classOf('fujisawa/air')).toBe('open');
    await learn(await city.revoke(open));
    expect(directory.classOf('fujisawa/air')).toBe('restricted');
  });

  test('a topic is sealed to the newest epoch of the most specific tree', async () => {
    expect(directory.epochOf('fujisawa/a/b', 5n)).toBeUndefined();
    await learn(
      await epoch('fujisawa/#', 1n),
      await epoch('fujisawa/a/+', 1n),
      await epoch('fujisawa/a/+', 2n),
    );
    expect(directory.epochOf('fujisawa/a/b', 5n)).toMatchObject({ tree: 'fujisawa/a/+', epoch: 2n });
    expect(directory.epochOf('fujisawa/x', 5n)).toMatchObject({ tree: 'fujisawa/#' });
    expect(directory.epochOf('fujisawa/a/b', NOW)).toBeUndefined();
  });

  test('revoking what ended an epoch does not bring it back', async () => {
    await learn(await epoch('fujisawa/#', 1n));
    const second = await epoch('fujisawa/#', 2n, { minEpoch: 2n, notBeforeUs: 4n });
    await learn(second);
    expect(directory.epochOf('fujisawa/x', 3n)).toMatchObject({ epoch: 1n });
    await learn(await city.revoke(second, steward));
    expect(directory.epochOf('fujisawa/x', 3n)).toMatchObject({ epoch: 1n });
    expect(directory.epochOf('fujisawa/x', 5n)).toBeUndefined();
    await learn(await epoch('fujisawa/#', 3n, { minEpoch: 2n }));
    expect(directory.epochOf('fujisawa/x', 5n)).toMatchObject({ epoch: 3n });
  });

  test('epochs never go back, and are a steward’s alone', async () => {
    await learn(await epoch('fujisawa/#', 2n, { minEpoch: 2n }));
    expect(await learn(await epoch('fujisawa/#', 2n, { minEpoch: 2n, notBeforeUs: 1n }))).toHaveLength(1);
    expect(await learn(await epoch('fujisawa/#', 3n, { minEpoch: 1n }))).toHaveLength(1);
    const truckSigns = { ...(await epoch('fujisawa/#', 4n, { minEpoch: 2n })), signatures: [] };
    expect(await learn(truckSigns)).toHaveLength(1);
  });

  test('key grants are a steward’s, and end with a revocation or an erasure', async () => {
    const announced = await epoch('fujisawa/#', 1n, { notAfterUs: 1_050n });
    const body: StatementBody = {
      kind: 'key-grant',
      organisation: 'fujisawa',
      tree: 'fujisawa/#',
      epoch: 1n,
      suite: 1,
      reader: fakeId(7),
      purpose: 'test',
      encapsulation: new Uint8Array(32),
      sealedSeed: new Uint8Array(48),
      issuedUs: city.tick(),
    };
    expect(await learn(announced, await stated(body, truck))).toHaveLength(1);
    const [first, second] = [
      await stated(body, steward),
      await stated({ ...body, purpose: 'second' }, steward),
    ];
    await learn(first, second);
    const found = () => directory.keyGrants(fakeId(7), 'fujisawa/#', 1n).map(({ grant }) => grant.purpose);
    expect(found()).toEqual(['test', 'second']);
    await learn(await city.revoke(first, steward));
    expect(found()).toEqual(['second']);
    const key = sha256Hex(new Uint8Array(32).fill(1));
    const erased = { tree: 'fujisawa/#', epoch: 1n, key };
    const receipt: StatementBody = {
      kind: 'erasure',
      organisation: 'fujisawa',
      erased,
      records: 1n,
      reason: 'test',
      issuedUs: 2_000n,
    };
    expect(
      await learn(await stated({ ...receipt, erased: { ...erased, key: fakeId(1) } }, steward)),
    ).toHaveLength(1);
    expect(await learn(await stated(receipt, steward))).toEqual([]);
    expect(found()).toEqual([]);
  });
});

describe('other organisations', () => {
  let other: Organisation;
  let foreigner: Identity;

  beforeEach(async () => {
    other = await Organisation.found('santander');
    foreigner = await identity();
    await learn(...city.beginnings, await city.principal('truck-17', truck), ...other.beginnings);
  });

  async function peering(more: object = {}, signers?: Identity[]): Promise<Statement> {
    const ours = { of: city, side: city.party(['fujisawa/#'], ['santander/air/#']) };
    const theirs = { of: other, side: other.party(['santander/#'], ['fujisawa/#']) };
    return contract(ours, theirs, more, signers);
  }

  test('say nothing here until the own organisation signed a contract with them', async () => {
    const principal = await other.principal('bus', foreigner);
    expect(await learn(principal)).toHaveLength(1);
    expect(await learn(await peering({}, [other.issuer]))).toHaveLength(1);
    expect(directory.publisher(foreigner.id)).toBeUndefined();
    expect(await learn(await peering(), principal)).toEqual([]);
    expect(directory.publisher(foreigner.id)?.name).toBe('bus@santander');
    expect(directory.peerNodeKey('santander', NOW)).toEqual(other.node.publicKey);
  });

  test('publish here what both sides of the contract name, as long as it is in force', async () => {
    const agreed = await peering({ untilUs: NOW });
    await learn(
      agreed,
      await other.principal('bus', foreigner),
      await other.grant('*@santander', ['publish'], 'santander/#'),
    );
    expect(directory.mayPublish(foreigner.id, 'santander/air/x', NOW - 1n)).toBe(true);
    expect(directory.mayPublish(foreigner.id, 'santander/noise', NOW - 1n)).toBe(false);
    expect(directory.mayPublish(foreigner.id, 'santander/air/x', NOW)).toBe(false);
    await learn(await city.revoke(agreed));
    expect(directory.mayPublish(foreigner.id, 'santander/air/x', NOW - 1n)).toBe(false);
    expect(directory.peerNodeKey('santander', NOW)).toBeUndefined();
  });

  test('of two contracts the one that was made last counts, whatever was heard first', async () => {
    const older = await peering();
    const newer = await peering({ untilUs: NOW });
    await learn(newer, older, await other.principal('bus', foreigner));
    await learn(await other.grant('*@santander', ['publish'], 'santander/#'));
    expect(directory.mayPublish(foreigner.id, 'santander/air/x', NOW - 1n)).toBe(true);
    expect(directory.mayPublish(foreigner.id, 'santander/air/x', NOW)).toBe(false);
  });

  test('cannot take over a key of the own organisation, nor revoke it', async () => {
    await learn(await peering());
    expect(await learn(await other.principal('bus', truck))).toHaveLength(1);
    expect(directory.publisher(truck.id)?.name).toBe('truck-17@fujisawa');
  });

  test('are pinned to the root that the contract names', async () => {
    const impostor = await Organisation.found('santander');
    const ours = { of: city, side: city.party([], []) };
    const theirs = { of: other, side: { ...other.party([], []), root: impostor.fingerprint } };
    expect(await learn(await contract(ours, theirs))).toHaveLength(1);
  });

  test('reach here through a peer that passes them on, and no further than both contracts say', async () => {
    const third = await Organisation.found('bilbao');
    const passesOn = [{ organisation: 'bilbao', root: third.fingerprint, filters: ['bilbao/air/#'] }];
    const ours = { of: city, side: city.party(['fujisawa/#'], []) };
    const theirs = { of: other, side: other.party([], ['fujisawa/#'], { passesOn }) };
    await learn(await contract(ours, theirs), ...third.beginnings);
    await learn(
      await third.principal('tram', foreigner),
      await third.grant('*@bilbao', ['publish'], 'bilbao/#'),
    );
    expect(directory.mayPublish(foreigner.id, 'bilbao/air/x', NOW)).toBe(true);
    expect(directory.mayPublish(foreigner.id, 'bilbao/noise', NOW)).toBe(false);
    await learn(await third.principal('node', third.node, 'node'));
    expect(directory.peerNodeKey('bilbao', NOW)).toEqual(third.node.publicKey);
    // Their own contract is known, and lets nothing travel on.
    const theirOwn = await contract(
      { of: third, side: third.party(['bilbao/#'], []) },
      { of: other, side: other.party([], ['bilbao/#']) },
    );
    await learn(theirOwn);
    expect(directory.mayPublish(foreigner.id, 'bilbao/air/x', NOW)).toBe(false);
  });
});
