'use strict';
// The connection to a node that other nodes of a flow share: who one is there, and what is going on with it.
// The editor asks it for topics to choose from.

const { Connection } = require('../lib/connection');
const { isFinal, open } = require('../lib/identity');
const { facts, streams } = require('../lib/editor');

/** @param {import('../lib/red').Red} RED */
module.exports = (RED) => {
  /**
   * @this {import('../lib/red').Node}
   * @param {import('../lib/red').Config<{ web?: string, identity?: string, folder?: string }>} config
   */
  function SekishoNode(config) {
    RED.nodes.createNode(this, config);
    const settings = {
      kind: /** @type {'token' | 'folder'} */ (config.identity === 'folder' ? 'folder' : 'token'),
      token: this.credentials?.token ?? '',
      folder: config.folder?.trim() ?? '',
      web: config.web?.trim() ?? '',
      userDir: RED.settings.userDir ?? process.cwd(),
    };
    this.connection = new Connection({ open: (attempt) => open(settings, attempt), isFinal });
    this.connection.on('state', (state) => tell(this, state));
    this.on('close', (_removed, done) => {
      void this.connection?.close().finally(done);
    });
  }
  RED.nodes.registerType('sekisho-node', SekishoNode, { credentials: { token: { type: 'password' } } });

  if (RED.httpAdmin === undefined) return;
  const mayRead = RED.auth.needsPermission('sekisho-node.read');
  RED.httpAdmin.get('/sekisho-node/:id/streams', mayRead, (request, response) =>
    streams(RED, request, response),
  );
  RED.httpAdmin.get('/sekisho-node/:id/facts', mayRead, (request, response) => facts(RED, request, response));
};

/**
 * An error with what caused it.
 *
 * @param {Error} error
 * @returns {string}
 */
function explained({ message, cause }) {
  return cause instanceof Error ? `${message}: ${explained(cause)}` : message;
}

/**
 * What somebody has to know who looks at the log: each once, and not with every attempt.
 *
 * @param {import('../lib/red').Node & { said?: string }} node
 * @param {import('../lib/connection').State} state
 */
function tell(node, { phase, error, waiting }) {
  const why =
    (error && explained(error)) ?? (waiting && `${waiting.why} (fingerprint ${waiting.fingerprint})`) ?? '';
  const said = `${phase} ${why}`;
  if (node.said === said) return;
  node.said = said;
  if (phase === 'refused') node.error(`refused: ${why}`);
  else if (error !== undefined) node.warn(`not connected, trying again: ${why}`);
  else if (waiting !== undefined) node.warn(`to be admitted: ${why}`);
  else node.log(phase);
}
