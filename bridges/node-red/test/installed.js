'use strict';
// Which Node-RED the tests run in: the one that this repository installs, or another one, such as of the next major
// version, installed below the folder that SEKISHO_NODE_RED names.

const { createRequire } = require('node:module');
const { join } = require('node:path');

const folder = process.env.SEKISHO_NODE_RED;
const installed = folder ? createRequire(join(folder, 'package.json')) : require;

/** Its main module, and its own `package.json`. */
module.exports = {
  runtime: installed.resolve('node-red'),
  about: installed.resolve('node-red/package.json'),
};
