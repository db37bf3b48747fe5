// A reader at its own organisation's node is given records of another's, sealed from end to end: what it believes
// leads to the other's root as its own organisation pins it by contract.

import { City, DatagramRelay, eventually, type Member, peer, permitted } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, type Delivery, join, lateBy, MemoryStore, type Message } from '../src/index.js';
import { via } from '../src/node.js';
import { messages, next, reading } from './bench.js';

const FILTER = 'fujisawa/truck/#';
const TOPIC = 'fujisawa/truck/17/air';

describe('a viewer of Santander', () => {
  let fujisawa: City;
  let santander: City;
  let cable: DatagramRelay;
  let truck: Member;
  let client: Client;

  beforeAll(async () => {
    fujisawa = await City.found('fujisawa');
    santander = await City.found('santander', { web: true });
    truck = await fujisawa.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    await fujisawa.describe(TOPIC, {
      title: 'Air of truck 17',
      mobile: true,
      transducers: { pm2_5: 'ug/m3' },
    });
    cable = await DatagramRelay.start(fujisawa.node);
    await peer(fujisawa, santander, undefined, cable.address);
    const store = new MemoryStore();
    const token = await santander.enrol('viewer', { kind: 'person' });
    const profile = await join(token, { store, web: santander.web, via });
    await fujisawa.grant('viewer@santander', 'subscribe,history,decrypt,discover', FILTER);
    await permitted(santander, 'viewer@santander', 'subscribe', TOPIC);
    client = await Client.connect({ profile, keys: store, trust: store, via });
  });

  afterAll(async () => {
    await client?.close();
    await Promise.all([fujisawa, santander].map((city) => city[Symbol.asyncDispose]()));
    cable?.close();
  });

  it('opens what a truck of Fujisawa publishes, and knows who it is', async () => {
    const subscription = client.subscribe(FILTER, { start: 'earliest' });
    await subscription.ready;
    let value = 0;
    let opened: Delivery | undefined;
    // The key is handed on a moment after the right.
    while (opened === undefined) {
      value += 1;
      await fujisawa.publish(truck, TOPIC, { pm2_5: value });
      const delivery = await next(subscription);
      expect(delivery.kind).not.toBe('rejected');
      opened = delivery.kind === 'message' && delivery.body instanceof Uint8Array ? delivery : undefined;
    }
    expect(opened).toMatchObject({ kind: 'message', publisher: 'truck-17@fujisawa', sealed: true });
    expect(opened.kind === 'message' && reading(opened, 'pm2_5')).toBeGreaterThan(0);
    await subscription.close();
  });

  it('hears of what a cut between the cities held up how late it is, and only whoever waited for it', async () => {
    const subscription = client.subscribe(FILTER);
    await subscription.ready;
    expect(await next(subscription)).toEqual({ kind: 'live' });
    cable.cut();
    const taken = Date.now() - 45_000;
    await fujisawa.publish(truck, TOPIC, [{ time: new Date(taken).toISOString(), values: { pm2_5: 31 } }]);
    await eventually('more than a minute since it was taken', () => Date.now() > taken + 61_000);
    cable.mend();
    const [told] = (await messages(subscription, 1)) as [Message];
    // Its home had it before the minute was over.
    expect(told.received - taken).toBeLessThan(60_000);
    expect(lateBy(told, taken)).toBeGreaterThan(60_000);
    await subscription.close();

    // Whoever asks later is late themselves.
    const history = client.history(TOPIC, { start: { position: told.position } });
    const [again] = (await messages(history, 1)) as [Message];
    expect([again.position, again.arrived]).toEqual([told.position, undefined]);
    expect(lateBy(again, taken)).toBe(told.received - taken);
    await history.close();
  }, 180_000);

  it('finds the topic, and what its owner says of it', async () => {
    expect(await client.discover(FILTER)).toMatchObject([{ topic: TOPIC, title: 'Air of truck 17' }]);
    expect(await client.describe(TOPIC)).toMatchObject({ mobile: true, transducers: [{ unit: 'ug/m3' }] });
  });
});
