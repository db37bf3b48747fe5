'use strict';
// What a node of a flow shows below itself. Each text is an English word or two and at the same time its key
// in the catalogue of the node, so that the editor says it in the user's language.

/**
 * @typedef {import('./connection').State} State
 * @typedef {{ fill: 'red' | 'green' | 'yellow' | 'blue' | 'grey', shape: 'ring' | 'dot', text: string }} Status
 */

/** @type {Record<import('./connection').Phase, Status>} */
const OF_PHASE = {
  idle: { fill: 'grey', shape: 'ring', text: 'not connected' },
  connecting: { fill: 'yellow', shape: 'ring', text: 'connecting' },
  waiting: { fill: 'yellow', shape: 'ring', text: 'to be admitted' },
  connected: { fill: 'green', shape: 'dot', text: 'connected' },
  refused: { fill: 'red', shape: 'ring', text: 'refused' },
  closed: { fill: 'grey', shape: 'ring', text: 'not connected' },
};

/**
 * The status of a connection. A node that is away and one that was never reached look different.
 *
 * @param {State} state
 * @returns {Status}
 */
function statusOf({ phase, error }) {
  if (phase === 'connecting' && error !== undefined) {
    return { fill: 'red', shape: 'ring', text: WORDS[error.name] ?? 'disconnected' };
  }
  if (phase === 'refused' && error !== undefined) return refusedBy(error);
  return OF_PHASE[phase];
}

/**
 * The status after something was refused: its name where it has one.
 *
 * @param {Error} error
 * @returns {Status}
 */
function refusedBy(error) {
  // What was lost of a publisher says why in its cause.
  const cause = error.cause instanceof Error ? error.cause.name : '';
  return { fill: 'red', shape: 'ring', text: WORDS[error.name] ?? WORDS[cause] ?? 'refused' };
}

/** @type {Record<string, string>} */
const WORDS = {
  'not-permitted': 'not permitted',
  revoked: 'revoked',
  'unknown-key': 'not known there',
  'bad-enrolment': 'token not valid',
  'not-enrolled': 'not admitted',
  'clock-ahead': 'clock is wrong',
  'node-not-proven': 'not the right node',
  Refused: 'wrong input',
  ParseError: 'wrong input',
};

/** @type {Status} */
const MISSING = { fill: 'grey', shape: 'ring', text: 'not configured' };

/** Every text that these show. */
const statuses = [
  ...new Set([...Object.values(OF_PHASE), MISSING].map(({ text }) => text)),
  'disconnected',
].concat(Object.values(WORDS));

module.exports = { statusOf, refusedBy, statuses, MISSING };
