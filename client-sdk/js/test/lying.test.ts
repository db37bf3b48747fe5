// A node that lies is told, and never believed: between client and node stands a relay that changes what the
// node says.

import { City, eventually, type Member } from '@sekisho/e2e';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FrameInit, FrameKind } from '../src/frame.js';
import { type Client, type Delivery, MemoryStore, type Subscription, TrustError } from '../src/index.js';
import { clientOf, failure, messages, next, reading } from './bench.js';
import { Liar } from './liar.js';

const FILTER = 'fujisawa/truck/17/#';
const TOPIC = 'fujisawa/truck/17/air';

describe('a node that lies', () => {
  let city: City;
  let truck: Member;
  let reader: Member;
  let liar: Liar;
  let client: Client;

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: [FILTER] });
    reader = await city.member('reader', { read: [FILTER] });
    liar = await Liar.start(city.web);
    const device = await clientOf(truck, city);
    const publisher = await device.publisher(TOPIC, { batch: { samples: 1 } });
    for (let value = 0; value < 5; value += 1) {
      await publisher.publish({ values: { count: value } });
    }
    await publisher.close();
    await device.close();
  });

  afterAll(async () => {
    await client?.close();
    await liar.close();
    await city[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await client?.close();
    liar.lie = (frame) => frame;
    liar.muffle = (frame) => frame;
    client = await clientOf(reader, city, { web: liar.address, trust: new MemoryStore() });
  });

  /** Everything that a subscription tells of what is kept. */
  const all = async (subscription: Subscription = client.history(FILTER)): Promise<Delivery[]> => {
    const told: Delivery[] = [];
    for await (const delivery of subscription) {
      told.push(delivery);
    }
    return told;
  };

  const records = (change: (record: RecordOf, count: number) => RecordOf | undefined): void => {
    let count = 0;
    liar.lie = (frame) => {
      if (frame.case !== 'record') {
        return frame;
      }
      const value = change(frame.value, count);
      count += 1;
      return value && ({ case: 'record', value } satisfies FrameInit);
    };
  };

  it('shows what it has where it is honest', async () => {
    expect((await all()).map(({ kind }) => kind)).toEqual(Array(5).fill('message'));
  });

  it('takes nothing for disproven that a busy node would not prove for now', async () => {
    const asked = new Map<bigint, string>();
    const refused = new Set<string>();
    liar.muffle = (frame) => {
      if (frame.case === 'query') {
        asked.set(frame.value.request, frame.value.kind.case ?? '');
      }
      return frame;
    };
    liar.lie = (frame) => {
      if (frame.case === 'record') {
        return { case: 'record', value: { ...frame.value, keyHeader: new Uint8Array() } };
      }
      const question = frame.case === 'answer' ? (asked.get(frame.value.request) ?? '') : '';
      if (frame.case !== 'answer' || refused.has(question)) {
        return frame;
      }
      refused.add(question);
      const { request } = frame.value;
      return { case: 'refused', value: { request, code: 30, what: question, why: 'wanted fewer questions' } };
    };
    const told = await all();
    expect(told.map((one) => (one.kind === 'message' ? reading(one, 'count') : one))).toEqual([
      0, 1, 2, 3, 4,
    ]);
    expect([...refused]).toEqual(expect.arrayContaining(['principal', 'keyHeader', 'keyGrants']));
  });

  it('has nothing taken for a message that it changed', async () => {
    records((record, count) =>
      count === 1 ? { ...record, envelope: flipped(record.envelope, -70) } : record,
    );
    const told = await all();
    expect(told.map(({ kind }) => kind)).toEqual([
      'message',
      'rejected',
      'gap',
      'message',
      'message',
      'message',
    ]);
    expect(told[1]).toMatchObject({ reason: 'signature', topic: TOPIC });
    expect(told[2]).toMatchObject({ reason: 'withheld', topic: TOPIC });
  });

  it('is caught leaving something out of the middle', async () => {
    records((record, count) => (count === 2 ? undefined : record));
    const told = await all();
    expect(told.map(({ kind }) => kind)).toEqual(['message', 'message', 'gap', 'message', 'message']);
    expect(told[2]).toMatchObject({ reason: 'withheld', topic: TOPIC });
  });

  it('is caught telling something twice', async () => {
    let first: RecordOf | undefined;
    records((record, count) => {
      first ??= record;
      return count === 3 ? { ...record, envelope: first.envelope, keyHeader: first.keyHeader } : record;
    });
    const told = await all();
    expect(told.find(({ kind }) => kind === 'rejected')).toMatchObject({ reason: 'repeated' });
  });

  it('cannot pass off bytes of its own, or records of other topics', async () => {
    records((record, count) => (count === 0 ? { ...record, envelope: Uint8Array.of(1, 2, 3) } : record));
    expect((await all())[0]).toMatchObject({ kind: 'rejected', reason: 'envelope' });
    liar.muffle = (frame) =>
      frame.case === 'subscribe' ? { case: 'subscribe', value: { ...frame.value, filter: FILTER } } : frame;
    const other = await all(client.history('fujisawa/truck/17/water'));
    expect(other).toHaveLength(5);
    expect(other[0]).toMatchObject({ kind: 'rejected', reason: 'topic' });
  });

  it('cannot make up who published', async () => {
    liar.lie = (frame) => (isAnswer(frame, 'statements') ? refused(frame) : frame);
    const told = await all();
    expect(told.map(({ kind }) => kind)).toEqual(Array(5).fill('rejected'));
    expect(told[0]).toMatchObject({ reason: 'unknown-publisher' });
  });

  it('keeps a key of no use where the log is not shown to hold the statement that gives it', async () => {
    liar.lie = (frame) => (isAnswer(frame, 'inclusion') ? refused(frame) : frame);
    const [message] = await messages(client.history(FILTER), 1);
    expect(message?.body).toMatchObject({ fault: 'not-logged' });
    expect(() => message?.samples()).toThrow(/control log/);
  });

  it('is left where its log is another than before', async () => {
    const store = new MemoryStore();
    await client.close();
    const options = { web: liar.address, trust: store, checkpointEvery: 50 };
    client = await clientOf(reader, city, options);
    const before = await note(store);
    await city.describe(TOPIC, { title: 'Air of truck 17' });
    await eventually('a checkpoint of more', async () => (await note(store)) !== before);
    liar.lie = (frame) => {
      if (frame.case !== 'answer' || frame.value.kind.case !== 'checkpoint') {
        return frame;
      }
      const { request, kind } = frame.value;
      const value = { ...kind.value, note: before ?? '', consistency: [] };
      return { case: 'answer', value: { request, kind: { case: 'checkpoint', value } } };
    };
    await eventually('a client that is closed for good', () => client.state === 'closed');
    expect(client.reason).toBeInstanceOf(TrustError);
    expect(client.reason).toMatchObject({ log: 'sekisho/fujisawa/control', fault: 'rolled-back' });
    const again = await failure(clientOf(reader, city, options));
    expect(again).toMatchObject({ name: 'TrustError', fault: 'rolled-back' });
  });

  it('cannot put the time back, by which its log would be as fresh as it once was', async () => {
    const connected = client.welcome.time;
    liar.lie = (frame) => {
      if (frame.case !== 'welcome') {
        return frame;
      }
      return { case: 'welcome', value: { ...frame.value, timeUs: frame.value.timeUs - 86_400_000_000n } };
    };
    liar.drop();
    await eventually('a welcome of yesterday', () => client.welcome.time < connected);
    expect(Math.abs(client.clockOffset)).toBeLessThan(60_000);
  });

  it('does not have somebody else’s key revoked under a name', async () => {
    const own = client.principalId;
    expect(await client.keysOf('reader@fujisawa')).toEqual([own]);
    const other = await clientOf(truck, city);
    liar.lie = (frame) => {
      if (!isAnswer(frame, 'json') || frame.value.kind.case !== 'json') {
        return frame;
      }
      const value = frame.value.kind.value.replaceAll(own, other.principalId);
      return { case: 'answer', value: { ...frame.value, kind: { case: 'json', value } } };
    };
    const thrown = await failure(client.revokePrincipal('reader@fujisawa', 'a test'));
    expect(thrown.message).toMatch(
      /wanted statements that prove it to be of reader@fujisawa, found .*truck-17/,
    );
    expect(other.state).toBe('connected');
    await other.close();
  });

  it('is left where it sends more than was asked for, and what is missing comes from the next', async () => {
    const counted: number[] = [];
    liar.lie = (frame) => {
      if (frame.case !== 'record') {
        return frame;
      }
      counted.push(Number(frame.value.position));
      return counted.length === 1 ? Array(20).fill(frame) : frame;
    };
    const subscription = client.subscribe(FILTER, { start: 'earliest', credit: 2 });
    const told: Delivery[] = [];
    while (told.filter(({ kind }) => kind === 'message').length < 5) {
      told.push(await next(subscription));
    }
    const positions = told.flatMap((delivery) => (delivery.kind === 'message' ? [delivery.position] : []));
    expect(new Set(positions).size).toBe(5);
    await subscription.close();
  });

  it('has nothing acknowledged for a log that it put back of what was done before', async () => {
    const acknowledged: bigint[] = [];
    let passed = 0;
    let isPutBack = false;
    // The first acknowledgement arrives, so that the node begins behind it again.
    liar.muffle = (frame) => {
      if (frame.case !== 'acknowledge') {
        return frame;
      }
      acknowledged.push(frame.value.position);
      return acknowledged.length === 1 ? frame : undefined;
    };
    const subscription = client.subscribe(FILTER, { start: 'earliest', cursor: 'dashboard' });
    const [first, ...others] = await messages(subscription, 5);
    subscription.acknowledge(first?.position ?? 0);
    await eventually('an acknowledgement', () => acknowledged.length === 1);
    await client.keysOf('reader@fujisawa');
    subscription.acknowledge(others.at(-1)?.position ?? 0);
    await eventually('another', () => acknowledged.length === 2);
    acknowledged.length = 0;
    liar.lie = (frame) => {
      passed += frame.case === 'record' ? 1 : 0;
      if (frame.case !== 'subscribed' || isPutBack) {
        return frame;
      }
      isPutBack = true;
      const { subscription, position } = frame.value;
      const restart = { subscription, fromPosition: position, toPosition: position, reason: 4, topic: '' };
      return [frame, { case: 'gap', value: restart }];
    };
    liar.drop();
    await eventually('all behind it once more', () => passed === 4);
    const behind = async () => {
      const delivery = await next(subscription);
      return delivery.kind === 'live' ? next(subscription) : delivery;
    };
    expect(await behind()).toMatchObject({ kind: 'gap', reason: 'restart' });
    const again = await behind();
    if (again.kind === 'live' || again.kind === 'gap') {
      throw new Error(`wanted a record, found ${again.kind}`);
    }
    expect(again.position).toBe(others[0]?.position);
    subscription.acknowledge(again);
    await subscription.close();
    expect(acknowledged).toEqual([BigInt(again.position)]);
  });

  it('is asked again how a topic is protected where it was busy', async () => {
    let refusals = 0;
    const asked = new Set<bigint>();
    liar.muffle = (frame) => {
      if (frame.case === 'query' && frame.value.kind.case === 'epochOf') {
        asked.add(frame.value.request);
      }
      return frame;
    };
    liar.lie = (frame) => {
      if (frame.case !== 'answer' || !asked.has(frame.value.request) || refusals === 2) {
        return frame;
      }
      refusals += 1;
      const { request } = frame.value;
      return { case: 'refused', value: { request, code: 30, what: TOPIC, why: 'wanted fewer questions' } };
    };
    const device = await clientOf(truck, city, { web: liar.address, trust: new MemoryStore() });
    const publisher = await device.publisher(TOPIC, { batch: { samples: 1 } });
    await publisher.publishDurably({ values: { count: 6 } });
    expect(refusals).toBe(2);
    await device.close();
  });

  it('makes nothing lost by another answer than the one to how far a stream has come', async () => {
    const device = await clientOf(truck, city, { web: liar.address, trust: new MemoryStore() });
    const publisher = await device.publisher(TOPIC, { batch: { samples: 1 } });
    await publisher.publishDurably({ values: { count: 7 } });
    let heads = 0;
    liar.lie = (frame) => {
      if (frame.case !== 'answer' || frame.value.kind.case !== 'expectedSequence' || heads > 0) {
        return frame;
      }
      heads += 1;
      const kind = { case: 'statements' as const, value: { statements: [] } };
      return { case: 'answer', value: { request: frame.value.request, kind } };
    };
    liar.drop();
    await publisher.publishDurably({ values: { count: 8 } });
    expect(heads).toBe(1);
    expect(publisher.state.lost).toBe(0);
    await device.close();
  });

  it('makes nobody wait for more than was handed over before by keeping an answer back', async () => {
    let answers = 0;
    liar.lie = (frame) => {
      answers += frame.case === 'published' ? 1 : 0;
      return frame.case === 'published' && answers > 1 ? undefined : frame;
    };
    const device = await clientOf(truck, city, { web: liar.address, trust: new MemoryStore() });
    const publisher = await device.publisher(TOPIC, { batch: { samples: 1 } });
    const first = publisher.publish({ values: { count: 5 } });
    const flushed = publisher.flush();
    const second = publisher.publish({ values: { count: 6 } }).catch(() => undefined);
    await Promise.all([first, flushed]);
    await device.close();
    await second;
  });
});

type RecordOf = Extract<FrameKind, { case: 'record' }>['value'];

function isAnswer(frame: FrameKind, kind: string): frame is Extract<FrameKind, { case: 'answer' }> {
  return frame.case === 'answer' && frame.value.kind.case === kind;
}

function refused(frame: Extract<FrameKind, { case: 'answer' }>): FrameInit {
  const { request } = frame.value;
  return { case: 'refused', value: { request, code: 40, what: 'question', why: 'wanted none' } };
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  const place = at < 0 ? bytes.length + at : at;
  changed[place] = (changed[place] ?? 0) ^ 1;
  return changed;
}

async function note(store: MemoryStore): Promise<string | undefined> {
  return store.notebook.last('sekisho/fujisawa/control');
}
