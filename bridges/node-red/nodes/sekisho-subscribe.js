'use strict';
// Brings what is published on the topics of a filter into a flow: verified, opened, as typed values.

const { Follower } = require('../lib/follower');
const { closeWith, userOf } = require('../lib/user');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<import('../lib/follower').Fields & { node: string }>} config
   */
  function SekishoSubscribe(config) {
    RED.nodes.createNode(this, config);
    const user = userOf(RED, this, config.node);
    if (user === undefined) return;
    const follower = new Follower(this, user, config);
    closeWith(this, user, () => follower.ended());
  }
  RED.nodes.registerType('sekisho-subscribe', SekishoSubscribe);
};
