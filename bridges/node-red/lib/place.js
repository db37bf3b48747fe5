'use strict';
// Which streams somebody looks for: by kind of device, and by where they stand.

const { Refused, shown } = require('./refused');

/**
 * @typedef {import('@sekisho/client').Stream} Stream
 * @typedef {object} Wish
 * @property {string} [deviceType]
 * @property {Near} [near]
 * @typedef {{ latitude: number, longitude: number, kilometres: number }} Near
 */

const EARTH_KM = 6_371;
const RADIANS = Math.PI / 180;

/**
 * Those that are wished for. What moves has no place in its description, and is near nothing.
 *
 * @param {readonly Stream[]} streams
 * @param {Wish} wish
 * @returns {Stream[]}
 */
function chosen(streams, { deviceType, near }) {
  return streams.filter((stream) => {
    if (deviceType && stream.deviceType !== deviceType) return false;
    return near === undefined || isNear(stream, near);
  });
}

/**
 * @param {Stream} stream
 * @param {Near} near
 */
function isNear({ latitude, longitude }, near) {
  if (latitude === undefined || longitude === undefined) return false;
  return distance(latitude, longitude, near) <= near.kilometres;
}

/**
 * Along the surface of a sphere, kilometres.
 *
 * @param {number} latitude
 * @param {number} longitude
 * @param {Near} near
 */
function distance(latitude, longitude, near) {
  const [north, other] = [latitude * RADIANS, near.latitude * RADIANS];
  const [up, along] = [(north - other) / 2, ((longitude - near.longitude) * RADIANS) / 2];
  const chord = Math.sin(up) ** 2 + Math.cos(north) * Math.cos(other) * Math.sin(along) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/**
 * `latitude, longitude, kilometres` as text or as an object; `undefined` where nothing is said.
 *
 * @param {unknown} value
 * @returns {Near | undefined}
 * @throws {Refused} it is no place
 */
function nearOf(value) {
  if (value === undefined || value === null || value === '') return undefined;
  const [latitude, longitude, kilometres] = parts(value);
  if (within(latitude, -90, 90) && within(longitude, -180, 180) && within(kilometres, 0, 20_100)) {
    return { latitude, longitude, kilometres };
  }
  throw new Refused('near', 'latitude, longitude and kilometres, such as 35.3389, 139.487, 2', shown(value));
}

/** @param {unknown} value */
function parts(value) {
  if (typeof value === 'string')
    return value.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  const { latitude, longitude, kilometres } = /** @type {Record<string, unknown>} */ (value);
  return [latitude, longitude, kilometres];
}

/**
 * @param {unknown} value
 * @param {number} minimum
 * @param {number} maximum
 * @returns {value is number}
 */
function within(value, minimum, maximum) {
  return typeof value === 'number' && value >= minimum && value <= maximum;
}

module.exports = { chosen, nearOf };
