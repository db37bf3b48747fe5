// A node that lies: a relay that stands between a client and a real node, and changes what the node says. On a
// plain connection it can change everything but what is signed.

import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { claimPort } from '@sekisho/e2e';
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame, type FrameInit, type FrameKind } from '../src/frame.js';
import { SUBPROTOCOL, sessionUrl } from '../src/socket.js';

/** What becomes of a frame of the node: another, several, or none. */
export type Lie = (frame: FrameKind) => FrameInit | readonly FrameInit[] | undefined;

/** See the file. */
export class Liar {
  /** What it does with each frame of the node; at first it is honest. */
  lie: Lie = (frame) => frame;
  /** What it does with each frame of the client. */
  muffle: Lie = (frame) => frame;

  private constructor(
    private readonly server: WebSocketServer,
    private readonly http: Server,
    readonly address: string,
  ) {}

  /**
   * @param web - the real node's web listener
   * @param tls - what it shows in the node's place; without it, it speaks without TLS
   */
  static async start(web: string, tls?: { cert: string; key: string }): Promise<Liar> {
    const port = await claimPort();
    const http = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    const server = new WebSocketServer({ server: http, handleProtocols: () => SUBPROTOCOL });
    const liar = new Liar(server, http, `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`);
    server.on('connection', (client) => liar.#pass(client, sessionUrl(web)));
    await new Promise<void>((ready) => {
      http.listen(port, '127.0.0.1', ready);
    });
    return liar;
  }

  /** Ends every connection; new ones are taken. */
  drop(): void {
    for (const client of this.server.clients) {
      client.terminate();
    }
  }

  async close(): Promise<void> {
    this.drop();
    this.server.close();
    await new Promise<void>((closed) => {
      this.http.close(() => closed());
    });
  }

  #pass(client: WebSocket, url: string): void {
    const node = new WebSocket(url, SUBPROTOCOL, { rejectUnauthorized: false });
    const early: Buffer[] = [];
    client.on('message', (data: Buffer) => {
      if (node.readyState === WebSocket.OPEN) {
        say(node, this.muffle(decodeFrame(data)));
      } else {
        early.push(data);
      }
    });
    node.on('open', () => {
      for (const data of early) {
        node.send(data);
      }
    });
    node.on('message', (data: Buffer) => say(client, this.lie(decodeFrame(data))));
    for (const [one, other] of [
      [client, node],
      [node, client],
    ] as const) {
      one.on('close', () => other.terminate());
      one.on('error', () => other.terminate());
    }
  }
}

function say(socket: WebSocket, frames: ReturnType<Lie>): void {
  for (const frame of frames === undefined ? [] : 'case' in frames ? [frames] : frames) {
    socket.send(encodeFrame(frame));
  }
}
