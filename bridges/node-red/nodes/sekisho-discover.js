'use strict';
// Lists the streams that one may know of, with what their owners say of them.

const { chosen, nearOf } = require('../lib/place');
const { Refused, shown } = require('../lib/refused');
const { answer, closeWith, userOf } = require('../lib/user');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<{ node: string, filter?: string, deviceType?: string, near?: string }>} config
   */
  function SekishoDiscover(config) {
    RED.nodes.createNode(this, config);
    const user = userOf(RED, this, config.node);
    answer(this, user, async (msg, send) => {
      const near = nearOf(config.near || msg.near);
      const deviceType = config.deviceType || (typeof msg.deviceType === 'string' ? msg.deviceType : '');
      const streams = await /** @type {import('../lib/user').User} */ (user).ask((client) => {
        const filter = config.filter || msg.topic || `${client.profile.principal.split('@').pop()}/#`;
        if (typeof filter !== 'string') throw new Refused('msg.topic', 'a filter', shown(filter));
        return client.discover(filter);
      });
      msg.payload = chosen(streams, { deviceType, ...(near === undefined ? {} : { near }) });
      send(msg);
    });
    closeWith(this, user);
  }
  RED.nodes.registerType('sekisho-discover', SekishoDiscover);
};
