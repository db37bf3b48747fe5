'use strict';
// One connection to a node, shared by all that a flow does with it: opened for the first user, kept while
// there is one, opened again with patience, and closed within the time that Node-RED gives.

const { EventEmitter, once } = require('node:events');

/**
 * @typedef {import('@sekisho/client').Client} Client
 * @typedef {'idle' | 'connecting' | 'waiting' | 'connected' | 'refused' | 'closed'} Phase
 *   `waiting`: for somebody to admit it; `refused`: for good, until something is changed and deployed
 * @typedef {{ phase: Phase, error?: Error, waiting?: Waiting }} State
 * @typedef {{ why: string, fingerprint: string }} Waiting what whoever admits it compares
 * @typedef {object} Options
 * @property {(attempt: Attempt) => Promise<Client>} open
 * @property {(error: unknown) => boolean} isFinal whether trying again would be answered alike
 * @property {number} [linger] how long it stays open without a user, milliseconds; default 5,000
 * @property {{ min: number, max: number }} [backoff] pauses between attempts, milliseconds; default 500 to 30,000
 * @typedef {{ signal: AbortSignal, onWaiting: (waiting: Waiting) => void }} Attempt
 */

/** How long a client may take to say goodbye, milliseconds; Node-RED gives 15,000 to everything. */
const GOODBYE_MAX = 5_000;

/** See the file. Says `state` with a {@link State} whenever it changes. */
class Connection extends EventEmitter {
  /** @param {Options} options */
  constructor(options) {
    super();
    this.setMaxListeners(0);
    this.options = { linger: 5_000, backoff: { min: 500, max: 30_000 }, ...options };
    /** @type {State} */
    this.state = { phase: 'idle' };
    /** How many times something was opened: tests see that users share. */
    this.opened = 0;
    this.isClosing = false;
    /** @type {Set<unknown>} */
    this.users = new Set();
    /** @type {AbortController | undefined} */
    this.stop = undefined;
    /** @type {Promise<void>} */
    this.running = Promise.resolve();
    /** @type {Client | undefined} */
    this.client = undefined;
    /** @type {import('@sekisho/client').Profile | undefined} who it is, once that was known */
    this.profile = undefined;
    /** @type {NodeJS.Timeout | undefined} */
    this.lingering = undefined;
  }

  /**
   * Keeps it open for a user, until `release`.
   *
   * @param {unknown} user
   */
  use(user) {
    this.users.add(user);
    clearTimeout(this.lingering);
    this.lingering = undefined;
    if (this.stop === undefined && !this.isClosing) this.start();
  }

  /**
   * A user needs it no longer. The last one leaves it open for a moment: a deployed change closes a node and
   * opens it again.
   *
   * @param {unknown} user
   */
  release(user) {
    if (!this.users.delete(user) || this.users.size > 0) return;
    this.emit('unused');
    if (this.stop === undefined || this.isClosing) return;
    this.lingering = setTimeout(() => {
      this.lingering = undefined;
      void this.end({ phase: 'idle' });
    }, this.options.linger);
    this.lingering.unref();
  }

  /** Closes it for good, as soon as its users have said what they had to say, or patience is over. */
  async close() {
    this.isClosing = true;
    clearTimeout(this.lingering);
    if (this.users.size > 0) await atMost(once(this, 'unused'), GOODBYE_MAX);
    await this.end({ phase: 'closed' });
  }

  /**
   * The client, once it is connected.
   *
   * @param {AbortSignal} [signal] ends the wait
   * @returns {Promise<Client>}
   * @throws {Error} it was refused for good, closed, or the wait was ended
   */
  ready(signal) {
    return new Promise((resolve, reject) => {
      const finish = (/** @type {() => void} */ how) => {
        this.off('state', look);
        signal?.removeEventListener('abort', gone);
        how();
      };
      const gone = () => finish(() => reject(new Error('connection: wanted it open, found it closed here')));
      const look = () => {
        const { state, client } = this;
        if (client !== undefined && state.phase === 'connected') finish(() => resolve(client));
        if (state.phase === 'refused') finish(() => reject(state.error));
        if (state.phase === 'closed') gone();
      };
      this.on('state', look);
      signal?.addEventListener('abort', gone, { once: true });
      if (signal?.aborted) gone();
      else look();
    });
  }

  /** @private */
  start() {
    const stop = new AbortController();
    this.stop = stop;
    this.tell({ phase: 'connecting' });
    // What is still closing is waited for: a node lets one session of a key follow a cursor.
    this.running = this.running.then(() => this.run(stop.signal));
  }

  /**
   * @private
   * @param {AbortSignal} signal
   */
  async run(signal) {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        this.opened += 1;
        const client = await this.options.open({ signal, onWaiting: this.waits(signal) });
        // It answered: the next pause is short again.
        attempt = 0;
        await this.follow(client, signal);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        if (signal.aborted) return;
        if (this.options.isFinal(error)) return this.tell({ phase: 'refused', error });
        this.tell({ phase: 'connecting', error });
      }
      await pause(this.delay(attempt), signal);
    }
  }

  /** @private @param {AbortSignal} signal */
  waits(signal) {
    return (/** @type {Waiting} */ waiting) => {
      if (!signal.aborted) this.tell({ phase: 'waiting', waiting });
    };
  }

  /**
   * Until the client is closed: by itself, or because it is to.
   *
   * @private
   * @param {Client} client
   * @param {AbortSignal} signal
   * @throws {Error} why it closed by itself
   */
  async follow(client, signal) {
    this.client = client;
    this.profile = client.profile;
    try {
      await new Promise((resolve, reject) => {
        const told = (/** @type {string} */ state, /** @type {Error | undefined} */ reason) => {
          if (signal.aborted) return;
          if (state === 'closed') reject(reason ?? new Error('client: wanted it open, found it closed'));
          else this.tell({ phase: state === 'connected' ? 'connected' : 'connecting', error: reason });
        };
        const off = client.onState(told);
        signal.addEventListener('abort', () => resolve(off()), { once: true });
        if (signal.aborted) resolve(off());
        else told(client.state, undefined);
      });
    } finally {
      this.client = undefined;
      await atMost(client.close(), GOODBYE_MAX);
    }
  }

  /** @private @param {number} attempt */
  delay(attempt) {
    const { min, max } = this.options.backoff;
    const step = Math.min(max, min * 2 ** Math.max(0, attempt));
    return step / 2 + (Math.random() * step) / 2;
  }

  /** @private @param {State} state */
  async end(state) {
    const { stop } = this;
    this.stop = undefined;
    stop?.abort();
    this.tell(state);
    await this.running.catch(() => undefined);
  }

  /** @private @param {State} state */
  tell(state) {
    if (this.state.phase === 'closed') return;
    this.state = state;
    this.emit('state', state);
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal] ends it early
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * A promise's end, or the end of patience.
 *
 * @param {Promise<unknown>} promise
 * @param {number} milliseconds
 */
async function atMost(promise, milliseconds) {
  const enough = new AbortController();
  const settled = promise.then(
    () => enough.abort(),
    () => enough.abort(),
  );
  await Promise.race([settled, pause(milliseconds, enough.signal)]);
}

module.exports = { Connection, pause, atMost };
