// Following everything that one viewer may see: what came is gathered, what may not be seen any more is left, and what
// may be seen again is fetched.

import {
  type Client,
  type Delivery,
  filterMatches,
  filtersOverlap,
  type Message,
  Refusal,
} from '@sekisho/client';
import { Batcher, buffersOf } from './batcher';
import { followed, isInSight, isSame, type Sight } from './filters';
import type { Fault, FromWorker } from './protocol';
import { bodyFaultOf } from './unopened';

/** How often what was gathered is handed over, milliseconds: some thirty times a second. */
const HAND_OVER_MS = 33;
/** How often the node is asked what the viewer may see by now, milliseconds. */
const RIGHTS_EVERY_MS = 5_000;
/** What says nothing about the viewer: it passes, and is tried again. */
const PASSING = new Set(['disconnected', 'timed-out', 'closed']);

/** Tells the page something; what is handed over is not copied. */
export type Tell = (message: FromWorker, transfer?: Transferable[]) => void;

/** What is needed of a client. */
export type Followed = Pick<Client, 'state' | 'profile' | 'onState' | 'what' | 'subscribe' | 'close'>;

/** An error as it crosses to the page. */
export function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Refusal) {
    return { name: thrown.name, message: thrown.message, what: thrown.what, why: thrown.why };
  }
  if (thrown instanceof Error) {
    return { name: thrown.name, message: thrown.message, why: (thrown as { why?: string }).why };
  }
  return { name: 'Error', message: String(thrown) };
}

/** Whether it is worth trying again: nothing was said about the viewer. */
export function mayPass(thrown: unknown): boolean {
  if (thrown instanceof Refusal) return thrown.mayPass;
  return thrown instanceof Error && PASSING.has(thrown.name);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Follows everything that one viewer may see. */
export class Following {
  readonly #batcher = new Batcher();
  readonly #following = new Map<string, AbortController>();
  /** The newest position of each topic: what two filters match comes once. */
  readonly #newest = new Map<string, number>();
  /** What the node said last, and what of it it refused all the same: that is asked for again, quietly. */
  #sight: Sight = { filters: [], denied: [] };
  readonly #refused = new Set<string>();
  /** What is denied no longer and was not fetched yet, and what fetches it. */
  readonly #returning = new Map<string, AbortController | undefined>();
  #isScheduled = false;
  /** Whether the page has anything to show: what comes first is not held back. */
  #hasHandedOver = false;
  #hasEnded = false;
  /** Whether the page knows what may be seen: that it is nothing has to be told, too. */
  #hasTold = false;

  constructor(
    readonly client: Followed,
    private readonly tell: Tell,
  ) {
    client.onState((state, why) => {
      if (state === 'closed') this.end(why ?? new Error('closed'));
      else this.tell({ kind: 'state', state, fault: why === undefined ? undefined : faultOf(why) });
    });
  }

  /** Asks what the viewer may see, now and again, and follows it. */
  async run(): Promise<void> {
    while (!this.#hasEnded) {
      try {
        if (this.client.state === 'connected') await this.refresh();
      } catch (thrown) {
        if (!mayPass(thrown)) return this.end(thrown);
      }
      await pause(RIGHTS_EVERY_MS);
    }
  }

  end(thrown: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const stop of [...this.#following.values(), ...this.#returning.values()]) stop?.abort();
    this.#batcher.take();
    this.tell({ kind: 'ended', fault: faultOf(thrown) });
    void this.client.close().catch(() => undefined);
  }

  /** Asks once what the viewer may see, and follows that. */
  async refresh(): Promise<void> {
    const sight = followed(await this.client.what(this.client.profile.principal));
    const hasChanged = !this.#hasTold || !isSame(sight, this.#sight);
    this.#noteReturning(sight);
    this.#sight = sight;
    for (const [filter, stop] of this.#following) {
      if (sight.filters.includes(filter)) continue;
      stop.abort();
      this.#following.delete(filter);
    }
    for (const filter of this.#refused) if (!sight.filters.includes(filter)) this.#refused.delete(filter);
    for (const [lifted, stop] of this.#returning) if (stop === undefined) void this.#fetch(lifted);
    for (const filter of sight.filters) if (!this.#following.has(filter)) void this.#follow(filter);
    this.#hasTold = true;
    if (hasChanged) this.#tellSight();
  }

  /** Of a filter that was followed all the while nothing comes by itself when what was denied of it is not any more. */
  #noteReturning(sight: Sight): void {
    for (const [lifted, stop] of this.#returning) {
      if (!sight.denied.includes(lifted)) continue;
      stop?.abort();
      this.#returning.delete(lifted);
    }
    for (const lifted of this.#sight.denied) {
      if (!sight.denied.includes(lifted)) this.#returning.set(lifted, undefined);
    }
  }

  /** What was gathered before goes first: the page forgets of it what is not to be seen any more. */
  #tellSight(): void {
    this.#handOver();
    const filters = this.#sight.filters.filter((filter) => !this.#refused.has(filter));
    const sight = { ...this.#sight, filters };
    // Where it comes back, its last value is news again.
    for (const topic of this.#newest.keys()) if (!isInSight(topic, sight)) this.#newest.delete(topic);
    this.tell({ kind: 'sight', sight });
  }

  async #follow(filter: string): Promise<void> {
    const stop = new AbortController();
    this.#following.set(filter, stop);
    try {
      const subscription = this.client.subscribe(filter, { start: 'last-value', signal: stop.signal });
      await subscription.ready;
      if (this.#refused.delete(filter)) this.#tellSight();
      for await (const delivery of subscription) this.#handle(filter, delivery);
    } catch (thrown) {
      if (stop.signal.aborted || this.#hasEnded) return;
      this.#following.delete(filter);
      if (thrown instanceof Refusal && thrown.name === 'not-permitted') {
        if (!this.#refused.has(filter)) {
          this.#refused.add(filter);
          this.#tellSight();
        }
      } else if (!mayPass(thrown)) {
        this.end(thrown);
      }
    }
  }

  /**
   * Brings the last values of what was denied and is not any more. Beside the subscriptions that are there, which go on:
   * those that were not concerned have no hole.
   */
  async #fetch(lifted: string): Promise<void> {
    const stop = new AbortController();
    this.#returning.set(lifted, stop);
    try {
      for (const filter of [...this.#following.keys()]) {
        if (filtersOverlap(filter, lifted)) await this.#fetchOf(filter, lifted, stop.signal);
      }
      if (!stop.signal.aborted) this.#returning.delete(lifted);
    } catch (thrown) {
      if (stop.signal.aborted || this.#hasEnded) return;
      const isOfRights = thrown instanceof Refusal && thrown.name === 'not-permitted';
      if (isOfRights) this.#returning.delete(lifted);
      else if (mayPass(thrown)) this.#returning.set(lifted, undefined);
      else this.end(thrown);
    }
  }

  async #fetchOf(filter: string, lifted: string, signal: AbortSignal): Promise<void> {
    for await (const delivery of this.client.subscribe(filter, { start: 'last-value', signal })) {
      if (delivery.kind === 'live') return this.#handOver();
      if (delivery.kind === 'message' && filterMatches(lifted, delivery.topic)) this.#take(delivery);
    }
  }

  #handle(filter: string, delivery: Delivery): void {
    switch (delivery.kind) {
      case 'message':
        this.#take(delivery);
        return;
      case 'gap': {
        this.#handOver();
        const { from, to, reason, topic } = delivery;
        this.tell({ kind: 'gap', gap: { from, to, reason, topic } });
        return;
      }
      case 'rejected': {
        const { topic, reason, detail } = delivery;
        this.tell({ kind: 'rejected', topic, reason, detail });
        return;
      }
      case 'live':
        this.#handOver();
        this.tell({ kind: 'live', filter });
        return;
    }
  }

  #take(message: Message): void {
    const { topic, position } = message;
    if (position <= (this.#newest.get(topic) ?? -1)) return;
    this.#newest.set(topic, position);
    try {
      this.#batcher.add(message);
    } catch (thrown) {
      // What came before it is before the gap.
      this.#handOver();
      this.tell({ kind: 'unopened', topic, fault: bodyFaultOf(thrown), detail: faultOf(thrown).message });
      return;
    }
    if (this.#hasHandedOver) this.#schedule();
    else this.#handOver();
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
    this.tell({ kind: 'readings', batches }, buffersOf(batches));
  }
}
