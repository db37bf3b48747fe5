'use strict';
// Who a flow is towards a node: the folder of `sekisho join`, or one that is made from a join token. Private
// keys are in a file of mode 0600 below Node-RED's own folder; they never enter a flow, nor leave the machine.

const { createHash } = require('node:crypto');
const { mkdir } = require('node:fs/promises');
const { join } = require('node:path');
const { Refused } = require('./refused');

/**
 * @typedef {object} Settings
 * @property {'token' | 'folder'} kind
 * @property {string} [token] what `sekisho enrol` printed
 * @property {string} [folder] what `sekisho join` made
 * @property {string} web `host:port` of the node's web listener, or a ws:// or wss:// URL; empty = as in the profile
 * @property {string} userDir Node-RED's own folder
 */

const SOFTWARE = `node-red-sekisho/${require('../package.json').version}`;
/** How long an attempt may take before the status says that nobody answers, milliseconds. */
const PATIENCE = 8_000;

/**
 * The folder that keeps a token's keys. It is named by the token's hash: the same token finds its keys again,
 * whatever became of the flow, and a name tells nothing.
 *
 * @param {string} userDir
 * @param {string} token
 */
function folderOf(userDir, token) {
  const name = createHash('sha256').update(tokenIn(token)).digest('hex').slice(0, 32);
  return join(userDir, 'sekisho', name);
}

/**
 * The token in what was pasted, which may have the words around it that were printed with it.
 *
 * @param {string} text
 */
function tokenIn(text) {
  return /sekisho-join-v\d+\.[a-z2-7]+/.exec(text)?.[0] ?? text.trim();
}

/**
 * Opens a connection as the settings say, joining first where that has not been done.
 *
 * @param {Settings} settings
 * @param {import('./connection').Attempt} attempt
 * @returns {Promise<import('@sekisho/client').Client>}
 */
async function open(settings, { signal, onWaiting }) {
  const [{ Client }, { openFolder }] = await Promise.all([sdk(), sdkNode()]);
  const folder = settings.kind === 'folder' ? given(settings) : await joined(settings, signal, onWaiting);
  const { profile, keys, trust, via } = await openFolder(folder);
  const web = settings.web || profile.web;
  if (!web) throw new Refused('address', 'host:port of the node’s web listener', 'nothing');
  const parts = { profile, keys, trust, via, web, signal };
  return Client.connect({ ...parts, software: SOFTWARE, connectTimeout: PATIENCE });
}

/** @param {Settings} settings */
function given({ folder }) {
  if (!folder) throw new Refused('folder', 'the path of what `sekisho join` made', 'nothing');
  return folder;
}

/**
 * @param {Settings} settings
 * @param {AbortSignal} signal
 * @param {(waiting: import('./connection').Waiting) => void} onWaiting
 */
async function joined({ token, web, userDir }, signal, onWaiting) {
  if (!token) throw new Refused('join token', 'what `sekisho enrol` prints', 'nothing');
  const folder = folderOf(userDir, token);
  const { folderStore, via } = await sdkNode();
  const store = folderStore(folder);
  if ((await store.profile()) !== undefined) return folder;
  if (!web) throw new Refused('address', 'host:port of the node’s web listener', 'nothing');
  await mkdir(join(userDir, 'sekisho'), { recursive: true, mode: 0o700 });
  const { join: joinNode } = await sdk();
  await joinNode(tokenIn(token), { store, web, via, onWaiting, signal });
  return folder;
}

/** Settings and keys that are wrong stay so until somebody changes them. */
const FINAL = new Set(['Refused', 'ParseError', 'KeyError', 'not-enrolled']);

/**
 * Whether trying again would be answered alike.
 *
 * @param {unknown} error
 * @returns {boolean}
 */
function isFinal(error) {
  if (!(error instanceof Error)) return false;
  // A refusal says itself whether it may pass.
  return 'mayPass' in error ? !error.mayPass : FINAL.has(error.name);
}

/** The SDK is an ES module: loaded once, when it is first needed. */
const sdk = () => import('@sekisho/client');
const sdkNode = () => import('@sekisho/client/node');

module.exports = { open, isFinal, folderOf, sdk };
