// WebSockets of the package `ws`, on which the node's certificate can be seen and so be bound to the login.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { FRAME_BYTES_MAX } from './limits.js';
import { SUBPROTOCOL, type Via, type WebSocketLike } from './socket.js';

/**
 * Opens WebSockets with the package `ws`. Any certificate is taken: the node proves its key in the login, and
 * signs with it the very certificate that was shown here, so that whoever stands in between gets nowhere.
 */
export const via: Via = (url) => {
  const isPlain = url.startsWith('ws:');
  // Over TLS none at first, which is no node's: a certificate that cannot be seen is not taken for the right one.
  let certificate = new Uint8Array(isPlain ? 32 : 0);
  const socket = new WebSocket(url, SUBPROTOCOL, {
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    followRedirects: false,
  });
  socket.on('upgrade', (response: IncomingMessage) => {
    if (response.socket instanceof TLSSocket) {
      const { raw }: Partial<PeerCertificate> = response.socket.getPeerCertificate();
      certificate = raw === undefined ? certificate : createHash('sha256').update(raw).digest();
    }
  });
  return { socket: socket as unknown as WebSocketLike, certificate: () => certificate };
};
