// A client of Node.js at a real node: it connects, reads what the command line published and publishes what the
// command line reads, and is told what is wrong where something is.

import { City, eventually, permitted } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, NodeNotProven, Refusal, TimedOut } from '../src/index.js';
import { openFolder } from '../src/node.js';
import { clientOf, failure, messages, next, reading } from './bench.js';

const TOPIC = 'fujisawa/truck/17/air';
const TRANSDUCERS = { pm2_5: 'ug/m3' };

describe('a client at a node', () => {
  let city: City;
  const open: Client[] = [];

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    await city.describe(TOPIC, { title: 'Air of truck 17', mobile: true, transducers: TRANSDUCERS });
  });

  afterAll(async () => {
    await Promise.all(open.map((client) => client.close()));
    await city[Symbol.asyncDispose]();
  });

  const connect = async (...args: Parameters<typeof clientOf>) => {
    const client = await clientOf(...args);
    open.push(client);
    return client;
  };

  it('is welcomed by its name, and knows what topics there are', async () => {
    const truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    const board = await city.member('board', { read: ['fujisawa/truck/#'] });
    await city.publish(truck, TOPIC, { pm2_5: 12.5 });
    const client = await connect(board, city);
    expect(client.state).toBe('connected');
    expect(client.welcome).toMatchObject({ principal: 'board@fujisawa', organisation: 'fujisawa' });
    expect(Math.abs(client.clockOffset)).toBeLessThan(60_000);
    const [stream, ...others] = await client.discover('fujisawa/#');
    expect(others).toEqual([]);
    expect(stream).toMatchObject({ topic: TOPIC, title: 'Air of truck 17', described: true });
    expect(await client.describe(TOPIC)).toMatchObject({
      mobile: true,
      class: 'restricted',
      transducers: [{ name: 'pm2_5', unit: 'ug/m3' }],
    });
    expect(await client.describe('fujisawa/nobody/said')).toBeUndefined();
  });

  it('reads what was published before and after it came, opened and verified', async () => {
    const truck = await city.member('truck-18', { topics: ['fujisawa/truck/18/#'] });
    const reader = await city.member('reader-18', { read: ['fujisawa/truck/18/#'] });
    const topic = 'fujisawa/truck/18/air';
    await city.publish(truck, topic, { pm2_5: 1 });
    const client = await connect(reader, city);
    const subscription = client.subscribe('fujisawa/truck/18/#', { start: 'earliest' });
    const [first] = await messages(subscription, 1);
    expect(first).toMatchObject({ topic, publisher: 'truck-18@fujisawa', sealed: true, sampleCount: 1 });
    expect(first?.keyGrant).toMatchObject({ statement: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(first && reading(first, 'pm2_5')).toBe(1);
    expect(await next(subscription)).toEqual({ kind: 'live' });
    await city.publish(truck, topic, { pm2_5: 2 });
    const [second] = await messages(subscription, 1);
    expect(second && reading(second, 'pm2_5')).toBe(2);
    await subscription.close();
    expect(await subscription.next()).toBeUndefined();
    const kept: unknown[] = [];
    for await (const delivery of client.history('fujisawa/truck/18/#')) {
      kept.push(delivery.kind === 'message' ? reading(delivery, 'pm2_5') : delivery);
    }
    expect(kept).toEqual([1, 2]);
    const last = client.subscribe('fujisawa/truck/18/#', { start: 'last-value' });
    const [newest] = await messages(last, 1);
    expect(newest && reading(newest, 'pm2_5')).toBe(2);
    expect(await next(last)).toEqual({ kind: 'live' });
  });

  it('publishes what the command line reads, one envelope for samples that come together', async () => {
    const device = await city.member('truck-19', { topics: ['fujisawa/truck/19/#'] });
    const reader = await city.member('reader-19', { read: ['fujisawa/truck/19/#'] });
    const client = await connect(device, city);
    const publisher = await client.publisher('fujisawa/truck/19/air');
    await publisher.publish({ values: { pm2_5: { value: 3.5, unit: 'ug/m3' }, on: true } });
    await publisher.publish({ values: new Map([['count', 7n]]), time: Date.now() });
    await publisher.flush();
    expect(publisher.state).toMatchObject({ accepted: 1, lost: 0, queued: 0 });
    const offset = await publisher.publishDurably({ values: { text: 'fine' } });
    expect(offset).toBe(1);
    await publisher.close();
    const said = await reader.run(['history', 'fujisawa/truck/19/#', '--json']);
    for (const found of ['"pm2_5"', '3.5', '"count"', '7', '"fine"', 'truck-19@fujisawa']) {
      expect(said).toContain(found);
    }
  });

  it('is told what its right does not cover', async () => {
    const device = await city.member('truck-20', { topics: ['fujisawa/truck/20/#'] });
    const client = await connect(device, city);
    const refused = await failure(client.subscribe('fujisawa/truck/19/#').ready);
    expect(refused).toBeInstanceOf(Refusal);
    expect(refused.name).toBe('not-permitted');
    const elsewhere = await client.publisher('fujisawa/truck/19/air');
    const lost = await failure(elsewhere.publishDurably({ values: { pm2_5: 1 } }));
    expect(lost.name).toBe('lost');
    expect(lost.cause).toMatchObject({ name: 'not-permitted', code: 14 });
    expect((await failure(elsewhere.flush())).name).toBe('lost');
  });

  it('reads on when a right comes late, and stops with the refusal when it is taken away', async () => {
    const truck = await city.member('truck-21', { topics: ['fujisawa/truck/21/#'] });
    const late = await city.member('late', { kind: 'app' });
    const client = await connect(late, city);
    const filter = 'fujisawa/truck/21/#';
    expect((await failure(client.subscribe(filter).ready)).name).toBe('not-permitted');
    await city.grant('late@fujisawa', 'subscribe,history,decrypt', filter);
    await permitted(city, 'late@fujisawa', 'subscribe', 'fujisawa/truck/21/air');
    await city.publish(truck, 'fujisawa/truck/21/air', { pm2_5: 5 });
    const subscription = client.subscribe(filter, { start: 'earliest' });
    const [message] = await messages(subscription, 1);
    expect(message?.topic).toBe('fujisawa/truck/21/air');
    await city.revoke('late@fujisawa');
    const ended = await failure(
      (async () => {
        while ((await subscription.next()) !== undefined) {
          // What was on its way is passed over.
        }
      })(),
    );
    expect(ended).toBeInstanceOf(Refusal);
    await eventually('a client that is closed for good', () => client.state === 'closed');
    expect(client.reason).toMatchObject({ name: 'revoked' });
  });

  it('refuses a node that proves another key, and one that is not there', async () => {
    const board = await city.member('careful', { read: ['fujisawa/#'] });
    const folder = await openFolder(board.dir);
    const other = { ...folder.profile, nodeKey: folder.profile.root };
    const wrong = await failure(connect(board, city, { profile: other }));
    expect(wrong).toBeInstanceOf(NodeNotProven);
    const nobody = connect(board, city, { web: 'ws://127.0.0.1:1', connectTimeout: 300 });
    expect(await failure(nobody)).toBeInstanceOf(TimedOut);
    const foreign = { ...folder.profile, principal: 'careful@santander' };
    const elsewhere = await failure(connect(board, city, { profile: foreign }));
    expect(elsewhere).toMatchObject({ name: 'not-found' });
  });
});
