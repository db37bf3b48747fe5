'use strict';
// What a flow wants stated: a grant, a deny, a revocation. What the editor fixed stays fixed; a message fills
// in what was left open, so that whoever can send messages cannot grant what nobody meant to be granted.

const { Refused, isRecord, shown } = require('./refused');
const { momentOf, timeOf } = require('./times');

/**
 * @typedef {import('@sekisho/client').StatementBody} StatementBody
 * @typedef {object} Fields as the editor keeps them; empty = from the message
 * @property {string} [action] `grant`, `deny` or `revoke`
 * @property {string} [grantee] `name@organisation`, `*@organisation` or `role/name@organisation`
 * @property {string} [rights] such as `subscribe,history,decrypt`
 * @property {string} [filter]
 * @property {string} [purpose] for a deny and a revocation the reason
 * @property {string} [until]
 * @property {string} [historyFrom]
 * @property {string} [target] of a revocation: a statement's id, or a principal's name
 * @typedef {object} Request
 * @property {string} words what was asked for, as it was written: what a confirmation is of
 * @property {StatementBody | undefined} body undefined where a principal is to be revoked
 * @property {string | undefined} principal whose keys are to be revoked
 * @property {string} reason
 * @typedef {{ organisation: string, now: number }} Here now in milliseconds since 1970
 */

const RIGHTS = ['publish', 'subscribe', 'history', 'decrypt', 'discover', 'grant', 'bridge', 'administer'];
const GRANTEE = /^(\*|role\/[^@/\s]+|[^@/\s]+)@[a-z0-9-]{1,63}$/;
const GRANTEE_WANTED = 'name@organisation, *@organisation or role/name@organisation';
const TARGET = /^([0-9a-f]{64}|[^@/\s]+@[a-z0-9-]{1,63})$/;
const TARGET_WANTED = 'a statement’s id (64 hexadecimal digits) or name@organisation';

/**
 * What is wanted, from the editor's fields and a message.
 *
 * @param {Fields} fields
 * @param {import('./red').Msg} msg
 * @param {Here} here
 * @returns {Request}
 * @throws {Refused} something is missing or is none
 */
function requestOf(fields, msg, here) {
  const payload = isRecord(msg.payload) ? msg.payload : {};
  /** @type {Record<string, unknown>} */
  const asked = {};
  for (const name of NAMES) asked[name] = fields[name] || payload[name];
  const action = text('action', asked.action, /^(grant|deny|revoke)$/, 'grant, deny or revoke');
  const purpose = asked.purpose ?? '';
  if (typeof purpose !== 'string') throw new Refused('purpose', 'text', shown(purpose));
  const words = JSON.stringify(NAMES.map((name) => String(asked[name] ?? '')));
  if (action !== 'revoke') {
    const body = action === 'deny' ? denyOf(asked, purpose, here) : grantOf(asked, purpose, here);
    return { words, body, principal: undefined, reason: purpose };
  }
  const target = text('target', asked.target, TARGET, TARGET_WANTED);
  if (target.includes('@')) return { words, body: undefined, principal: target, reason: purpose };
  return {
    words,
    body: revokeOf({ statement: target }, purpose, here),
    principal: undefined,
    reason: purpose,
  };
}

const NAMES = /** @type {const} */ ([
  'action',
  'grantee',
  'rights',
  'filter',
  'purpose',
  'until',
  'historyFrom',
  'target',
]);

/** @param {Record<string, unknown>} asked @param {Here} here */
function about(asked, { organisation, now }) {
  return {
    organisation,
    grantee: text('grantee', asked.grantee, GRANTEE, GRANTEE_WANTED),
    actions: bitsOf(asked.rights),
    filter: text('filter', asked.filter, /^\S.*$/, 'a filter such as fujisawa/truck/+/air'),
    issuedUs: micros(now),
  };
}

/** @param {Record<string, unknown>} asked @param {string} reason @param {Here} here @returns {StatementBody} */
function denyOf(asked, reason, here) {
  return { kind: 'deny', ...about(asked, here), reason };
}

/** @param {Record<string, unknown>} asked @param {string} purpose @param {Here} here @returns {StatementBody} */
function grantOf(asked, purpose, here) {
  const { until, historyFrom } = asked;
  const { now } = here;
  return {
    kind: 'grant',
    ...about(asked, here),
    purpose,
    fromUs: micros(now),
    untilUs: isSaid(until) ? micros(untilOf(until, now)) : undefined,
    historyFromUs: isSaid(historyFrom) ? micros(momentOf('historyFrom', historyFrom, now)) : undefined,
    onward: false,
  };
}

/**
 * @param {{ statement: string } | { principal: string }} target ids, hexadecimal
 * @param {string} reason
 * @param {Here} here
 * @returns {StatementBody}
 */
function revokeOf(target, reason, { organisation, now }) {
  return { kind: 'revoke', organisation, ...target, reason, issuedUs: micros(now) };
}

/** @param {number} milliseconds */
function micros(milliseconds) {
  return BigInt(Math.round(milliseconds * 1_000));
}

/** @param {unknown} value */
function isSaid(value) {
  return value !== undefined && value !== '' && value !== null;
}

/** A time, or `7 d`: so long from now. */
const LENGTH = /^(\d+(?:\.\d+)?)\s*(min|h|d)$/;
const LENGTHS = { min: 60_000, h: 3_600_000, d: 86_400_000 };

/** @param {unknown} value @param {number} now */
function untilOf(value, now) {
  const length = typeof value === 'string' ? LENGTH.exec(value.trim()) : null;
  const until =
    length === null
      ? timeOf('until', value)
      : now + Number(length[1]) * LENGTHS[/** @type {keyof LENGTHS} */ (length[2])];
  if (until > now) return until;
  throw new Refused('until', 'a time to come', shown(value));
}

/**
 * @param {string} thing
 * @param {unknown} value
 * @param {RegExp} form
 * @param {string} wanted
 */
function text(thing, value, form, wanted) {
  if (typeof value === 'string' && form.test(value.trim())) return value.trim();
  throw new Refused(thing, wanted, shown(value));
}

/**
 * Rights as the statement holds them: bit n for the n-th of the list.
 *
 * @param {unknown} value a list, or text with commas
 */
function bitsOf(value) {
  const named = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [];
  const rights = named.map((one) => String(one).trim()).filter((one) => one !== '');
  const unknown = rights.find((one) => !RIGHTS.includes(one));
  if (rights.length === 0 || unknown !== undefined) {
    throw new Refused('rights', `some of ${RIGHTS.join(', ')}`, shown(unknown ?? value));
  }
  return rights.reduce((bits, one) => bits | (1 << RIGHTS.indexOf(one)), 0);
}

module.exports = { requestOf, revokeOf };
