'use strict';
// The units of samples that leave them to the topic's description: asked for once in a while for each topic,
// and only where a sample needs it.

/**
 * @typedef {import('@sekisho/client').Client} Client
 * @typedef {import('@sekisho/client').Sample} Sample
 */

/** How long a description is taken as it was, milliseconds. */
const FRESH = 300_000;
/** Topics that are remembered. */
const TOPICS_MAX = 2_000;

/** See the file. */
class Units {
  constructor() {
    /** @type {Map<string, { asked: number, units: Map<string, string> }>} */
    this.topics = new Map();
  }

  /**
   * The unit of a transducer; empty where nobody said it.
   *
   * @param {string} topic
   * @param {string} transducer
   */
  of(topic, transducer) {
    return this.topics.get(topic)?.units.get(transducer) ?? '';
  }

  /**
   * Asks what a topic carries, where one of its samples does not say a unit itself. Whoever may not
   * know the description goes without.
   *
   * @param {Client} client
   * @param {string} topic
   * @param {Sample[]} samples
   */
  async learn(client, topic, samples) {
    const known = this.topics.get(topic);
    if (known !== undefined && Date.now() - known.asked < FRESH) return;
    if (!samples.some(lacksUnit)) return;
    if (known === undefined && this.topics.size >= TOPICS_MAX) this.topics.clear();
    const units = new Map();
    this.topics.set(topic, { asked: Date.now(), units });
    try {
      const stream = await client.describe(topic);
      for (const { name, unit } of stream?.transducers ?? []) units.set(name, unit);
    } catch {
      // A question that is not answered costs a unit, never a reading.
    }
  }
}

/** @param {Sample} sample */
function lacksUnit({ values }) {
  return [...values.values()].some(({ unit }) => unit === '');
}

module.exports = { Units };
