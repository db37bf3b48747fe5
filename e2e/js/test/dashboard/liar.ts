// A node that lies: everything passes between the browser and a real node, but on the way back the
// bodies of records can be changed, as whoever holds the node could.

import { connect, createServer, type Server, type Socket } from 'node:net';

import { claimPort } from '../../src/index.js';

const MARK = Buffer.from('application/vnd.sekisho.samples');
/** Bytes behind the mark that are in the sealed body and no longer in the header. */
const INTO_BODY = 80;

/** Passes pages and sessions on, and lies where it is told to. */
export class Liar {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly web: string;
  /** Whether records are changed. */
  isLying = false;
  /** How many it passes on as they are before it lies once, and then no more; without it every one is changed. */
  spared: number | undefined;
  /** Records that were changed. */
  lies = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.web = `http://127.0.0.1:${port}`;
  }

  static async start(web: string): Promise<Liar> {
    const { hostname, port } = new URL(web);
    const own = await claimPort();
    const server = createServer();
    const liar = new Liar(server, own);
    server.on('connection', (near) => liar.#pass(near, hostname, Number(port)));
    await new Promise<void>((told) => {
      server.listen(own, '127.0.0.1', told);
    });
    return liar;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((told) => {
      this.#server.close(() => told());
    });
  }

  #pass(near: Socket, host: string, port: number): void {
    const far = connect(port, host);
    let rest: Buffer = Buffer.alloc(0);
    let isSession = false;
    near.on('data', (data: Buffer) => {
      isSession ||= data.subarray(0, 4096).includes('/v1/session');
      far.write(data);
    });
    far.on('data', (data: Buffer) => {
      if (!isSession) {
        near.write(data);
        return;
      }
      rest = this.#frames(Buffer.concat([rest, data]), near);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroy();
      });
    }
  }

  /** Passes whole frames of RFC 6455 on; gives what is left over. */
  #frames(bytes: Buffer, near: Socket): Buffer {
    let at = 0;
    if (bytes.subarray(0, 5).toString() === 'HTTP/') {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return bytes;
      at = end + 4;
      near.write(bytes.subarray(0, at));
    }
    for (;;) {
      const length = frameLength(bytes, at);
      if (length === undefined || at + length > bytes.length) return bytes.subarray(at);
      const frame = Buffer.from(bytes.subarray(at, at + length));
      if (this.isLying) this.#lie(frame);
      near.write(frame);
      at += length;
    }
  }

  #lie(frame: Buffer): void {
    const found = frame.indexOf(MARK);
    const place = found + MARK.length + INTO_BODY;
    if (found < 0 || place >= frame.length) return;
    if (this.spared !== undefined) {
      this.spared -= 1;
      if (this.spared !== -1) return;
    }
    frame[place] = (frame[place] ?? 0) ^ 1;
    this.lies += 1;
  }
}

/** Bytes of the frame that begins here, header included; nothing while its header is not whole. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 2) return undefined;
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) return bytes.length < at + 4 ? undefined : 4 + bytes.readUInt16BE(at + 2);
  return bytes.length < at + 10 ? undefined : 10 + Number(bytes.readBigUInt64BE(at + 2));
}
