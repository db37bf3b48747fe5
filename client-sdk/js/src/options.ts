// What a client is told once: who it is, what it trusts, and how patient it is.

import type { Identity } from './identity.js';
import type { Via } from './socket.js';
import type { Notebook } from './trust/logs.js';

/** What a principal needs to know before it can connect. Nothing of it is secret. */
export interface Profile {
  /** Who it is, such as `truck-17@fujisawa`. */
  readonly principal: string;
  /** SHA-256 of the body of its organisation's root statement, 64 hexadecimal digits. */
  readonly root: string;
  /** The only key that its node may prove to hold, 64 hexadecimal digits. */
  readonly nodeKey: string;
  /** Its node's address for QUIC, `host:port`, which this package does not speak. */
  readonly node: string;
  /** Its node's web listener: `host:port`, or a URL with `wss://`, or `ws://` on loopback. */
  readonly web?: string;
}

/** Keeps a principal's keys. */
export interface KeyStore {
  /** The keys, to sign and to open with. */
  identity(): Promise<Identity>;
}

/** Keeps what was last trusted of logs, durable before it is acted on. */
export interface TrustStore {
  readonly notebook: Notebook;
}

/** How a client is to be. */
export interface ConnectOptions {
  readonly profile: Profile;
  readonly keys: KeyStore;
  /** What was last trusted of the node's log. Default: in memory, forgotten with the client. */
  readonly trust?: TrustStore;
  /** The node's web listener, in place of what the profile says. */
  readonly web?: string;
  /** What opens WebSockets. Default: the global `WebSocket`; Node.js: `via` of `@sekisho/client/node`. */
  readonly via?: Via;
  /** Name and version of the program, for the node's logs. Default: this package's. */
  readonly software?: string;
  /** How long the first Welcome may take, milliseconds. Default 15,000; `Infinity` = for ever. */
  readonly connectTimeout?: number;
  /** How long the node may take to answer a question, milliseconds. Default 10,000. */
  readonly queryTimeout?: number;
  /** Pauses between attempts to connect, milliseconds: they double from `min` (250) to `max` (30,000),
   * and each is spread over the upper half of its step. */
  readonly backoff?: { readonly min: number; readonly max: number };
  /** How often the node is asked for the checkpoint of its log, milliseconds. Default 300,000. */
  readonly checkpointEvery?: number;
  /** Ends the client when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The same with nothing left open. */
export interface Settings {
  readonly software: string;
  readonly connectTimeout: number;
  readonly queryTimeout: number;
  readonly backoff: { readonly min: number; readonly max: number };
  readonly checkpointEvery: number;
}

/** Fills in the defaults. */
export function settingsOf(options: ConnectOptions): Settings {
  return {
    software: options.software ?? 'sekisho-js/0.1.0',
    connectTimeout: options.connectTimeout ?? 15_000,
    queryTimeout: options.queryTimeout ?? 10_000,
    backoff: options.backoff ?? { min: 250, max: 30_000 },
    checkpointEvery: options.checkpointEvery ?? 300_000,
  };
}
