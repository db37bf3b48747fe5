'use strict';
// What a flow publishes, as samples: an object of values, one value, a list of samples, or the
// `msg.transducer` of flows that were made for SOX.

const { Refused, isRecord, shown } = require('./refused');
const { timeOf } = require('./times');

/**
 * @typedef {number | bigint | string | boolean | Uint8Array} Value
 * @typedef {{ value: Value, unit: string }} Reading the unit is empty where nobody said it
 * @typedef {{ time: number, values: Map<string, Reading> }} Sample time in milliseconds since 1970
 * @typedef {object} Terms what is known beside the message
 * @property {string} [transducer] of a single value, where the message does not say
 * @property {number} now milliseconds since 1970
 */

/** Samples in one message; an envelope takes as many. */
const SAMPLES_MAX = 65_536;
const WANTED = 'an object of values, one value, or a list of samples';

/**
 * The samples of a message.
 *
 * @param {Record<string, unknown>} msg
 * @param {Terms} terms
 * @returns {Sample[]} at least one
 * @throws {Refused} it holds none, or something that is no sample
 */
function samplesOf(msg, terms) {
  const time = msg.time === undefined ? terms.now : timeOf('msg.time', msg.time);
  const units = unitsOf(msg);
  if (isRecord(msg.transducer)) return [sample('msg.transducer', msg.transducer, time, units)];
  const { payload } = msg;
  if (Array.isArray(payload)) return list(payload, time, units);
  if (isRecord(payload) && !isReading(payload)) return [one('msg.payload', payload, time, units)];
  return [single(msg, terms, time)];
}

/**
 * @param {unknown[]} payload
 * @param {number} time
 * @param {Record<string, unknown>} units
 */
function list(payload, time, units) {
  if (payload.length === 0 || payload.length > SAMPLES_MAX) {
    throw new Refused('msg.payload', `1 to ${SAMPLES_MAX} samples`, `${payload.length}`);
  }
  return payload.map((entry, index) => {
    const thing = `msg.payload[${index}]`;
    if (!isRecord(entry)) throw new Refused(thing, 'a sample such as {time, values}', shown(entry));
    return one(thing, entry, time, units);
  });
}

/**
 * `{time, values}`, or an object that is nothing but values.
 *
 * @param {string} thing
 * @param {Record<string, unknown>} entry
 * @param {number} time
 * @param {Record<string, unknown>} units
 */
function one(thing, entry, time, units) {
  if (!isRecord(entry.values) || isReading(entry.values)) return sample(thing, entry, time, units);
  const own = entry.time === undefined ? time : timeOf(`${thing}.time`, entry.time);
  const ownUnits = isRecord(entry.units) ? entry.units : units;
  return sample(`${thing}.values`, entry.values, own, ownUnits);
}

/**
 * @param {string} thing
 * @param {Record<string, unknown>} values
 * @param {number} time
 * @param {Record<string, unknown>} units
 * @returns {Sample}
 */
function sample(thing, values, time, units) {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  if (entries.length === 0) throw new Refused(thing, 'at least one value', 'none');
  const readings = entries.map(([name, value]) => {
    const unit = Object.hasOwn(units, name) ? units[name] : undefined;
    return /** @type {const} */ ([name, reading(name, value, unit)]);
  });
  return { time, values: new Map(readings) };
}

/**
 * One value, and the name that it goes by.
 *
 * @param {Record<string, unknown>} msg
 * @param {Terms} terms
 * @param {number} time
 * @returns {Sample}
 */
function single(msg, terms, time) {
  if (msg.payload === undefined || msg.payload === null) {
    throw new Refused('msg.payload', WANTED, shown(msg.payload));
  }
  const name = typeof msg.transducer === 'string' ? msg.transducer : terms.transducer;
  if (name === undefined || name === '') {
    throw new Refused('msg.transducer', 'the name of what msg.payload is a value of', shown(msg.transducer));
  }
  return { time, values: new Map([[name, reading(name, msg.payload, msg.unit)]]) };
}

/**
 * @param {string} name
 * @param {unknown} given a value, or `{value, unit}`
 * @param {unknown} unit where the value does not say its own
 * @returns {Reading}
 */
function reading(name, given, unit) {
  const value = isReading(given) ? given.value : given;
  const own = isReading(given) && given.unit !== undefined ? given.unit : (unit ?? '');
  if (typeof own !== 'string') throw new Refused(`unit of ${name}`, 'text such as ug/m3', shown(own));
  if (!isValue(value)) throw new Refused(name, 'a number, text, true, false or a Buffer', shown(value));
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new Refused(name, 'a finite number', shown(value));
  }
  return { value, unit: own };
}

/**
 * @param {unknown} value
 * @returns {value is Value}
 */
function isValue(value) {
  return ['number', 'bigint', 'string', 'boolean'].includes(typeof value) || value instanceof Uint8Array;
}

/**
 * Whether this is `{value}` or `{value, unit}`, as one writes a value with its unit.
 *
 * @param {unknown} value
 * @returns {value is {value: unknown, unit?: unknown}}
 */
function isReading(value) {
  if (!isRecord(value) || !('value' in value)) return false;
  return Object.keys(value).every((key) => key === 'value' || key === 'unit');
}

/** @param {Record<string, unknown>} msg */
function unitsOf(msg) {
  if (msg.units === undefined) return {};
  if (isRecord(msg.units)) return msg.units;
  throw new Refused('msg.units', 'an object of units such as {pm2_5: "ug/m3"}', shown(msg.units));
}

module.exports = { samplesOf };
