'use strict';
// Why a message was not taken: always the thing, what was wanted and what was found, as everywhere in
// Sekisho, so that whoever reads the debug pane knows what to change.

/** A message or setting that cannot be used. */
class Refused extends Error {
  /**
   * @param {string} thing what it is about, such as `topic`
   * @param {string} wanted what would have been right
   * @param {string} found what is there
   */
  constructor(thing, wanted, found) {
    super(`${thing}: wanted ${wanted}, found ${found}`);
    this.name = 'Refused';
    this.thing = thing;
    this.wanted = wanted;
    this.found = found;
  }
}

/** Longest value shown in an error, characters. */
const SHOWN_MAX = 60;

/**
 * A value as an error shows it: short, and never a wall of text.
 *
 * @param {unknown} value
 * @returns {string}
 */
function shown(value) {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return `${value}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  let text;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  if (typeof value === 'number') text = String(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
}

/**
 * Whether a value is an object made of named parts, and no list, bytes or date.
 *
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Map)
  );
}

module.exports = { Refused, shown, isRecord };
