'use strict';
// What a node delivered, as messages of a flow: typed values with their units, and who stands for them.

const { lateBy } = require('@sekisho/client');

/**
 * @typedef {import('@sekisho/client').Message} Delivered
 * @typedef {import('@sekisho/client').Sample} Sample
 * @typedef {object} Shape how messages are wanted
 * @property {'sample' | 'reading'} each
 * @property {number} lateAfter milliseconds between measurement and arrival: here, or at home where it was asked for later
 * @property {(topic: string, transducer: string) => string} unitOf for samples that leave the unit to the description
 * @typedef {Record<string, unknown>} Msg
 */

/**
 * The messages of one delivery: one for each sample, or for each reading of each sample.
 *
 * @param {Delivered} delivered
 * @param {Sample[] | undefined} samples those of it, where it holds samples
 * @param {Shape} shape
 * @returns {Msg[]}
 * @throws {Error} its body cannot be opened (`BodyError`)
 */
function messagesOf(delivered, samples, shape) {
  if (samples === undefined) return [opaque(delivered)];
  if (shape.each === 'sample') return samples.map((sample) => ofSample(delivered, sample, shape));
  return samples.flatMap((sample) => ofReadings(delivered, sample, shape));
}

const SAMPLES = 'application/vnd.sekisho.samples';

/**
 * The samples of a delivery; `undefined` where it holds something else, such as a photo.
 *
 * @param {Delivered} delivered
 * @throws {Error} its body cannot be opened or read (`BodyError`)
 */
function samplesIn(delivered) {
  return delivered.contentType === SAMPLES ? delivered.samples() : undefined;
}

/**
 * @param {Delivered} delivered
 * @param {Sample} sample
 * @param {Shape} shape
 */
function ofSample(delivered, sample, shape) {
  /** @type {Record<string, unknown>} */
  const payload = Object.create(null);
  /** @type {Record<string, string>} */
  const units = Object.create(null);
  for (const [name, { value, unit }] of sample.values) {
    payload[name] = plain(value);
    units[name] = unit === '' ? shape.unitOf(delivered.topic, name) : unit;
  }
  const { topic } = delivered;
  return { topic, payload: { ...payload }, units: { ...units }, ...about(delivered, sample.time, shape) };
}

/**
 * @param {Delivered} delivered
 * @param {Sample} sample
 * @param {Shape} shape
 */
function ofReadings(delivered, sample, shape) {
  const { topic } = delivered;
  return [...sample.values].map(([transducer, { value, unit }]) => ({
    topic,
    payload: plain(value),
    transducer,
    unit: unit === '' ? shape.unitOf(topic, transducer) : unit,
    ...about(delivered, sample.time, shape),
  }));
}

/**
 * A photo, a document: bytes, with what they are.
 *
 * @param {Delivered} delivered
 */
function opaque(delivered) {
  const { body, contentType } = delivered;
  if (body instanceof Error) throw body;
  const shape = { lateAfter: Number.POSITIVE_INFINITY };
  return {
    topic: delivered.topic,
    payload: Buffer.from(body),
    contentType,
    ...about(delivered, delivered.time, shape),
  };
}

/**
 * Who measured when, and how it came here.
 *
 * @param {Delivered} delivered
 * @param {number} time
 * @param {{lateAfter: number}} shape
 */
function about(delivered, time, { lateAfter }) {
  const { topic, publisher, attester, received, arrived, position } = delivered;
  const delay = lateBy(delivered, time);
  return {
    device: publisher.split('@', 1)[0],
    publisher,
    ...(attester === undefined ? {} : { attester }),
    time,
    received,
    ...(arrived === undefined ? {} : { arrived }),
    late: delay > lateAfter,
    lateBy: delay,
    position,
    source: topic.split('/', 1)[0],
  };
}

/**
 * As flows expect it: whole numbers as numbers where these are exact, bytes as a Buffer.
 *
 * @param {unknown} value
 */
function plain(value) {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

module.exports = { messagesOf, samplesIn };
