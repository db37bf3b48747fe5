// The page's end of the worker: readings go into the fleet, questions get answers.

import { signal } from '@preact/signals';
import { filtersOverlap, type Profile } from '@sekisho/client';
import { Fleet } from '../fleet/fleet';
import { isInSight, type Sight } from './filters';
import type { Answers, Ask, Fault, FromWorker, HistoryPart, ToWorker } from './protocol';

/** How the page stands to the node. */
export interface Link {
  state: 'starting' | 'connected' | 'connecting' | 'ended';
  /** Why it is not connected. */
  fault: Fault | undefined;
  /** Since when, milliseconds of the viewer's clock. */
  since: number;
}

/** What a question may come to. */
export class AskFailed extends Error {
  override readonly name: string;

  constructor(readonly fault: Fault) {
    super(fault.message);
    this.name = fault.name;
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  part: ((value: unknown) => void) | undefined;
}

/** From when on a reading is late, where the viewer set nothing: milliseconds. */
export const LATE_AFTER_MS = 60_000;

/** Topics whose description is asked for one by one, at a time. */
const DESCRIBE_AT_ONCE = 4;

/** Fetched and begun while the page still looks who its viewer is; a page has one feed. */
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
/** What it said before there was a feed. */
const early: FromWorker[] = [];
worker.onmessage = ({ data }: MessageEvent<FromWorker>) => early.push(data);

/** Everything that comes from the node. */
export class Feed {
  readonly fleet = new Fleet(LATE_AFTER_MS);
  readonly link = signal<Link>({ state: 'starting', fault: undefined, since: Date.now() });
  /** What is followed; nothing before the node has said it. */
  readonly filters = signal<string[] | undefined>(undefined);
  /** What is denied of it. */
  readonly denied = signal<string[]>([]);
  /** Whether readings were seen, and nothing of that may be seen any more. */
  readonly isTakenBack = signal(false);
  /** Whether any reading came. */
  readonly hasReadings = signal(false);
  /** Filters of which everything that was kept has been told. */
  readonly live = signal(0);
  readonly #waiting = new Map<number, Waiting>();
  /** Topics whose description is still to be asked for, and those for which it was. */
  readonly #toDescribe = new Set<string>();
  readonly #askedFor = new Set<string>();
  #describing = 0;
  #questions = 0;

  constructor(readonly profile: Profile) {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#handle(data);
    worker.onerror = (event) => {
      const fault = { name: 'Error', message: event.message || 'worker: wanted it running, found it ended' };
      this.#end(fault);
    };
    for (const message of early.splice(0)) this.#handle(message);
    this.#send({ kind: 'start', profile, web: location.origin });
  }

  /** Asks something. `part` hears what is known meanwhile. */
  ask<K extends Ask['ask']>(
    question: Extract<Ask, { ask: K }>,
    options: {
      signal?: AbortSignal;
      part?: (value: K extends 'history' ? HistoryPart : number) => void;
    } = {},
  ): Promise<Answers[K]> {
    this.#questions += 1;
    const id = this.#questions;
    const { signal: abort, part } = options;
    abort?.addEventListener('abort', () => this.#send({ kind: 'cancel', id }), { once: true });
    return new Promise((resolve, reject) => {
      const heard = part as ((value: unknown) => void) | undefined;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, part: heard });
      this.#send({ kind: 'ask', id, question });
    });
  }

  /** Learns what a topic is, where that was not asked before. For what is in sight. */
  describe(topic: string): void {
    if (this.fleet.isDescribed(topic) || this.#askedFor.has(topic)) return;
    this.#askedFor.add(topic);
    this.#toDescribe.add(topic);
    this.#describeNext();
  }

  /** Learns what the owner of a topic signed about it, in place of what the node tells. For what is looked at. */
  prove(topic: string): void {
    this.ask({ ask: 'describe', topic })
      .then((stream) => stream && this.fleet.describe([stream], true))
      .catch(() => undefined); // Who may not ask is left with what the node tells.
  }

  #describeNext(): void {
    if (this.#describing >= DESCRIBE_AT_ONCE) return;
    for (const topic of this.#toDescribe) {
      this.#toDescribe.delete(topic);
      if (this.fleet.isDescribed(topic)) continue;
      this.#describing += 1;
      this.ask({ ask: 'discover', filter: topic })
        .then((streams) => this.fleet.describe(streams))
        .catch(() => undefined) // Without a description the topic itself is the name.
        .finally(() => {
          this.#describing -= 1;
          this.#describeNext();
        });
      if (this.#describing >= DESCRIBE_AT_ONCE) return;
    }
  }

  #send(message: ToWorker): void {
    worker.postMessage(message);
  }

  #handle(message: FromWorker): void {
    switch (message.kind) {
      case 'readings':
        this.fleet.take(message.batches);
        this.hasReadings.value = true;
        break;
      case 'gap':
        this.fleet.gap(message.gap, Date.now());
        break;
      case 'rejected':
        this.fleet.reject(message.reason, message.detail, message.topic);
        break;
      case 'unopened':
        this.fleet.cannotOpen(message.topic, message.fault, message.detail);
        break;
      case 'sight':
        this.#follow(message.sight);
        break;
      case 'live':
        this.live.value += 1;
        break;
      case 'state':
        this.link.value = { state: message.state, fault: message.fault, since: Date.now() };
        break;
      case 'ended':
        this.#end(message.fault);
        break;
      default:
        this.#settle(message);
    }
  }

  #settle(message: Extract<FromWorker, { id: number }>): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === 'part') {
      waiting.part?.(message.value);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'answer') waiting.resolve(message.value);
    else waiting.reject(new AskFailed(message.fault));
  }

  /** What the viewer may not follow any more is forgotten. */
  #follow(sight: Sight): void {
    const { filters } = sight;
    this.fleet.keep((topic) => isInSight(topic, sight));
    // Also where each device was denied on its own.
    this.isTakenBack.value = this.hasReadings.value && this.fleet.devices.size === 0;
    this.denied.value = sight.denied.filter((denied) =>
      filters.some((filter) => filtersOverlap(filter, denied)),
    );
    this.filters.value = filters;
    this.#askedFor.clear(); // What comes back is described anew.
    const { detail } = this.fleet;
    if (detail !== undefined && isInSight(detail.topic, sight)) this.prove(detail.topic);
    for (const filter of filters) {
      this.ask({ ask: 'discover', filter })
        .then((streams) => this.fleet.describe(streams))
        .catch(() => undefined); // Names are a help and no more.
    }
  }

  #end(fault: Fault): void {
    this.fleet.clear();
    this.filters.value = [];
    this.denied.value = [];
    this.link.value = { state: 'ended', fault, since: Date.now() };
    for (const { reject } of this.#waiting.values()) reject(new AskFailed(fault));
    this.#waiting.clear();
  }
}
