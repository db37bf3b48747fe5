// What is lost with a connection, or with the node's process, comes once and in order all the same.

import { City, eventually, type Member, Relay } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, MemoryStore } from '../src/index.js';
import { clientOf, failure, messages, reading } from './bench.js';

const FILTER = 'fujisawa/truck/17/#';
const TOPIC = 'fujisawa/truck/17/air';

describe('a client whose connection is lost', () => {
  let city: City;
  let truck: Member;
  let reader: Member;
  const open: Client[] = [];

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: [FILTER] });
    reader = await city.member('reader', { read: [FILTER] });
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

  it('reads on behind the last record when the node was killed and started again', async () => {
    const states: string[] = [];
    const client = await connect(reader, city);
    client.onState((state) => states.push(state));
    const subscription = client.subscribe(FILTER);
    await subscription.ready;
    const counts: unknown[] = [];
    for (let value = 0; value < 6; value += 1) {
      await city.publish(truck, TOPIC, { count: value });
      if (value % 2 === 1) {
        await city.kill();
        await city.startNode();
      }
    }
    for (const message of await messages(subscription, 6)) {
      counts.push(reading(message, 'count'));
    }
    expect(counts).toEqual([0, 1, 2, 3, 4, 5]);
    await eventually('a connection again', () => client.state === 'connected');
    expect(states).toContain('connecting');
    await subscription.close();
  });

  it('publishes what it took while there was no connection, once and in order', async () => {
    const cable = await Relay.start(city.web);
    const device = await city.member('truck-18', { topics: ['fujisawa/truck/18/#'] });
    const watcher = await city.member('watcher', { read: ['fujisawa/truck/18/#'] });
    const client = await connect(device, city, { web: `ws://${cable.address}` });
    const watching = (await connect(watcher, city)).subscribe('fujisawa/truck/18/#');
    await watching.ready;
    const publisher = await client.publisher('fujisawa/truck/18/air', { batch: { samples: 1 } });
    const done: Promise<unknown>[] = [];
    for (let value = 0; value < 30; value += 1) {
      if (value % 10 === 5) {
        cable.cut();
        await eventually('no connection', () => client.state === 'connecting');
      } else if (value % 10 === 9) {
        cable.mend();
      }
      done.push(publisher.publishDurably({ values: { count: value } }));
    }
    await Promise.all(done);
    const counts = (await messages(watching, 30)).map((message) => reading(message, 'count'));
    expect(counts).toEqual(Array.from({ length: 30 }, (_, value) => value));
    expect(publisher.state).toMatchObject({ accepted: 30, lost: 0, queued: 0 });
    await publisher.close();
    await cable.close();
  });

  it('tells what is lost with it when it is closed before that was stored', async () => {
    const cable = await Relay.start(city.web);
    const device = await city.member('truck-20', { topics: ['fujisawa/truck/20/#'] });
    const client = await connect(device, city, { web: `ws://${cable.address}` });
    const publisher = await client.publisher('fujisawa/truck/20/air');
    cable.cut();
    await eventually('no connection', () => client.state === 'connecting');
    const lost = [1, 2, 3].map((count) => failure(publisher.publishDurably({ values: { count } })));
    const flushed = failure(publisher.flush());
    await client.close();
    expect((await Promise.all(lost)).map(({ name }) => name)).toEqual(['closed', 'closed', 'closed']);
    expect((await flushed).name).toBe('closed');
    expect((await failure(publisher.publish({ values: { count: 4 } }))).name).toBe('closed');
    await publisher.close();
    await cable.close();
  });

  it('lets whoever publishes too much wait, until the node has taken some of it', async () => {
    const device = await city.member('truck-21', { topics: ['fujisawa/truck/21/#'] });
    const client = await connect(device, city);
    const options = { batch: { samples: 1 }, queueBytes: 2_000 };
    const publisher = await client.publisher('fujisawa/truck/21/air', options);
    let most = 0;
    for (let count = 0; count < 300; count += 1) {
      await publisher.publish({ values: { text: 'x'.repeat(100) } });
      most = Math.max(most, publisher.state.queued);
    }
    await publisher.close();
    expect(publisher.state).toMatchObject({ accepted: 300, lost: 0, queued: 0 });
    expect(most).toBeLessThan(50);
  });

  it('begins at its cursor behind what was acknowledged, in whatever client', async () => {
    const before = await connect(reader, city);
    const first = before.subscribe(FILTER, { start: 'earliest', cursor: 'board' });
    const [one, two, three] = await messages(first, 3);
    expect(one?.position).toBeLessThan(two?.position ?? 0);
    first.acknowledge(two ?? 0);
    await first.close();
    await before.close();
    const after = await connect(reader, city);
    const second = after.subscribe(FILTER, { start: 'latest', cursor: 'board' });
    const [again] = await messages(second, 1);
    expect(again?.position).toBe(three?.position);
    await second.close();
  });

  it('remembers what it trusted of the log beyond its own life', async () => {
    const trust = new MemoryStore();
    const client = await connect(reader, city, { trust });
    const note = await trust.notebook.last('sekisho/fujisawa/control');
    expect(note).toMatch(/^sekisho\/fujisawa\/control\n\d+\n/);
    await client.close();
    expect((await connect(reader, city, { trust })).state).toBe('connected');
  });
});
