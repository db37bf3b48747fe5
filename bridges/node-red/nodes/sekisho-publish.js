'use strict';
// Publishes what a flow hands it: checked against the topic's description, signed and sealed here, and done
// when it is durable at the node.

const { Outlet } = require('../lib/outlet');
const { answer, closeWith, userOf } = require('../lib/user');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<import('../lib/outlet').Fields & { node: string }>} config
   */
  function SekishoPublish(config) {
    RED.nodes.createNode(this, config);
    const user = userOf(RED, this, config.node);
    const outlet = user === undefined ? undefined : new Outlet(user, config);
    answer(this, user, (msg) => /** @type {Outlet} */ (outlet).publish(msg));
    closeWith(this, user, async () => outlet?.close());
  }
  RED.nodes.registerType('sekisho-publish', SekishoPublish);
};
