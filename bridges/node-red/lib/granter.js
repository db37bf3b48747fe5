'use strict';
// Rights that a flow gives and takes: first a preview in plain words, then, with a yes to that very preview,
// a signed statement.

const { createHash } = require('node:crypto');
const { sdk } = require('./identity');
const { Refused, shown } = require('./refused');
const { requestOf, revokeOf } = require('./request');

/**
 * @typedef {import('@sekisho/client').Client} Client
 * @typedef {import('./red').Msg} Msg
 * @typedef {import('./request').Fields & { ask?: string, language?: string }} Fields
 *   ask: `always`, or before what is `dangerous`
 * @typedef {{ preview: string, warnings: string[] }} Told
 * @typedef {Told & { isForSteward: boolean }} Weighed whether the steward has to sign as well
 * @typedef {{ isStated: boolean, msg: Msg }} Answer
 */

/** See the file. */
class Granter {
  /**
   * @param {import('./user').User} user
   * @param {Fields} fields
   */
  constructor(user, fields) {
    this.user = user;
    this.fields = fields;
  }

  /**
   * The message to be sent on: what was stated, or what is to be confirmed.
   *
   * @param {Msg} msg
   * @returns {Promise<Answer>}
   * @throws {Error} something is missing, nobody may sign that here, or it is another than was confirmed
   */
  async answer(msg) {
    const client = await this.user.client();
    const organisation = client.profile.principal.split('@').pop() ?? '';
    const here = { organisation, now: client.now() };
    const request = requestOf(this.fields, msg, here);
    const confirmation = createHash('sha256').update(request.words).digest('hex');
    const isYes = msg.confirm === true;
    if (isYes && msg.confirmation !== undefined && msg.confirmation !== confirmation) {
      throw new Refused('msg.confirmation', 'that of this very statement', shown(msg.confirmation));
    }
    const bodies = await this.bodies(client, request, here);
    const { isForSteward, ...told } = await this.weigh(client, bodies, here.now);
    const isGrave = told.warnings.length > 0 || request.principal !== undefined;
    if (!isYes && (this.fields.ask !== 'dangerous' || isGrave)) {
      return { isStated: false, msg: { ...msg, ...told, confirmation } };
    }
    const statement = await this.state(client, bodies, isForSteward);
    const { confirm: _confirm, confirmation: _confirmation, ...rest } = msg;
    return { isStated: true, msg: { ...rest, ...told, statement } };
  }

  /**
   * What is to be signed: of a principal every key that it has.
   *
   * @private
   * @param {Client} client
   * @param {import('./request').Request} request
   * @param {import('./request').Here} here
   */
  async bodies(client, { body, principal, reason }, here) {
    if (body !== undefined) return [body];
    const what = /** @type {{ keys?: string[] }} */ (await client.what(String(principal)));
    const keys = what.keys ?? [];
    if (keys.length === 0)
      throw new Refused('target', 'somebody who has a key that is in force', shown(principal));
    return keys.map((key) => revokeOf({ principal: key }, reason, here));
  }

  /**
   * @private
   * @param {Client} client
   * @param {import('@sekisho/client').StatementBody[]} bodies
   * @param {number} now
   * @returns {Promise<Weighed>}
   */
  async weigh(client, bodies, now) {
    const { backgroundOf, effectOf, notesOf, previewOf, saidOf } = await import('@sekisho/client/preview');
    const streams = await client.discover(`${client.profile.principal.split('@').pop()}/#`).catch(() => []);
    const personal = new Set(
      streams.filter((stream) => stream.class === 'personal').map(({ topic }) => topic),
    );
    const self = { name: client.profile.principal, id: client.principalId };
    /** @type {Weighed} */
    const told = { preview: '', warnings: [], isForSteward: false };
    for (const body of bodies) {
      const document = await client.diff(body);
      // An administrator may not state everything alone; what not, the steward is asked to sign, too.
      told.isForSteward ||= notesOf(document).refused !== undefined;
      const background = backgroundOf(document, now);
      const effect = effectOf(document);
      const around = { self, personal, kindOf: () => background.kind, effect, holder: background.holder };
      const preview = previewOf(saidOf(body), background, this.language(), around);
      told.preview = [told.preview, preview.text].filter(Boolean).join('\n');
      told.warnings.push(...preview.warnings);
    }
    return told;
  }

  /** @private @returns {'en' | 'es' | 'ja'} */
  language() {
    const { language } = this.fields;
    return language === 'es' || language === 'ja' ? language : 'en';
  }

  /**
   * @private
   * @param {Client} client
   * @param {import('@sekisho/client').StatementBody[]} bodies
   * @param {boolean} isForSteward
   * @returns {Promise<string[]>} ids
   */
  async state(client, bodies, isForSteward) {
    const { statementId } = await sdk();
    const signed = await Promise.all(bodies.map((body) => client.sign(body)));
    if (!isForSteward) {
      const indices = await client.submit(signed).catch(unlessNotPermitted);
      if (indices !== undefined) return signed.map(statementId);
    }
    const stated = await client.errands.countersign(signed, { signal: this.user.signal });
    return stated.map(statementId);
  }
}

/**
 * What an administrator may not state alone; the steward decides whether together.
 *
 * @param {Error} error
 * @returns {undefined}
 * @throws {Error} any other
 */
function unlessNotPermitted(error) {
  if (error.name !== 'not-permitted') throw error;
}

module.exports = { Granter };
