// Waiting for things: a value that changes, a queue that fills, a time that passes, a signal.

import { asError, Closed, TimedOut } from './failure.js';

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(cause: Error): void;
}

/** A promise that somebody else settles. A rejection that nobody hears is no fault. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (cause: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** What a signal was aborted with. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error && signal.reason.name !== 'AbortError'
    ? signal.reason
    : new Closed('wait', { cause: signal.reason });
}

/** Resolves with the promise, or rejects as soon as the signal is aborted. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return promise;
  }
  if (signal.aborted) {
    // What nobody waits for any more may fail unheard.
    promise.catch(() => {});
    throw reasonOf(signal);
  }
  const aborted = deferred<never>();
  const abort = () => aborted.reject(reasonOf(signal));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Resolves with the promise, or rejects with {@link TimedOut} after so many milliseconds. */
export async function within<T>(promise: Promise<T>, waited: number, wanted: string): Promise<T> {
  const late = deferred<never>();
  const timer = setTimeout(() => late.reject(new TimedOut(wanted, waited)), waited);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after so many milliseconds, or as soon as the signal is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) {
    return;
  }
  const over = deferred<void>();
  const end = () => over.resolve();
  const timer = setTimeout(end, milliseconds);
  signal?.addEventListener('abort', end, { once: true });
  await over.promise;
  signal?.removeEventListener('abort', end);
  clearTimeout(timer);
}

/** One thing at a time, in the order in which it was asked for. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs the work when everything asked for before is done. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** A value that others wait for. */
export class Watched<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      listener(value);
    }
  }

  /** Calls the listener with each new value, until the returned function is called. */
  listen(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves with the first value, from the present one on, of which something can be made; rejects with
   * what `take` throws.
   */
  async until<U>(take: (value: T) => U | undefined, signal?: AbortSignal): Promise<U> {
    const present = take(this.#value);
    if (present !== undefined) {
      return present;
    }
    const found = deferred<U>();
    const forget = this.listen((value) => {
      try {
        const taken = take(value);
        if (taken !== undefined) {
          found.resolve(taken);
        }
      } catch (thrown) {
        found.reject(asError(thrown));
      }
    });
    try {
      return await unlessAborted(found.promise, signal);
    } finally {
      forget();
    }
  }
}

/** What comes from one side and is taken from the other, in order, until it ends. */
export class Queue<T> {
  readonly #items: T[] = [];
  #takers: Deferred<T | undefined>[] = [];
  #room: Deferred<void>[] = [];
  #end: { cause: Error | undefined } | undefined;

  /** @param roomFor - items after which {@link Queue.put} waits */
  constructor(private readonly roomFor = Number.POSITIVE_INFINITY) {}

  get length(): number {
    return this.#items.length;
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Adds an item at once; false where the queue has ended. */
  push(item: T): boolean {
    if (this.#end !== undefined) {
      return false;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#items.push(item);
    } else {
      taker.resolve(item);
    }
    return true;
  }

  /** Adds an item when there is room; false where the queue has ended. */
  async put(item: T): Promise<boolean> {
    while (this.#end === undefined && this.#items.length >= this.roomFor) {
      const room = deferred<void>();
      this.#room.push(room);
      await room.promise;
    }
    return this.push(item);
  }

  /** Nothing more comes: what is there is taken first, then takers get the cause, or undefined. */
  end(cause?: Error): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = { cause };
    for (const taker of this.#takers.splice(0)) {
      if (cause === undefined) {
        taker.resolve(undefined);
      } else {
        taker.reject(cause);
      }
    }
    this.#freeRoom();
  }

  /** As {@link Queue.end}, and what is there is not taken any more. */
  drop(cause?: Error): void {
    this.#items.length = 0;
    this.end(cause);
  }

  /** The next item; undefined after the end. Throws where the end has a cause. */
  async take(): Promise<T | undefined> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#freeRoom();
      return item;
    }
    if (this.#end !== undefined) {
      if (this.#end.cause !== undefined) {
        throw this.#end.cause;
      }
      return undefined;
    }
    const taker = deferred<T | undefined>();
    this.#takers.push(taker);
    return taker.promise;
  }

  #freeRoom(): void {
    for (const room of this.#room.splice(0)) {
      room.resolve();
    }
  }
}
