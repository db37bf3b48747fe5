'use strict';
// What every node has in common that uses a connection: it keeps it open as long as it lives, shows how the
// connection is, and leaves it when it is closed.

const { pause } = require('./connection');
const { MISSING, refusedBy, statusOf } = require('./status');

/**
 * @typedef {import('./connection').Connection} Connection
 * @typedef {import('./red').Node} Node
 */

/** Errors that say nothing about what was asked. */
const LOST = new Set(['disconnected', 'timed-out']);
const ATTEMPTS_MAX = 5;
/** Between two attempts, milliseconds. */
const AGAIN = 300;

/** A node's part in a connection. */
class User {
  /**
   * @param {Node} node
   * @param {Connection} connection
   */
  constructor(node, connection) {
    this.node = node;
    this.connection = connection;
    this.gone = new AbortController();
    this.look = () => node.status(statusOf(connection.state));
    connection.use(this);
    connection.on('state', this.look);
    this.look();
  }

  /** Aborted when the node is closed. */
  get signal() {
    return this.gone.signal;
  }

  /** The client, once it is connected. */
  client() {
    return this.connection.ready(this.signal);
  }

  /**
   * Asks the node something; again, where the connection was lost before there was an answer.
   *
   * @template Found
   * @param {(client: import('@sekisho/client').Client) => Promise<Found>} question that may be asked twice
   * @returns {Promise<Found>}
   */
  async ask(question) {
    for (let attempt = 1; ; attempt += 1) {
      const client = await this.client();
      try {
        return await question(client);
      } catch (error) {
        const isLost = error instanceof Error && LOST.has(error.name);
        if (!isLost || attempt === ATTEMPTS_MAX || this.signal.aborted) throw error;
        await pause(AGAIN, this.signal);
      }
    }
  }

  /**
   * Ends the node's part: what it waits for ends at once, and the connection stays until its work is over.
   *
   * @param {() => Promise<unknown>} [work] what is still to be said to the node
   */
  async close(work) {
    this.gone.abort();
    this.connection.off('state', this.look);
    try {
      await work?.();
    } finally {
      this.connection.release(this);
    }
  }
}

/**
 * Ends a node's part when the node is closed.
 *
 * @param {Node} node
 * @param {User | undefined} user
 * @param {() => Promise<unknown>} [work]
 */
function closeWith(node, user, work) {
  node.on('close', (_removed, done) => {
    void (user?.close(work) ?? Promise.resolve()).catch(() => undefined).finally(done);
  });
}

/**
 * Joins a node to the connection that its setting names; `undefined`, with the status saying so, where there is none.
 *
 * @param {import('./red').Red} RED
 * @param {Node} node
 * @param {string} id the configuration node's
 * @returns {User | undefined}
 */
function userOf(RED, node, id) {
  const server = RED.nodes.getNode(id);
  const connection = server?.connection;
  if (connection === undefined) {
    node.status(MISSING);
    return undefined;
  }
  return new User(node, connection);
}

/**
 * Answers every message with `work`, and says how it ended: `done` when it is done, and an error that a
 * catch node can take, with the status saying what was wrong.
 *
 * @param {Node} node
 * @param {User | undefined} user
 * @param {(msg: import('./red').Msg, send: (msgs: unknown) => void) => Promise<import('./status').Status | undefined | void>} work what it ends with is shown
 */
function answer(node, user, work) {
  node.on('input', async (msg, send, done) => {
    try {
      if (user === undefined) throw new Error('connection: wanted a sekisho-node, found none: choose one');
      const status = await work(msg, send);
      if (status === undefined) user.look();
      else node.status(status);
      done();
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (!user?.signal.aborted) node.status(refusedBy(error));
      done(error);
    }
  });
}

module.exports = { User, userOf, answer, closeWith };
