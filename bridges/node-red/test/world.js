'use strict';
// Flows of a real Node-RED runtime, in this process, with these nodes; and cities of real processes.

const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const helper = require('node-red-node-test-helper');
const { eventually } = require('./eventually');
const { runtime } = require('./installed');

const NODES = ['node', 'subscribe', 'publish', 'discover', 'history', 'grant'].map((name) =>
  require(`../nodes/sekisho-${name}`),
);

helper.init(runtime);

/** Node-RED's own folder, as the runtime of a test has it. */
const userDir = mkdtempSync(join(tmpdir(), 'sekisho-flows-'));
process.once('exit', () => rmSync(userDir, { recursive: true, force: true }));
helper.settings({ userDir });

/** The real processes: `@sekisho/e2e` is an ES module. */
const e2e = () => import('@sekisho/e2e');

/** The connection of a member, from its folder. */
function connection(city, member, id = 'n') {
  return { id, type: 'sekisho-node', name: '', web: city.web, identity: 'folder', folder: member.dir };
}

let isLoaded = false;

/** Loads a flow, replacing the one before. */
async function load(flow, credentials = {}) {
  if (isLoaded) await unload();
  isLoaded = true;
  await helper.load(NODES, flow, credentials);
}

/** Ends the flow; resolves when every node is closed. */
async function unload() {
  isLoaded = false;
  await helper.unload();
}

/** What a helper node was sent from now on. */
function inbox(id) {
  const msgs = [];
  helper.getNode(id).on('input', (msg) => msgs.push(msg));
  return msgs;
}

/** The texts that a node has shown, in order. */
function statuses(id) {
  const node = helper.getNode(id);
  return node.status
    .getCalls()
    .filter((call) => call.thisValue === node)
    .map((call) => call.firstArg.text);
}

/** Waits until a node shows a text. */
function shows(id, text) {
  return eventually(`${id} to show "${text}"`, () => statuses(id).at(-1) === text);
}

/**
 * Sends a message into a node; resolves when it is done, with `undefined` or with the error.
 */
function into(id, msg) {
  const node = helper.getNode(id);
  return new Promise((resolve) => {
    node._inputCallback
      ? node._inputCallback.call(node, msg, (msgs) => node.send(msgs), resolve)
      : node.emit('input', msg, (msgs) => node.send(msgs), resolve);
  });
}

module.exports = { helper, userDir, e2e, connection, load, unload, inbox, statuses, shows, into, eventually };
