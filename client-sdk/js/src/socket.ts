// What carries messages to a node's web listener and back, in browsers and in Node.js alike.

import { ParseError, quote } from './decode_error.js';
import { Disconnected } from './failure.js';
import { FRAME_BYTES_MAX } from './limits.js';
import { deferred, Queue } from './waiting.js';

/** Where a node's web listener has the session. */
const PATH = '/v1/session';
/** What both ends mean to speak. */
export const SUBPROTOCOL = 'sekisho.v1';
/** Messages of a node that nobody has read yet, and their bytes; subscriptions are bounded besides. */
const MESSAGES_MAX = 65_536;
const MESSAGES_BYTES_MAX = 64 * 1024 * 1024;

/** The part of a WebSocket that is used here, which browsers and the package `ws` have in common. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: (event: unknown) => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
}

/** A socket on which nothing was said yet, and what was seen of the node while it was opened. */
export interface Opened {
  readonly socket: WebSocketLike;
  /**
   * Once it is open: SHA-256 of the certificate that TLS showed; 32 zero bytes without TLS; undefined
   * where it cannot be seen, as in a browser.
   */
  certificate(): Uint8Array | undefined;
}

/** Opens a WebSocket. Browsers: {@link browserVia}; Node.js: `via` of `@sekisho/client/node`. */
export type Via = (url: string) => Opened;

/** Opens WebSockets as browsers do. Works wherever there is a global `WebSocket`. */
export const browserVia: Via = (url) => {
  if (!('WebSocket' in globalThis)) {
    throw new TypeError(
      'via: wanted a global WebSocket, found none; in Node.js: via of @sekisho/client/node',
    );
  }
  const socket = new WebSocket(url, SUBPROTOCOL);
  const certificate = url.startsWith('ws:') ? new Uint8Array(32) : undefined;
  return { socket: socket as unknown as WebSocketLike, certificate: () => certificate };
};

/** Hosts between which and this machine nobody stands. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The URL of a node's session: of `host:port`, which means TLS, or of an address with `ws://`, `wss://`,
 * `http://` or `https://`, such as a page's own. Nothing but host and port of it counts.
 *
 * @throws ParseError where it is no address, or one without TLS that is not on this machine
 */
export function sessionUrl(web: string): string {
  const url = parsedUrl(web);
  const isPlain = url.protocol === 'ws:' || url.protocol === 'http:';
  if (isPlain && !LOOPBACK.test(url.hostname)) {
    throw new ParseError('web', 'TLS, but for a node on this machine', quote(web));
  }
  return `${isPlain ? 'ws' : 'wss'}://${url.host}${PATH}`;
}

/** A WebSocket as what is taken from it in order, and what is given to it. */
export class MessageSocket {
  readonly #socket: WebSocketLike;
  readonly #messages = new Queue<Uint8Array>();
  readonly #ended = deferred<Error>();
  #heard = 0;
  #unread = 0;

  private constructor(socket: WebSocketLike) {
    this.#socket = socket;
  }

  /** Resolves when messages can be sent, or rejects with {@link Disconnected}. */
  static async open({ socket }: Opened): Promise<MessageSocket> {
    const wrapped = new MessageSocket(socket);
    const open = deferred<void>();
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => open.resolve());
    socket.addEventListener('message', ({ data }) => wrapped.#take(data));
    // A browser does not say what is wrong; `ws` does.
    socket.addEventListener('error', (event) => wrapped.#end(messageOf(event)));
    socket.addEventListener('close', ({ code, reason }) => wrapped.#end(`${code} ${reason}`.trimEnd()));
    await Promise.race([open.promise, wrapped.#ended.promise.then((cause) => Promise.reject(cause))]);
    return wrapped;
  }

  /** How many messages have come. */
  get heard(): number {
    return this.#heard;
  }

  /** Bytes that wait to leave. */
  get waiting(): number {
    return this.#socket.bufferedAmount;
  }

  /** Resolves with why it ended. */
  get ended(): Promise<Error> {
    return this.#ended.promise;
  }

  /** The next message; rejects with {@link Disconnected} behind the last one. */
  async next(): Promise<Uint8Array> {
    const message = await this.#messages.take();
    if (message === undefined) {
      throw await this.#ended.promise;
    }
    this.#unread -= message.length;
    return message;
  }

  send(message: Uint8Array): void {
    if (!this.#messages.isEnded) {
      this.#socket.send(message as Uint8Array<ArrayBuffer>);
    }
  }

  close(why: string): void {
    this.#end(why);
    this.#socket.close(1000);
  }

  #take(data: unknown): void {
    this.#heard += 1;
    if (!(data instanceof ArrayBuffer) || data.byteLength > FRAME_BYTES_MAX) {
      this.close('wanted binary messages of bounded length, found another');
    } else if (this.#messages.length >= MESSAGES_MAX || this.#unread + data.byteLength > MESSAGES_BYTES_MAX) {
      this.close('wanted no more than was asked for, found more');
    } else {
      this.#unread += data.byteLength;
      this.#messages.push(new Uint8Array(data));
    }
  }

  #end(why: string): void {
    this.#ended.resolve(new Disconnected(why));
    this.#messages.end();
  }
}

function messageOf(event: unknown): string {
  const message =
    typeof event === 'object' && event !== null && 'message' in event ? event.message : undefined;
  return typeof message === 'string' && message !== '' ? message : 'no WebSocket there';
}

function parsedUrl(web: string): URL {
  try {
    return new URL(web.includes('://') ? web : `wss://${web}`);
  } catch {
    throw new ParseError('web', "host:port, or a URL of a node's web listener", quote(web));
  }
}
