// A cable that can be pulled: passes TCP on to a node's web listener, until it is told not to.

import { connect, createServer, type Server, type Socket } from 'node:net';

import { claimPort } from './port.js';

/** A relay between a client and a listener, both on loopback. */
export class Relay {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Where it listens, such as `127.0.0.1:10001`. */
  readonly address: string;
  #isCut = false;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** Listens, and passes on to `target`, `host:port` or an address of {@link City.web}. */
  static async start(target: string): Promise<Relay> {
    const { hostname, port } = new URL(target.includes('://') ? target : `tcp://${target}`);
    const own = await claimPort();
    const server = createServer();
    const relay = new Relay(server, `127.0.0.1:${own}`);
    server.on('connection', (near) => relay.#pass(near, hostname, Number(port)));
    await new Promise<void>((told) => {
      server.listen(own, '127.0.0.1', told);
    });
    return relay;
  }

  #pass(near: Socket, host: string, port: number): void {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = connect(port, host);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroy();
      });
    }
  }

  /** Pulls the cable: everything that passes ends, and nothing new gets through. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) {
      socket.destroy();
    }
  }

  /** Puts it in again. */
  mend(): void {
    this.#isCut = false;
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((told) => {
      this.#server.close(() => told());
    });
  }
}
