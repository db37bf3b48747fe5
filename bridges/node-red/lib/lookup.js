'use strict';
// Answers what was: the last value of each topic, or the samples of a span of time, as one list or one by one.

const { messagesOf, samplesIn } = require('./messages');
const { Refused, shown } = require('./refused');
const { momentOf } = require('./times');
const { Units } = require('./units');

/**
 * @typedef {import('@sekisho/client').Delivery} Delivery
 * @typedef {object} Fields as the editor keeps them
 * @property {string} [filter]
 * @property {'last' | 'span'} [mode]
 * @property {string} [from] a time, or how long ago such as `48 h`; empty = all that is kept
 * @property {string} [until] likewise; empty = now
 * @property {string | number} [limit] messages at most
 * @property {'list' | 'each'} [output]
 * @property {'sample' | 'reading'} [each]
 * @typedef {{ from: number | undefined, until: number, limit: number, isLast: boolean }} Span
 * @typedef {object} Found
 * @property {import('./red').Msg[]} msgs
 * @property {unknown[]} gaps
 * @property {unknown[]} rejected what failed verification or could not be opened, the first of it
 * @property {boolean} complete whether this is all
 */

const LIMIT_DEFAULT = 1_000;
/** A list is held in memory. */
const LIMIT_MAX = 100_000;

/** See the file. */
class Lookup {
  /**
   * @param {import('./user').User} user
   * @param {Fields} fields
   */
  constructor(user, fields) {
    this.user = user;
    this.fields = fields;
    this.units = new Units();
  }

  /**
   * @param {import('./red').Msg} msg
   * @param {(msgs: unknown) => void} send
   */
  async answer(msg, send) {
    const filter = this.fields.filter || msg.topic;
    if (typeof filter !== 'string' || filter === '') {
      throw new Refused('filter', 'one in the node or in msg.topic', shown(filter));
    }
    const span = this.spanOf(msg);
    const found = await this.find(filter, span);
    const { gaps, rejected, complete } = found;
    if (this.fields.output !== 'each') {
      send({ ...msg, payload: found.msgs, gaps, rejected, complete });
      return;
    }
    const id = `${msg._msgid}`;
    found.msgs.forEach((one, index) => {
      const parts = { id, index, count: found.msgs.length, type: 'array' };
      send({ ...msg, ...one, parts, complete });
    });
  }

  /** @private @param {import('./red').Msg} msg @returns {Span} */
  spanOf(msg) {
    const now = Date.now();
    const given = (/** @type {string | undefined} */ field, /** @type {unknown} */ value) => field || value;
    const from = given(this.fields.from, msg.from);
    const until = given(this.fields.until, msg.until);
    const limit = Number(msg.limit ?? (this.fields.limit || LIMIT_DEFAULT));
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
      throw new Refused(
        'limit',
        `a whole number from 1 to ${LIMIT_MAX}`,
        shown(msg.limit ?? this.fields.limit),
      );
    }
    return {
      from: from === undefined || from === '' ? undefined : momentOf('from', from, now),
      until: until === undefined || until === '' ? Number.POSITIVE_INFINITY : momentOf('until', until, now),
      limit,
      isLast: this.fields.mode !== 'span',
    };
  }

  /** @private @param {string} filter @param {Span} span @returns {Promise<Found>} */
  async find(filter, span) {
    const client = await this.user.client();
    const { signal } = this.user;
    const deliveries = span.isLast
      ? client.subscribe(filter, { start: 'last-value', signal })
      : client.history(filter, { start: startOf(span), signal });
    /** @type {Found} */
    const found = { msgs: [], gaps: [], rejected: [], complete: true };
    for await (const delivery of deliveries) {
      if (delivery.kind === 'live') break;
      await this.add(client, found, delivery, span);
      if (found.msgs.length > span.limit) {
        found.msgs.length = span.limit;
        found.complete = false;
        break;
      }
    }
    // Leaving the loop, and the node's closing, end it alike: what was cut short is no answer.
    signal.throwIfAborted();
    return found;
  }

  /**
   * @private
   * @param {import('@sekisho/client').Client} client
   * @param {Found} found
   * @param {Delivery} delivery
   * @param {Span} span
   */
  async add(client, found, delivery, span) {
    if (delivery.kind === 'gap') found.gaps.push(delivery);
    if (delivery.kind === 'rejected') reject(found, delivery);
    if (delivery.kind !== 'message') return;
    try {
      const samples = samplesIn(delivery);
      if (samples !== undefined) await this.units.learn(client, delivery.topic, samples);
      if (span.isLast) {
        const [newest] = [...(samples ?? [])].sort((one, other) => other.time - one.time);
        const msgs = messagesOf(delivery, newest && [newest], this.shape());
        found.msgs = [...found.msgs.filter(({ topic }) => topic !== delivery.topic), ...msgs];
      } else {
        const msgs = messagesOf(delivery, samples, this.shape());
        found.msgs.push(...msgs.filter(({ time }) => isWithin(Number(time), span)));
      }
    } catch (error) {
      const { topic, position, publisher } = delivery;
      const detail = error instanceof Error ? error.message : String(error);
      reject(found, { kind: 'rejected', topic, position, publisher, reason: 'body', detail });
    }
  }

  /** @private */
  shape() {
    const each =
      this.fields.each === 'reading' ? /** @type {const} */ ('reading') : /** @type {const} */ ('sample');
    return { each, lateAfter: 60_000, unitOf: this.units.of.bind(this.units) };
  }
}

/**
 * Records are found by when they were received, which is never before they were measured but for clocks
 * that are wrong: a little earlier is looked at, too.
 *
 * @param {Span} span
 */
function startOf({ from }) {
  return from === undefined ? /** @type {const} */ ('earliest') : { time: Math.max(0, from - CLOCKS) };
}
/** How far clocks may be apart, milliseconds. */
const CLOCKS = 60_000;

/** @param {number} time @param {Span} span */
function isWithin(time, { from, until }) {
  return time >= (from ?? Number.NEGATIVE_INFINITY) && time <= until;
}

/** Rejected records that an answer names. */
const REJECTED_MAX = 100;

/** @param {Found} found @param {unknown} rejected */
function reject(found, rejected) {
  if (found.rejected.length < REJECTED_MAX) found.rejected.push(rejected);
}

module.exports = { Lookup };
