import { BodyError, type Delivery } from '@sekisho/client';
import { describe, expect, it } from 'vitest';
import { type Followed, Following } from './following';
import type { FromWorker } from './protocol';

const GRANTED = 'fujisawa/#';
const TIDE = 'fujisawa/tide/1';

function message(topic: string, position: number, fault?: 'no-key' | 'grant'): Delivery {
  const samples = () => {
    if (fault !== undefined) throw new BodyError(fault, `${topic}: wanted a key that opens it, found none`);
    return [{ time: position, timeUs: BigInt(position) * 1000n, values: new Map() }];
  };
  const told = { kind: 'message', topic, position, received: position, publisherId: 'aa', samples };
  return told as unknown as Delivery;
}

/** A node that tells of every subscription what it was given, and a page that hears it. */
class World {
  denied: string[] = [];
  readonly kept: Delivery[] = [];
  /** What is subscribed to, and whether it goes on. */
  readonly subscribed: { filter: string; signal: AbortSignal; tell(delivery: Delivery): void }[] = [];
  readonly heard: FromWorker[] = [];
  readonly following: Following;

  constructor() {
    const client = {
      state: 'connected',
      profile: { principal: 'petra@fujisawa' },
      onState: () => undefined,
      close: async () => undefined,
      what: async () => ({
        grants: [{ actions: 'subscribe', filter: GRANTED }],
        denies: this.denied.map((filter) => ({ actions: 'subscribe', filter })),
      }),
      subscribe: (filter: string, { signal }: { signal: AbortSignal }) => this.#subscribe(filter, signal),
    };
    this.following = new Following(client as unknown as Followed, (told) => this.heard.push(told));
  }

  #subscribe(filter: string, signal: AbortSignal) {
    const waiting: Delivery[] = [...this.kept, { kind: 'live' }];
    let wake = () => {};
    const tell = (delivery: Delivery) => {
      waiting.push(delivery);
      wake();
    };
    this.subscribed.push({ filter, signal, tell });
    async function* all() {
      for (;;) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    return Object.assign(all(), { ready: Promise.resolve() });
  }

  /** Asks for the rights, and waits until what follows of it is done. */
  async refresh(): Promise<FromWorker[]> {
    this.heard.length = 0;
    await this.following.refresh();
    await settled();
    return this.heard;
  }
}

/** Everything that promises alone still do is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

const topics = (heard: readonly FromWorker[]) =>
  heard.flatMap((told) => (told.kind === 'readings' ? told.batches.map(({ topic }) => topic) : []));

describe('following what one may see', () => {
  it('fetches the last value of what is denied no longer, and no other twice', async () => {
    const world = new World();
    world.kept.push(message(TIDE, 1), message('fujisawa/tide/2', 2));
    expect(topics(await world.refresh()).sort()).toEqual([TIDE, 'fujisawa/tide/2']);
    world.denied = [TIDE];
    expect(await world.refresh()).toEqual([{ kind: 'sight', sight: { filters: [GRANTED], denied: [TIDE] } }]);
    world.denied = [];
    const heard = await world.refresh();
    expect(heard[0]).toEqual({ kind: 'sight', sight: { filters: [GRANTED], denied: [] } });
    expect(topics(heard)).toEqual([TIDE]);
    // What was followed all the while still is, so that nothing of the others is missed.
    expect(world.subscribed.map(({ filter, signal }) => [filter, signal.aborted])).toEqual([
      [GRANTED, false],
      [GRANTED, false],
    ]);
    expect(topics(await world.refresh())).toEqual([]);
    expect(world.subscribed).toHaveLength(2);
  });

  it('hands over what came before a record that cannot be opened before it tells of that', async () => {
    const world = new World();
    world.kept.push(message(TIDE, 1));
    await world.refresh();
    world.heard.length = 0;
    const [subscription] = world.subscribed;
    subscription?.tell(message(TIDE, 2));
    subscription?.tell(message(TIDE, 3, 'no-key'));
    subscription?.tell(message(TIDE, 4, 'grant'));
    await settled();
    const told = world.heard.map((one) => (one.kind === 'unopened' ? one.fault : one.kind));
    expect(told).toEqual(['readings', 'no-key', 'grant']);
  });
});
