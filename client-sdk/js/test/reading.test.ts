// What a reader is given beside plain messages: records that a node signed for a device, keys that come late,
// gaps, and a clock that is wrong.

import { readFileSync } from 'node:fs';
import { City, eventually, type Member } from '@sekisho/e2e';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Client, join, MemoryStore, type Message } from '../src/index.js';
import { via } from '../src/node.js';
import { clientOf, messages, next, reading } from './bench.js';
import { Liar } from './liar.js';

const DAY = 86_400_000;

describe('a reader', () => {
  let city: City;
  let truck: Member;
  const open: Client[] = [];

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  afterAll(async () => {
    await Promise.all(open.map((client) => client.close()));
    await city[Symbol.asyncDispose]();
  });

  const kept = async (client: Client): Promise<Client> => {
    open.push(client);
    return client;
  };

  it('opens with an X25519 key what is sealed to an X-Wing epoch, and is told what for', async () => {
    await city.publish(truck, 'fujisawa/truck/17/air', { pm2_5: 12.5 });
    const store = new MemoryStore();
    const token = await city.enrol('classic', { kind: 'app', read: ['fujisawa/truck/17/#'] });
    const profile = await join(token, { store, web: city.web, via });
    const client = await kept(await Client.connect({ profile, keys: store, trust: store, via }));
    const message = await eventually('an opened message', async () => {
      const [found] = await messages(client.history('fujisawa/truck/17/#'), 1);
      return found?.body instanceof Uint8Array && found;
    });
    expect(reading(message, 'pm2_5')).toBe(12.5);
    expect(message.keyGrant?.purpose).not.toBe('');
    expect(message.keyGrant?.tree).toMatch(/^fujisawa\//);
  });

  it('reads with the command line what keys of Web Crypto have sealed and signed', async () => {
    const store = new MemoryStore();
    const token = await city.enrol('phone', { topics: ['fujisawa/phone/#'] });
    const reader = await city.member('reader-of-phones', { read: ['fujisawa/phone/#'] });
    const profile = await join(token, { store, web: city.web, via });
    const client = await kept(await Client.connect({ profile, keys: store, trust: store, via }));
    const publisher = await client.publisher('fujisawa/phone/1/noise');
    await publisher.publishDurably({ values: { level: { value: 61.5, unit: 'dB' } } });
    await publisher.publishBody('image/jpeg', Uint8Array.of(0xff, 0xd8));
    await publisher.close();
    const said = await reader.run(['history', 'fujisawa/phone/#', '--json']);
    for (const found of ['61.5', 'dB', 'image/jpeg', 'phone@fujisawa']) {
      expect(said).toContain(found);
    }
  });

  it('shows who attested what a device without a key sent', async () => {
    const password = city.place('meter-3.password');
    const topics = ['--topics', 'fujisawa/meter/3/#', '--password-file', password, '--yes'];
    await city.run(['enrol', 'meter-3', '--attested', ...topics]);
    const board = await city.member('board', { read: ['fujisawa/meter/#'] });
    const client = await kept(await clientOf(board, city));
    const subscription = client.subscribe('fujisawa/meter/#');
    await subscription.ready;
    const secret = readFileSync(password, 'utf8').trim();
    const answer = await fetch(`${city.web}/v1/publish/fujisawa/meter/3/energy`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`meter-3@fujisawa:${secret}`).toString('base64')}`,
        'content-type': 'application/senml+json',
      },
      body: '[{"n":"energy","u":"kWh","v":7.5}]',
    });
    expect(answer.ok).toBe(true);
    const [message] = await messages(subscription, 1);
    expect(message).toMatchObject({
      publisher: 'meter-3@fujisawa',
      attester: expect.stringMatching(/@fujisawa$/),
      sealed: false,
    });
    expect(message && reading(message, 'energy')).toBe(7.5);
  });

  it('reads without the key what it may, and opens it once the key is given', async () => {
    const filter = 'fujisawa/truck/17/#';
    const late = await city.member('late', { kind: 'app' });
    await city.grant('late@fujisawa', 'subscribe,history', filter);
    const client = await kept(await clientOf(late, city));
    const subscription = client.subscribe(filter, { start: 'last-value' });
    const [closed] = await messages(subscription, 1);
    expect(closed?.body).toMatchObject({ name: 'BodyError', fault: 'no-key' });
    expect(closed?.sealed).toBe(true);
    await city.grant('late@fujisawa', 'decrypt', filter);
    await eventually('a message that opens', async () => {
      await city.publish(truck, 'fujisawa/truck/17/air', { pm2_5: 3 });
      const [message] = await messages(subscription, 1);
      return message?.body instanceof Uint8Array;
    });
  });

  it('is told of gaps as the node tells them, once', async () => {
    const reader = await city.member('reader', { read: ['fujisawa/truck/18/#'] });
    const device = await city.member('truck-18', { topics: ['fujisawa/truck/18/#'] });
    const publishing = await kept(await clientOf(device, city));
    const publisher = await publishing.publisher('fujisawa/truck/18/air', { batch: { samples: 1 } });
    for (const count of [0, 1, 2, 3]) {
      await publisher.publish({ values: { count } });
    }
    await publisher.flush();
    const liar = await Liar.start(city.web);
    let seen = 0;
    liar.lie = (frame) => {
      seen += frame.case === 'record' ? 1 : 0;
      if (frame.case !== 'record' || seen !== 2) {
        return frame;
      }
      const { subscription, position } = frame.value;
      const span = { fromPosition: position, toPosition: position + 1n };
      return { case: 'gap', value: { subscription, ...span, reason: 1 } };
    };
    const client = await kept(await clientOf(reader, city, { web: liar.address }));
    const told: unknown[] = [];
    for await (const delivery of client.history('fujisawa/truck/18/#')) {
      told.push(delivery.kind === 'message' ? reading(delivery, 'count') : delivery);
    }
    expect(told).toEqual([
      0,
      { kind: 'gap', from: expect.any(Number), to: expect.any(Number), reason: 'retention' },
      2,
      3,
    ]);
    await liar.close();
  });

  it('goes by the node’s clock where its own is a day ahead', async () => {
    const device = await city.member('truck-19', {
      topics: ['fujisawa/truck/19/#'],
      read: ['fujisawa/truck/19/#'],
    });
    const real = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => real() + DAY);
    const client = await kept(await clientOf(device, city));
    expect(Math.abs(client.clockOffset + DAY)).toBeLessThan(60_000);
    expect(Math.abs(client.now() - real())).toBeLessThan(60_000);
    const publisher = await client.publisher('fujisawa/truck/19/air');
    await publisher.publishDurably({ values: { pm2_5: 1 } });
    const [message] = await messages(client.history('fujisawa/truck/19/#'), 1);
    expect(Math.abs((message as Message).time - real())).toBeLessThan(60_000);
    await publisher.close();
  });

  it('follows the control log and proves an entry of it', async () => {
    const administrator = city.administrator();
    const client = await kept(await clientOf(administrator, city));
    const checkpoint = await client.checkpoint('sekisho/fujisawa/control');
    expect(checkpoint.signers.filter(({ verified }) => verified)).toHaveLength(2);
    const log = client.statements('fujisawa');
    const page = (await log.next()).value ?? [];
    expect(page[0]).toMatchObject({ index: 0, statement: { kind: 'org-root' } });
    const proven = await client.inclusion(checkpoint.log, { index: 1 }, checkpoint);
    expect(proven.index).toBe(1);
    await log.return();
    const wrong = { size: checkpoint.size, root: '00'.repeat(32) };
    await expect(client.inclusion(checkpoint.log, { index: 1 }, wrong)).rejects.toMatchObject({
      name: 'TrustError',
    });
    const access = await client.checkpoint('sekisho/fujisawa/access');
    expect(access.size).toBeGreaterThan(0);
    expect(await client.status()).toMatchObject({});
    expect(await client.who('fujisawa/truck/17/air', 'publish')).toMatchObject([
      { principal: 'truck-17@fujisawa' },
    ]);
  });

  it('is told once that what was kept has come', async () => {
    const reader = await city.member('calm', { read: ['fujisawa/nothing/#'] });
    const client = await kept(await clientOf(reader, city));
    const subscription = client.subscribe('fujisawa/nothing/#', { start: 'earliest' });
    expect(await next(subscription)).toEqual({ kind: 'live' });
    await subscription.close();
  });
});
