// What an administrator's client has the steward do, over a node that only carries it.

import { City, eventually, permitted } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, join, MemoryStore, type StatementBody } from '../src/index.js';
import { via } from '../src/node.js';
import { failure } from './bench.js';

const ACTIONS = { subscribe: 0x02, history: 0x04, decrypt: 0x08 };

describe('an administrator', () => {
  let city: City;
  let client: Client;

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    const more = ['--administrator'];
    client = await joined(await city.enrol('mayor', { kind: 'person', more }));
    await eventually('the right to administer', () => client.status());
  });

  afterAll(async () => {
    await client.close();
    await city[Symbol.asyncDispose]();
  });

  const joined = async (token: string): Promise<Client> => {
    const store = new MemoryStore();
    const profile = await join(token, { store, web: city.web, via });
    return Client.connect({ profile, keys: store, trust: store, via });
  };

  it('invites, sees who waits, says yes, and takes an invitation back', async () => {
    const invite = { kind: 'app', read: ['fujisawa/#'], approval: 'by-hand', minutes: 5 } as const;
    const invited = await client.errands.invite({ ...invite, principal: 'guest@fujisawa' });
    expect(invited.expires).toBeGreaterThan(Date.now());
    const joining = joined(invited.token);
    const waiting = await eventually('somebody who waits', async () => {
      const { invitations } = await client.errands.invitations({ pending: true });
      return invitations.find(({ standing }) => standing === 'waiting');
    });
    expect(waiting).toMatchObject({ principal: 'guest@fujisawa', invitedBy: 'mayor@fujisawa' });
    await client.errands.approve(waiting.tokenId, waiting.key ?? '');
    const guest = await joining;
    expect(guest.welcome.principal).toBe('guest@fujisawa');
    const other = await client.errands.invite({ ...invite, principal: 'other@fujisawa' });
    await client.errands.withdraw(other.tokenId, 'a mistake');
    const refused = await failure(joined(other.token));
    expect(['not-enrolled', 'bad-enrolment']).toContain(refused.name);
    await client.revokePrincipal('guest@fujisawa', 'has left');
    await eventually('a guest who is shut out', () => guest.state === 'closed');
    expect(guest.reason).toMatchObject({ name: 'revoked' });
  });

  it('states alone what it may, and with the steward what it may not', async () => {
    await city.member('reader', { kind: 'app' });
    const issuedUs = BigInt(Date.now()) * 1000n;
    const topic = 'fujisawa/truck/17/air';
    const [described] = await client.declare([
      {
        kind: 'stream-descriptor',
        organisation: 'fujisawa',
        topic,
        deviceType: 'outdoor weather',
        title: 'Air of truck 17',
        class: 'restricted',
        mobile: true,
        transducers: [],
        issuedUs,
      },
    ]);
    expect(described?.signatures).toHaveLength(1);
    expect(await client.describe(topic)).toMatchObject({ title: 'Air of truck 17', mobile: true });
    const grant: StatementBody = {
      kind: 'grant',
      organisation: 'fujisawa',
      grantee: 'reader@fujisawa',
      actions: ACTIONS.subscribe | ACTIONS.history | ACTIONS.decrypt,
      filter: 'fujisawa/truck/#',
      purpose: 'tests',
      fromUs: issuedUs,
      onward: false,
      issuedUs,
    };
    expect(await client.diff(grant)).toMatchObject({ concerns: expect.anything() });
    const [granted] = await client.declare([grant]);
    expect(granted?.signatures).toHaveLength(2);
    await permitted(city, 'reader@fujisawa', 'subscribe', topic);
  });

  it('may ask what the node does, and nobody else', async () => {
    expect(await client.sessions()).toMatchObject({ sessions: expect.any(Array) });
    expect(await client.refusals()).toMatchObject({ refusals: expect.any(Array) });
    expect(await client.epochs()).toMatchObject({ trees: expect.any(Array) });
    expect(await client.storage()).toMatchObject({ limits: expect.anything() });
    const stranger = await joined(await city.enrol('stranger', { kind: 'app' }));
    for (const asked of [stranger.sessions(), stranger.refusals(), stranger.status()]) {
      expect((await failure(asked)).name).toBe('not-permitted');
    }
    const invite = { principal: 'friend@fujisawa', kind: 'app', approval: 'token' } as const;
    expect((await failure(stranger.errands.invite(invite))).name).toBe('not-permitted');
    await stranger.close();
  });
});
