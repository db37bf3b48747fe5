// A cable between two cities that can be pulled: passes the datagrams of QUIC on, until it is told not to.

import { createSocket, type Socket } from 'node:dgram';

import { claimPort } from './port.js';

/** A relay between nodes that dial and one that listens, all on loopback. */
export class DatagramRelay {
  readonly #near: Socket;
  readonly #target: number;
  /** One socket towards the target for each port that dials. */
  readonly #far = new Map<number, Socket>();
  /** Where it listens, such as `127.0.0.1:10001`. */
  readonly address: string;
  #isCut = false;

  private constructor(near: Socket, port: number, target: number) {
    this.#near = near;
    this.#target = target;
    this.address = `127.0.0.1:${port}`;
    near.on('message', (datagram, { port: from }) => this.#out(datagram, from));
  }

  /** Listens, and passes on to `target`, `127.0.0.1:port`. */
  static async start(target: string): Promise<DatagramRelay> {
    const port = await claimPort();
    const near = createSocket('udp4');
    await new Promise<void>((told) => {
      near.bind(port, '127.0.0.1', told);
    });
    return new DatagramRelay(near, port, Number(new URL(`tcp://${target}`).port));
  }

  #out(datagram: Buffer, from: number): void {
    if (this.#isCut) return;
    let far = this.#far.get(from);
    if (far === undefined) {
      far = createSocket('udp4');
      this.#far.set(from, far);
      far.on('message', (back) => {
        if (!this.#isCut) this.#near.send(back, from, '127.0.0.1');
      });
    }
    far.send(datagram, this.#target, '127.0.0.1');
  }

  /** Pulls the cable: nothing gets through, and nobody is told. */
  cut(): void {
    this.#isCut = true;
  }

  /** Puts it in again. */
  mend(): void {
    this.#isCut = false;
  }

  /** Ends it for good. */
  close(): void {
    for (const socket of [this.#near, ...this.#far.values()]) socket.close();
  }
}
