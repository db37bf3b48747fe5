'use strict';
// What is kept: the last value of each topic, or everything of a span of time.

const { Lookup } = require('../lib/lookup');
const { answer, closeWith, userOf } = require('../lib/user');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<import('../lib/lookup').Fields & { node: string }>} config
   */
  function SekishoHistory(config) {
    RED.nodes.createNode(this, config);
    const user = userOf(RED, this, config.node);
    const lookup = user === undefined ? undefined : new Lookup(user, config);
    answer(this, user, (msg, send) => /** @type {Lookup} */ (lookup).answer(msg, send));
    closeWith(this, user);
  }
  RED.nodes.registerType('sekisho-history', SekishoHistory);
};
