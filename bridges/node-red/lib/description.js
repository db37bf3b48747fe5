'use strict';
// Whether samples are what the topic's owner says that it carries. A slip of the pen in a flow would
// otherwise be signed, kept, and found out by somebody else in another city.

const { Refused, shown } = require('./refused');

/**
 * @typedef {import('./samples').Sample} Sample
 * @typedef {import('./samples').Reading} Reading
 * @typedef {object} Transducer numbers are decimal numerals, null where unknown
 * @property {string} name
 * @property {string} [title]
 * @property {string} unit
 * @property {string | number | null} [minimum]
 * @property {string | number | null} [maximum]
 * @typedef {{ topic: string, transducers: readonly Transducer[] }} Described
 */

/** Units of what is counted or named: these say nothing about the kind of value. */
const UNITLESS = new Set(['', '1']);

/**
 * The samples with the units of the description where they said none.
 *
 * @param {Sample[]} samples
 * @param {Described | undefined} described what is known of the topic; undefined = nothing is checked
 * @returns {Sample[]}
 * @throws {Refused} the description has no such transducer, or another unit, kind or range
 */
function asDescribed(samples, described) {
  if (described === undefined || described.transducers.length === 0) return samples;
  const known = new Map(described.transducers.map((one) => [one.name, one]));
  return samples.map(({ time, values }) => {
    const checked = [...values].map(([name, reading]) => {
      const transducer = known.get(name);
      if (transducer === undefined) {
        throw new Refused(`transducer of ${described.topic}`, anyOf([...known.keys()]), shown(name));
      }
      return /** @type {const} */ ([name, checkedReading(transducer, reading)]);
    });
    return { time, values: new Map(checked) };
  });
}

/**
 * @param {Transducer} transducer
 * @param {Reading} reading
 * @returns {Reading}
 */
function checkedReading(transducer, { value, unit }) {
  const { name } = transducer;
  if (unit !== '' && unit !== transducer.unit) {
    throw new Refused(`unit of ${name}`, shown(transducer.unit), shown(unit));
  }
  const [minimum, maximum] = [numeral(transducer.minimum), numeral(transducer.maximum)];
  const isMeasured = !UNITLESS.has(transducer.unit) || minimum !== undefined || maximum !== undefined;
  if (!isMeasured) return { value, unit: transducer.unit };
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    const of = transducer.unit === '' ? '' : ` of ${transducer.unit}`;
    throw new Refused(name, `a number${of}`, shown(value));
  }
  if (value < (minimum ?? -Infinity) || value > (maximum ?? Infinity)) {
    const range = `${minimum ?? '−∞'} to ${maximum ?? '∞'}`;
    throw new Refused(name, `${range} ${transducer.unit}`.trim(), shown(value));
  }
  return { value, unit: transducer.unit };
}

/** @param {string | number | null | undefined} text */
function numeral(text) {
  if (text === null || text === undefined || text === '') return undefined;
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
}

/** Names that an error lists before it counts the others. */
const NAMED_MAX = 8;

/** @param {string[]} names */
function anyOf(names) {
  const named = names.slice(0, NAMED_MAX).join(', ');
  const others = names.length - NAMED_MAX;
  return others > 0 ? `one of ${named} and ${others} others` : `one of ${named}`;
}

/**
 * The one transducer of a topic that has no other: a flow need not name it.
 *
 * @param {Described | undefined} described
 * @returns {string | undefined}
 */
function onlyTransducer(described) {
  const [first, ...others] = described?.transducers ?? [];
  return others.length === 0 ? first?.name : undefined;
}

module.exports = { asDescribed, onlyTransducer };
