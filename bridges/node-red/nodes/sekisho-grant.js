'use strict';
// Grants, denies and revokes rights, after a preview in plain words: signs nothing that was not confirmed.

const { Granter } = require('../lib/granter');
const { answer, closeWith, userOf } = require('../lib/user');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<import('../lib/granter').Fields & { node: string }>} config
   */
  function SekishoGrant(config) {
    RED.nodes.createNode(this, config);
    const user = userOf(RED, this, config.node);
    const granter = user === undefined ? undefined : new Granter(user, config);
    answer(this, user, async (msg, send) => {
      const { isStated, msg: told } = await /** @type {Granter} */ (granter).answer(msg);
      send(isStated ? [told, null] : [null, told]);
      return isStated
        ? { fill: 'green', shape: 'dot', text: 'in force' }
        : { fill: 'blue', shape: 'ring', text: 'to be confirmed' };
    });
    closeWith(this, user);
  }
  RED.nodes.registerType('sekisho-grant', SekishoGrant);
};
