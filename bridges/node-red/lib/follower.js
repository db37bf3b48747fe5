'use strict';
// A subscription of a flow: begun, begun again after a refusal that may pass, and told to the flow in messages
// on two outputs: readings, and everything that is none.

const { messagesOf, samplesIn } = require('./messages');
const { atMost, pause } = require('./connection');
const { momentOf } = require('./times');
const { Units } = require('./units');
const { refusedBy } = require('./status');

/**
 * @typedef {import('@sekisho/client').Delivery} Delivery
 * @typedef {import('@sekisho/client').Subscription} Subscription
 * @typedef {object} Fields as the editor keeps them
 * @property {string} filter
 * @property {'latest' | 'last-value' | 'earliest' | 'time'} start
 * @property {string} [since] with start `time`
 * @property {string} [cursor]
 * @property {'sample' | 'reading'} each
 * @property {string | number} [late] seconds
 */

/** How long a subscription may take to say goodbye, milliseconds. */
const GOODBYE_MAX = 3_000;
/** Pauses after a refusal, milliseconds: a right that was lost may be granted again. */
const AGAIN_MIN = 2_000;
const AGAIN_MAX = 60_000;
const LATE_S = 60;

/** See the file. */
class Follower {
  /**
   * @param {import('./red').Node} node
   * @param {import('./user').User} user
   * @param {Fields} fields
   */
  constructor(node, user, fields) {
    this.node = node;
    this.user = user;
    this.fields = fields;
    this.rejected = 0;
    /** What was told of the connection last: each attempt that fails alike is told once. */
    this.told = '';
    /** @type {Subscription | undefined} */
    this.subscription = undefined;
    this.units = new Units();
    const late = Number(fields.late === '' ? LATE_S : (fields.late ?? LATE_S));
    this.shape = {
      each: fields.each === 'reading' ? /** @type {const} */ ('reading') : /** @type {const} */ ('sample'),
      lateAfter: (Number.isFinite(late) ? late : LATE_S) * 1_000,
      unitOf: this.units.of.bind(this.units),
    };
    /** @param {import('./connection').State} state */
    this.toldState = (state) => this.state(state);
    user.connection.on('state', this.toldState);
    this.running = this.run();
  }

  /** Ends when nothing more is told. The user must have been closed. */
  async ended() {
    this.user.connection.off('state', this.toldState);
    await atMost(Promise.all([this.subscription?.close(), this.running]), GOODBYE_MAX);
  }

  /** @private */
  async run() {
    const { signal } = this.user;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const client = await this.user.client();
        await this.follow(client, () => {
          failures = 0;
        });
      } catch (thrown) {
        if (signal.aborted) return;
        this.failed(thrown instanceof Error ? thrown : new Error(String(thrown)));
        if (this.user.connection.state.phase === 'refused') return;
      }
      failures += 1;
      await pause(Math.min(AGAIN_MAX, AGAIN_MIN * 2 ** (failures - 1)), signal);
    }
  }

  /**
   * @private
   * @param {import('@sekisho/client').Client} client
   * @param {() => void} worked
   */
  async follow(client, worked) {
    const subscription = client.subscribe(this.fields.filter, this.wish());
    this.subscription = subscription;
    try {
      this.user.look();
      for await (const delivery of subscription) {
        if (this.user.signal.aborted) return;
        worked();
        await this.deliver(client, delivery);
        if (delivery.kind !== 'live') subscription.acknowledge(delivery);
      }
    } finally {
      this.subscription = undefined;
      await atMost(subscription.close(), GOODBYE_MAX);
    }
  }

  /** @private */
  wish() {
    const { start, since, cursor } = this.fields;
    return {
      start: start === 'time' ? { time: momentOf('since', since, Date.now()) } : (start ?? 'latest'),
      ...(cursor ? { cursor } : {}),
    };
  }

  /**
   * Hands on, and ends when the flow has taken it: what is acknowledged then was in the flow's hands.
   *
   * @private
   * @param {import('@sekisho/client').Client} client
   * @param {Delivery} delivery
   */
  async deliver(client, delivery) {
    switch (delivery.kind) {
      case 'message':
        await this.message(client, delivery);
        break;
      case 'rejected':
        this.reject(delivery);
        break;
      case 'gap':
        this.aside('gap', delivery.topic, delivery);
        break;
      case 'live':
        this.node.status({ fill: 'green', shape: 'dot', text: 'live' });
        this.aside('live', this.fields.filter, delivery);
        break;
    }
    await taken();
  }

  /**
   * @private
   * @param {import('@sekisho/client').Client} client
   * @param {import('@sekisho/client').Message} message
   */
  async message(client, message) {
    try {
      const samples = samplesIn(message);
      if (samples !== undefined) await this.units.learn(client, message.topic, samples);
      for (const msg of messagesOf(message, samples, this.shape)) this.node.send([msg, null]);
    } catch (error) {
      const { topic, position, publisher } = message;
      const detail = error instanceof Error ? error.message : String(error);
      this.reject({ kind: 'rejected', topic, position, publisher, reason: 'body', detail });
    }
  }

  /**
   * What failed verification or could not be opened is never a reading: it is counted and said.
   *
   * @private
   * @param {{ kind: 'rejected', position: number, topic?: string, publisher?: string, reason: string, detail: string }} rejected
   */
  reject(rejected) {
    this.rejected += 1;
    this.node.status({ fill: 'yellow', shape: 'dot', text: 'record rejected' });
    this.aside('rejected', rejected.topic, { ...rejected, count: this.rejected });
  }

  /**
   * @private
   * @param {string} kind
   * @param {string | undefined} topic
   * @param {unknown} payload
   */
  aside(kind, topic, payload) {
    this.node.send([null, { topic: topic ?? this.fields.filter, kind, payload }]);
  }

  /** @private @param {import('./connection').State} state */
  state({ phase, error }) {
    const why = error?.message ?? '';
    if (this.user.signal.aborted || this.told === `${phase} ${why}`) return;
    this.told = `${phase} ${why}`;
    this.aside('state', this.fields.filter, { state: phase, ...(error ? { why: error.message } : {}) });
  }

  /** @private @param {Error} error */
  failed(error) {
    this.node.status(refusedBy(error));
    this.node.error(error, { topic: this.fields.filter });
    this.aside('refused', this.fields.filter, { code: error.name, why: error.message });
  }
}

/** The nodes behind have begun with what was sent: messages are handed on in the next turn. */
function taken() {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

module.exports = { Follower };
