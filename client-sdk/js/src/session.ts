// Keeps one connection to the node alive for everything that uses it: dials, is welcomed, checks the log
// that the node shows, and dials again after a loss, each time later and at another moment than everybody.

import { Backoff } from './backoff.js';
import { fromHex } from './bytes.js';
import { asError, Closed, NodeNotProven, TimedOut } from './failure.js';
import type { Identity } from './identity.js';
import { type AnswerBody, Link, type Question } from './link.js';
import { greet, login } from './login.js';
import { parsePrincipalName } from './name.js';
import type { Profile, Settings } from './options.js';
import { Refusal } from './refusal.js';
import { MessageSocket, sessionUrl, type Via } from './socket.js';
import type { Asker } from './trust/asker.js';
import { Directory } from './trust/directory.js';
import { TrustError } from './trust/error.js';
import { Logs, type Notebook } from './trust/logs.js';
import { KeyRing } from './trust/verifier.js';
import { pause, unlessAborted, Watched, within } from './waiting.js';

/** How long a handshake, a login and a greeting may take together, milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** A connection that lived this long was a good one: after it, dialling starts without delay. */
const STEADY_AFTER = 10_000;
/** Clocks that differ by less are taken for the same, milliseconds. */
const CLOCK_TOLERANCE = 2_000;

/** How far a node's clock may be put back in all, milliseconds: what clocks are corrected by. */
const CLOCK_BACK_MAX = 5_000;

/** Where a client stands. */
export type State = 'connecting' | 'connected' | 'closed';

/** The same, with the connection, or with why there is none. */
export type Standing =
  | { readonly state: 'connecting'; readonly reason: Error | undefined }
  | { readonly state: 'connected'; readonly link: Link }
  | { readonly state: 'closed'; readonly reason: Error };

/** What a session is made of. */
export interface SessionParts {
  readonly profile: Profile;
  readonly web: string;
  readonly identity: Identity;
  readonly notebook: Notebook;
  readonly via: Via;
  readonly settings: Settings;
}

/** See the file. */
export class Session {
  readonly identity: Identity;
  readonly profile: Profile;
  readonly settings: Settings;
  readonly organisation: string;
  /** What trusted statements say. */
  readonly directory: Directory;
  /** The logs of the node. */
  readonly logs: Logs;
  /** The epochs' keys that were given to this client. */
  readonly keyRing = new KeyRing();
  readonly standing = new Watched<Standing>({ state: 'connecting', reason: undefined });
  readonly #url: string;
  readonly #via: Via;
  readonly #nodeKey: Uint8Array;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #generation = 0;
  #clockOffset = 0;
  /** The latest time that the node's clock can have reached, and this machine's steady one then; milliseconds. */
  #heard: { readonly node: number; readonly at: number } | undefined;
  #wake = new AbortController();

  constructor(parts: SessionParts) {
    this.identity = parts.identity;
    this.profile = parts.profile;
    this.settings = parts.settings;
    this.organisation = parsePrincipalName(parts.profile.principal).organisation;
    this.directory = new Directory(this.organisation, parts.profile.root);
    this.#nodeKey = fromHex(parts.profile.nodeKey);
    this.logs = new Logs({
      organisation: this.organisation,
      nodeKey: this.#nodeKey,
      notebook: parts.notebook,
      now: () => this.nowUs(),
    });
    this.#url = sessionUrl(parts.web);
    this.#via = parts.via;
    this.#backoff = new Backoff(parts.settings.backoff.min, parts.settings.backoff.max);
  }

  /** Aborted when the session is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** How far the node's clock is ahead of this machine's, milliseconds; as of the last Welcome. */
  get clockOffset(): number {
    return this.#clockOffset;
  }

  /** Now, by the node's clock, milliseconds since 1970; this machine's may be wrong. */
  nodeTime(): number {
    return Date.now() + this.#clockOffset;
  }

  /** Now, by this machine's clock, or by the node's where that is clearly another. */
  nowUs(): bigint {
    const offset = Math.abs(this.#clockOffset) < CLOCK_TOLERANCE ? 0 : this.#clockOffset;
    return BigInt(Date.now() + Math.round(offset)) * 1000n;
  }

  /** Dials until it is closed, or the node does not want this client. */
  async run(): Promise<void> {
    const wake = () => this.#wake.abort();
    globalThis.addEventListener?.('online', wake);
    try {
      await this.#run();
    } finally {
      globalThis.removeEventListener?.('online', wake);
    }
  }

  async #run(): Promise<void> {
    while (!this.closing.aborted) {
      const reason = await this.#once().catch(asError);
      if (this.closing.aborted || this.#isPermanent(reason)) {
        this.close(reason);
        return;
      }
      this.standing.set({ state: 'connecting', reason });
      this.#wake = new AbortController();
      await pause(this.#backoff.next(), AbortSignal.any([this.closing, this.#wake.signal]));
    }
  }

  /** A connection that is younger than the one of this generation, as soon as there is one. */
  link(after = 0, signal?: AbortSignal): Promise<Link> {
    return this.standing.until((standing) => {
      if (standing.state === 'closed') {
        throw standing.reason;
      }
      if (standing.state !== 'connected' || standing.link.why !== undefined) {
        return undefined;
      }
      return standing.link.generation > after ? standing.link : undefined;
    }, signal);
  }

  /** Asks over whatever connection there is, waiting for one. */
  async query(question: Question): Promise<AnswerBody> {
    const { queryTimeout } = this.settings;
    const link = await within(this.link(), queryTimeout, 'a connection to the node');
    return link.query(question, queryTimeout);
  }

  /** What asks over one connection. */
  asker(link: Link): Asker {
    return { query: (question) => link.query(question, this.settings.queryTimeout) };
  }

  /** Ends everything. */
  close(reason: Error = new Closed()): void {
    const { value } = this.standing;
    if (value.state === 'closed') {
      return;
    }
    this.standing.set({ state: 'closed', reason });
    this.#closing.abort(reason);
    if (value.state === 'connected') {
      value.link.close('client closes');
    }
  }

  /** One connection, from its beginning to its end; why it ended. */
  async #once(): Promise<Error> {
    const dialling = new AbortController();
    const dialled = this.#dial(AbortSignal.any([this.closing, dialling.signal]));
    const { link, socket } = await within(dialled, HANDSHAKE_TIMEOUT, 'a welcome by the node').finally(() =>
      dialling.abort(),
    );
    const since = Date.now();
    const forget = () => link.close('client closes');
    this.closing.addEventListener('abort', forget, { once: true });
    const over = new AbortController();
    try {
      void link.ended.then(() => over.abort());
      const untrusted = this.#keepUp(link, over.signal);
      const reason = await Promise.race([link.ended, untrusted]);
      if (Date.now() - since >= STEADY_AFTER) {
        this.#backoff.reset();
      }
      return reason;
    } finally {
      over.abort();
      this.closing.removeEventListener('abort', forget);
      link.close('client leaves');
      socket.close('client leaves');
    }
  }

  async #dial(signal: AbortSignal): Promise<{ link: Link; socket: MessageSocket }> {
    const opened = this.#via(this.#url);
    const giveUp = () => opened.socket.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const socket = await MessageSocket.open(opened);
      try {
        const claim = { identity: this.identity, nodeKey: this.#nodeKey, certificate: opened.certificate() };
        await login(socket, claim);
        const welcome = await greet(socket, this.settings.software, this.organisation);
        this.#heedClock(Number(welcome.timeUs) / 1000);
        this.#generation += 1;
        return { link: new Link(socket, welcome, this.#generation), socket };
      } catch (thrown) {
        socket.close(asError(thrown).message);
        throw thrown;
      }
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Notes the node's time, which never goes back: otherwise a node that shows its log as it once was would only
   * have to say that it is still then.
   */
  #heedClock(told: number): void {
    const at = performance.now();
    const before = this.#heard;
    const latest = before === undefined ? told : Math.max(told, before.node + (at - before.at));
    this.#heard = { node: latest, at };
    this.#clockOffset = Math.max(told, latest - CLOCK_BACK_MAX) - Date.now();
  }

  /**
   * Checks what the node shows of its log before the connection is used, and again from time to time.
   * Resolves when the connection is not to be used any more; never after it has ended.
   */
  async #keepUp(link: Link, over: AbortSignal): Promise<Error> {
    try {
      while (!over.aborted) {
        await this.logs.checkOwn(this.asker(link));
        if (this.standing.value.state === 'connecting' && link.why === undefined) {
          this.standing.set({ state: 'connected', link });
        }
        await pause(this.settings.checkpointEvery, over);
      }
    } catch (thrown) {
      if (!over.aborted) {
        return asError(thrown);
      }
    }
    return link.ended;
  }

  /** Whether trying again without changing anything is pointless. */
  #isPermanent(reason: Error): boolean {
    if (reason instanceof TrustError) {
      return true;
    }
    if (reason instanceof Refusal) {
      return !reason.mayPass && reason.name !== 'unexpected-frame';
    }
    // Whoever stands in between later on shall not end a session that was good.
    return reason instanceof NodeNotProven && this.#generation === 0;
  }
}

/** Waits for the first connection, or for what patience does not help against. */
export async function welcomed(session: Session, signal: AbortSignal | undefined): Promise<Link> {
  const { connectTimeout } = session.settings;
  const welcome = unlessAborted(session.link(), signal);
  try {
    return await (Number.isFinite(connectTimeout) ? within(welcome, connectTimeout, 'Welcome') : welcome);
  } catch (thrown) {
    const { value } = session.standing;
    const cause = value.state === 'connecting' ? value.reason : undefined;
    const failure =
      thrown instanceof TimedOut
        ? new TimedOut(cause ? `Welcome (last: ${cause.message})` : 'Welcome', connectTimeout, { cause })
        : asError(thrown);
    session.close(failure);
    throw failure;
  }
}
