'use strict';
// What the editor asks a deployed connection: who it is, and which topics there are to choose from.

/** @typedef {import('./red').Red} Red */

/** Topics in one answer: a picker with more is none. */
const STREAMS_MAX = 500;
/** How long the editor waits, milliseconds. */
const PATIENCE = 8_000;

/**
 * @param {Red} RED
 * @param {import('./red').Request} request
 */
function connectionOf(RED, request) {
  const node = RED.nodes.getNode(request.params.id ?? '');
  return node?.type === 'sekisho-node' ? node.connection : undefined;
}

/**
 * `GET /sekisho-node/:id/streams?filter=…`: the topics that the connection may know of, with their descriptions.
 *
 * @param {Red} RED
 * @param {import('./red').Request} request
 * @param {import('./red').Response} response
 */
async function streams(RED, request, response) {
  const connection = connectionOf(RED, request);
  if (connection === undefined) return void response.status(404).json({ code: 'not-deployed' });
  const asking = Symbol('editor');
  connection.use(asking);
  try {
    const client = await connection.ready(AbortSignal.timeout(PATIENCE));
    const { filter } = request.query;
    const organisation = client.profile.principal.split('@').pop();
    const found = await client.discover(typeof filter === 'string' && filter ? filter : `${organisation}/#`);
    response.json({ streams: found.slice(0, STREAMS_MAX), more: found.length > STREAMS_MAX });
  } catch (error) {
    response
      .status(502)
      .json({ code: 'not-answered', why: error instanceof Error ? error.message : String(error) });
  } finally {
    connection.release(asking);
  }
}

/**
 * `GET /sekisho-node/:id/facts`: who it is, which root and node it trusts, and how it stands. Nothing of it is
 * secret.
 *
 * @param {Red} RED
 * @param {import('./red').Request} request
 * @param {import('./red').Response} response
 */
function facts(RED, request, response) {
  const connection = connectionOf(RED, request);
  if (connection === undefined) return void response.status(404).json({ code: 'not-deployed' });
  const { phase, error, waiting } = connection.state;
  const { principal, root, nodeKey } = connection.profile ?? {};
  response.json({ phase, why: error?.message, waiting, principal, root, nodeKey });
}

module.exports = { facts, streams };
