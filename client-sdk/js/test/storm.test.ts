// Once and in order in any order of losses: cables that are pulled and a node that is killed, drawn by a
// seed, while one client publishes and another one reads.

import { City, type Member, Relay } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client, Publisher, Subscription } from '../src/index.js';
import { clientOf, next } from './bench.js';

const ROUNDS = 250;

/** Numbers below a bound, the same for each seed. */
function draws(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % bound;
  };
}

/** Publishes numbers while the weather is bad; resolves with the promises that they are stored. */
async function publishInStorm(
  draw: (bound: number) => number,
  [city, cables]: [City, Relay[]],
  publisher: Publisher,
): Promise<Promise<unknown>[]> {
  const stored: Promise<unknown>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const fate = draw(100);
    if (fate < 4) {
      await city.kill();
      await city.startNode();
    } else if (fate < 12) {
      cables[draw(cables.length)]?.cut();
    } else if (fate < 24) {
      mend(cables);
    } else if (fate < 45) {
      await new Promise((passed) => setTimeout(passed, draw(120)));
    } else {
      stored.push(publisher.publishDurably({ values: { count: stored.length } }));
    }
  }
  mend(cables);
  return stored;
}

function mend(cables: Relay[]): void {
  for (const cable of cables) {
    cable.mend();
  }
}

/** The next numbers, some of which are acknowledged; anything else than messages fails. */
async function numbers(
  draw: (bound: number) => number,
  subscription: Subscription,
  wanted: number,
): Promise<number[]> {
  const found: number[] = [];
  while (found.length < wanted) {
    const delivery = await next(subscription);
    if (delivery.kind === 'message') {
      found.push(...delivery.samples().map(({ values }) => Number(values.get('count')?.value)));
      if (draw(4) === 0) {
        subscription.acknowledge(delivery);
      }
    } else if (delivery.kind !== 'live') {
      throw new Error(`wanted a message, found ${JSON.stringify(delivery)}`);
    }
  }
  return found;
}

describe('a publisher and a reader in a storm', () => {
  let city: City;
  let truck: Member;
  let reader: Member;

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/#'] });
    reader = await city.member('reader', { read: ['fujisawa/truck/#'] });
  });

  afterAll(() => city[Symbol.asyncDispose]());

  it.each([1, 2])('lose nothing and double nothing (seed %i)', async (seed) => {
    const draw = draws(seed);
    const topic = `fujisawa/truck/${seed}/air`;
    const cables = [await Relay.start(city.web), await Relay.start(city.web)];
    const connect = (member: Member, cable: Relay | undefined): Promise<Client> =>
      clientOf(member, city, { web: `ws://${cable?.address}` });
    const [out, back] = [await connect(truck, cables[0]), await connect(reader, cables[1])];
    const subscription = back.subscribe(topic, { start: 'earliest', cursor: `storm-${seed}` });
    const publisher = await out.publisher(topic, { batch: { samples: 3, interval: 5 } });
    const stored = await publishInStorm(draw, [city, cables], publisher);
    const found = await numbers(draw, subscription, stored.length);
    await Promise.all(stored);
    expect(found).toEqual(stored.map((_, index) => index));
    expect(publisher.state).toMatchObject({ lost: 0, queued: 0 });
    await publisher.close();
    await Promise.all([out.close(), back.close(), ...cables.map((cable) => cable.close())]);
  });
});
