// An OpenID provider on a loopback port. Prints its issuer when it listens.
// node provider.mjs [SECONDS by which its clock is behind]
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const behindMs = Number(process.argv[2] ?? 0) * 1000;
if (behindMs > 0) {
  const now = Date.now;
  Date.now = () => now() - behindMs;
}

/** Someone who signs in on another screen or on a page of a node, which is anywhere on this machine. */
const client = (client_id) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code'],
  // The port of a loopback address counts for nothing (RFC 8252 §7.3).
  redirect_uris: ['http://127.0.0.1/', 'http://127.0.0.1/console'],
  response_types: ['code'],
});

const server = createServer((request, response) => handle(request, response));
let handle = (_request, response) => response.writeHead(503).end();

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client('sekisho'), client('another')],
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ['administrators'] }) }),
    clientBasedCORS: (_context, origin) => new URL(origin).hostname === '127.0.0.1',
    ttl: { IdToken: 600 },
  });
  handle = provider.callback();
  process.stdout.write(`${issuer}\n`);
});
