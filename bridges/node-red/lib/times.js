'use strict';
// Times as flows write them: what `Date.now()` gives, a Date, or text of RFC 3339.

const { Refused, shown } = require('./refused');

const WANTED = 'milliseconds since 1970, a Date, or text such as 2026-11-21T09:00:00Z';
/** A day, or RFC 3339 with its offset: what has none would mean another moment on another machine. */
const TEXT = /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2}))?$/;
/** The year 9999, milliseconds: what is beyond was meant to be something else. */
const TIME_MAX = 253_402_300_800_000;

/**
 * A time in milliseconds since 1970.
 *
 * @param {string} thing what it is the time of
 * @param {unknown} value
 * @returns {number}
 * @throws {Refused} it is no time
 */
function timeOf(thing, value) {
  const time = read(value);
  if (Number.isFinite(time) && Math.abs(time) < TIME_MAX) return time;
  throw new Refused(thing, WANTED, shown(value));
}

/** @param {unknown} value */
function read(value) {
  if (typeof value === 'number') return value;
  if (value instanceof Date) return value.getTime();
  if (typeof value !== 'string' || !TEXT.test(value.trim())) return Number.NaN;
  return Date.parse(value.trim());
}

/**
 * A time, or a length of time before now such as `48 h`, in milliseconds since 1970.
 *
 * @param {string} thing
 * @param {unknown} value
 * @param {number} now milliseconds since 1970
 * @returns {number}
 * @throws {Refused} it is neither
 */
function momentOf(thing, value, now) {
  const ago = typeof value === 'string' ? AGO.exec(value.trim()) : null;
  if (ago === null) return timeOf(thing, value);
  return now - Number(ago[1]) * UNITS[/** @type {keyof UNITS} */ (ago[2])];
}

const AGO = /^(\d+(?:\.\d+)?)\s*(s|min|h|d)$/;
const UNITS = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

module.exports = { timeOf, momentOf };
