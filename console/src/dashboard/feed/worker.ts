// The part of the dashboard that talks to the node: it verifies every record, opens it with the
// viewer's keys, and hands what is proven to the page. It runs beside the page, which therefore
// never waits for cryptography.

import { BodyError, BrowserKeyStore, Client, type Delivery, type Profile, Refusal } from '@sekisho/client';
import { Batcher, buffersOf } from './batcher';
import { followed } from './filters';
import type { Ask, Fault, FromWorker, ToWorker } from './protocol';
import { csv, history, recent } from './reading';

/** How often what was gathered is handed over, milliseconds: some thirty times a second. */
const HAND_OVER_MS = 33;
/** How often the node is asked what the viewer may see by now, milliseconds. */
const RIGHTS_EVERY_MS = 5_000;
/** How long to wait before connecting is tried again, milliseconds, where the client gave up. */
const AGAIN_AFTER_MS = 2_000;
/** What says nothing about the viewer: it passes, and is tried again. */
const PASSING = new Set(['disconnected', 'timed-out', 'closed']);

const scope = globalThis as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Refusal) {
    return { name: thrown.name, message: thrown.message, what: thrown.what, why: thrown.why };
  }
  if (thrown instanceof Error) {
    return { name: thrown.name, message: thrown.message, why: (thrown as { why?: string }).why };
  }
  return { name: 'Error', message: String(thrown) };
}

function mayPass(thrown: unknown): boolean {
  if (thrown instanceof Refusal) return thrown.mayPass;
  return thrown instanceof Error && PASSING.has(thrown.name);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Follows everything that one viewer may see. */
class Following {
  readonly #batcher = new Batcher();
  readonly #following = new Map<string, AbortController>();
  /** The newest position of each topic: what two filters match comes once. */
  readonly #newest = new Map<string, number>();
  #isScheduled = false;
  /** Whether the page has anything to show: what comes first is not held back. */
  #hasHandedOver = false;
  #hasEnded = false;
  /** Whether the page knows what may be seen: that it is nothing has to be told, too. */
  #hasTold = false;

  constructor(readonly client: Client) {
    client.onState((state, why) => {
      if (state === 'closed') this.end(why ?? new Error('closed'));
      else tell({ kind: 'state', state, fault: why === undefined ? undefined : faultOf(why) });
    });
  }

  /** Asks what the viewer may see, now and again, and follows it. */
  async run(): Promise<void> {
    while (!this.#hasEnded) {
      try {
        if (this.client.state === 'connected') await this.#refresh();
      } catch (thrown) {
        if (!mayPass(thrown)) return this.end(thrown);
      }
      await pause(RIGHTS_EVERY_MS);
    }
  }

  end(thrown: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const stop of this.#following.values()) stop.abort();
    this.#batcher.take();
    tell({ kind: 'ended', fault: faultOf(thrown) });
    void this.client.close().catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    const filters = followed(await this.client.what(this.client.profile.principal));
    const hasChanged =
      !this.#hasTold ||
      filters.length !== this.#following.size ||
      filters.some((filter) => !this.#following.has(filter));
    for (const [filter, stop] of this.#following) {
      if (filters.includes(filter)) continue;
      stop.abort();
      this.#following.delete(filter);
    }
    for (const filter of filters) if (!this.#following.has(filter)) void this.#follow(filter);
    this.#hasTold = true;
    if (hasChanged) tell({ kind: 'filters', filters });
  }

  async #follow(filter: string): Promise<void> {
    const stop = new AbortController();
    this.#following.set(filter, stop);
    try {
      const subscription = this.client.subscribe(filter, { start: 'last-value', signal: stop.signal });
      for await (const delivery of subscription) this.#handle(filter, delivery);
    } catch (thrown) {
      if (stop.signal.aborted || this.#hasEnded) return;
      this.#following.delete(filter);
      if (thrown instanceof Refusal && thrown.name === 'not-permitted' && this.#following.size > 0) {
        tell({ kind: 'filters', filters: [...this.#following.keys()] });
      } else if (!mayPass(thrown)) {
        this.end(thrown);
      }
    }
  }

  #handle(filter: string, delivery: Delivery): void {
    switch (delivery.kind) {
      case 'message': {
        const { topic, position } = delivery;
        if (position <= (this.#newest.get(topic) ?? -1)) return;
        this.#newest.set(topic, position);
        try {
          this.#batcher.add(delivery);
          if (this.#hasHandedOver) this.#schedule();
          else this.#handOver();
        } catch (thrown) {
          const fault = thrown instanceof BodyError ? thrown.fault : 'samples';
          tell({ kind: 'unopened', topic, fault, detail: faultOf(thrown).message });
        }
        return;
      }
      case 'gap': {
        this.#handOver();
        const { from, to, reason, topic } = delivery;
        tell({ kind: 'gap', gap: { from, to, reason, topic } });
        return;
      }
      case 'rejected': {
        const { topic, reason, detail } = delivery;
        tell({ kind: 'rejected', topic, reason, detail });
        return;
      }
      case 'live':
        this.#handOver();
        tell({ kind: 'live', filter });
        return;
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#handOver();
    }, HAND_OVER_MS);
  }

  #handOver(): void {
    const batches = this.#batcher.take();
    if (batches.length === 0 || this.#hasEnded) return;
    this.#hasHandedOver = true;
    tell({ kind: 'readings', batches }, buffersOf(batches));
  }
}

let following: Following | undefined;
let hasStarted = false;
const asked = new Map<number, AbortController>();

async function start(profile: Profile, web: string): Promise<void> {
  if (hasStarted) return;
  hasStarted = true;
  for (;;) {
    try {
      const keys = await BrowserKeyStore.open();
      const client = await Client.connect({ profile, keys, trust: keys, web });
      following = new Following(client);
      tell({ kind: 'state', state: 'connected' });
      return await following.run();
    } catch (thrown) {
      if (!mayPass(thrown)) return tell({ kind: 'ended', fault: faultOf(thrown) });
      tell({ kind: 'state', state: 'connecting', fault: faultOf(thrown) });
      await pause(AGAIN_AFTER_MS);
    }
  }
}

async function find(id: number, question: Ask, signal: AbortSignal): Promise<unknown> {
  const client = following?.client;
  if (client === undefined) throw new Error('wanted a connection to the node, found none yet');
  switch (question.ask) {
    case 'discover':
      return client.discover(question.filter);
    case 'describe':
      return client.describe(question.topic);
    case 'why':
      return client.why(client.profile.principal, question.action, question.topic);
    case 'recent':
      return recent(client, question, signal);
    case 'history':
      return history(client, question, (value) => tell({ kind: 'part', id, value }), signal);
    case 'csv':
      return csv(client, question, (value) => tell({ kind: 'part', id, value }), signal);
  }
}

async function answer(id: number, question: Ask): Promise<void> {
  const stop = new AbortController();
  asked.set(id, stop);
  try {
    tell({ kind: 'answer', id, value: await find(id, question, stop.signal) });
  } catch (thrown) {
    tell({ kind: 'failed', id, fault: faultOf(thrown) });
  } finally {
    asked.delete(id);
  }
}

/** Begins for whoever is known in this browser, while the page is still finding that out. */
async function beginEarly(): Promise<void> {
  const known = await (await BrowserKeyStore.open()).profile();
  if (known !== undefined) await start(known, location.origin);
}

beginEarly().catch(() => undefined); // The page says who it is, and hears what is wrong then.

scope.onmessage = ({ data }) => {
  if (data.kind === 'start') void start(data.profile, data.web);
  else if (data.kind === 'ask') void answer(data.id, data.question);
  else asked.get(data.id)?.abort();
};
