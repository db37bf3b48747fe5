'use strict';
// What a flow publishes: each topic has one publisher, messages keep their order, and each is done when its
// samples are durable at the node.

const { atMost } = require('./connection');
const { asDescribed, onlyTransducer } = require('./description');
const { Refused, shown } = require('./refused');
const { samplesOf } = require('./samples');

/**
 * @typedef {import('@sekisho/client').Publisher} Publisher
 * @typedef {import('./description').Described} Described
 * @typedef {object} Fields as the editor keeps them
 * @property {string} [topic]
 * @property {string} [transducer] of payloads that are one value
 * @property {boolean} [strict] whether samples must be what the topic's description says; default yes
 * @property {'organisation' | 'federation'} [scope] how far they may travel
 * @typedef {{ publisher: Publisher, described: Described | undefined, asked: number }} Way
 */

/** Messages that may wait for the node. */
const WAITING_MAX = 10_000;
/** Topics with a publisher at a time; the one that was not used for longest makes room. */
const TOPICS_MAX = 200;
/** How long what is under way may take when a flow is deployed anew, milliseconds. */
const CLOSING_MAX = 5_000;
/** A description that refuses something is looked at again, if it is older, milliseconds. */
const FRESH = 5_000;

/** See the file. */
class Outlet {
  /**
   * @param {import('./user').User} user
   * @param {Fields} fields
   */
  constructor(user, fields) {
    this.user = user;
    this.fields = fields;
    this.waiting = 0;
    /** @type {Map<string, Promise<Way>>} least recently used first */
    this.ways = new Map();
    /** @type {Promise<unknown>} what was taken before */
    this.before = Promise.resolve();
  }

  /**
   * Publishes what a message holds; resolves when it is durable at the node.
   *
   * @param {import('./red').Msg} msg
   * @throws {Error} it cannot be published, or the node refused it
   */
  async publish(msg) {
    if (this.waiting >= WAITING_MAX) {
      throw new Refused('message', `at most ${WAITING_MAX} that wait for the node`, 'one more');
    }
    this.waiting += 1;
    try {
      const topic = this.topicOf(msg);
      const taken = this.before.then(() => this.take(topic, msg));
      this.before = taken.catch(() => undefined);
      await (await taken).durable;
    } finally {
      this.waiting -= 1;
    }
  }

  /** Ends all publishers; what they have is sent before, within the time that Node-RED gives. */
  async close() {
    const ways = [...this.ways.values()];
    this.ways.clear();
    const closed = ways.map((way) => way.then(({ publisher }) => publisher.close()));
    await atMost(Promise.allSettled(closed), CLOSING_MAX);
  }

  /** @private @param {import('./red').Msg} msg */
  topicOf(msg) {
    const topic = this.fields.topic || msg.topic;
    if (typeof topic !== 'string' || topic === '') {
      throw new Refused('topic', 'one in the node or in msg.topic', shown(topic));
    }
    return topic;
  }

  /**
   * Hands a message to the publisher. Wrapped, so that only the handing over is waited for here.
   *
   * @private
   * @param {string} topic
   * @param {import('./red').Msg} msg
   * @returns {Promise<{ durable: Promise<unknown> }>}
   */
  async take(topic, msg) {
    const way = await this.wayOf(topic);
    const isBody = typeof msg.contentType === 'string';
    const sent = isBody ? this.body(way, msg) : await this.samples(topic, way, msg);
    const durable = sent.durable.catch((error) => {
      if (error.name !== 'Unencodable') this.drop(topic, way);
      throw error;
    });
    // It is waited for elsewhere, perhaps later.
    durable.catch(() => undefined);
    return { durable };
  }

  /** @private @param {Way} way @param {import('./red').Msg} msg */
  body(way, msg) {
    const { payload, contentType } = msg;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (!(bytes instanceof Uint8Array)) {
      throw new Refused('msg.payload', `a Buffer or text of ${shown(contentType)}`, shown(payload));
    }
    return { durable: way.publisher.publishBody(String(contentType), bytes) };
  }

  /**
   * @private
   * @param {string} topic
   * @param {Way} way
   * @param {import('./red').Msg} msg
   */
  async samples(topic, way, msg) {
    const samples = await this.checked(topic, way, msg);
    return { durable: Promise.all(samples.map((sample) => way.publisher.publishDurably(sample))) };
  }

  /** @private @param {string} topic @param {Way} way @param {import('./red').Msg} msg */
  async checked(topic, way, msg) {
    const read = () => {
      const { described } = way;
      const transducer = this.fields.transducer || onlyTransducer(described);
      const samples = samplesOf(msg, { now: Date.now(), ...(transducer ? { transducer } : {}) });
      return this.fields.strict === false ? samples : asDescribed(samples, described);
    };
    try {
      return read();
    } catch (error) {
      if (Date.now() - way.asked < FRESH) throw error;
      // Perhaps it was described anew meanwhile.
      way.described = await this.user.ask((client) => client.describe(topic));
      way.asked = Date.now();
      return read();
    }
  }

  /** @private @param {string} topic */
  wayOf(topic) {
    const known = this.ways.get(topic);
    if (known !== undefined) {
      this.ways.delete(topic);
      this.ways.set(topic, known);
      return known;
    }
    this.makeRoom();
    const made = this.user.ask((client) => this.make(client, topic));
    this.ways.set(topic, made);
    made.catch(() => this.ways.delete(topic));
    return made;
  }

  /** @private @param {import('@sekisho/client').Client} client @param {string} topic @returns {Promise<Way>} */
  async make(client, topic) {
    const publisher = await client.publisher(topic, { scope: this.fields.scope ?? 'organisation' });
    return { publisher, described: await client.describe(topic), asked: Date.now() };
  }

  /** @private */
  makeRoom() {
    if (this.ways.size < TOPICS_MAX) return;
    const [oldest] = this.ways.keys();
    if (oldest === undefined) return;
    const way = this.ways.get(oldest);
    this.ways.delete(oldest);
    void way?.then(({ publisher }) => publisher.close()).catch(() => undefined);
  }

  /**
   * A publisher that was refused something takes no more: the next message gets another.
   *
   * @private
   * @param {string} topic
   * @param {Way} way
   */
  drop(topic, way) {
    const kept = this.ways.get(topic);
    void kept?.then((found) => {
      if (found === way) this.ways.delete(topic);
    });
    void way.publisher.close().catch(() => undefined);
  }
}

module.exports = { Outlet };
