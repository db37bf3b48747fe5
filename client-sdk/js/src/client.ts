// The handle to a session with a node: everything that a program does with Sekisho begins here.

import { Administration } from './administration.js';
import { fromHex } from './bytes.js';
import { asError, ProtocolViolation } from './failure.js';
import { parseFilter } from './filter.js';
import type { AnswerBody, Question } from './link.js';
import { followLog, type LogLine } from './log_follower.js';
import { parseCursor } from './name.js';
import { type ConnectOptions, type Profile, settingsOf } from './options.js';
import type { Publisher, PublisherOptions } from './publisher.js';
import { Session, type Standing, type State, welcomed } from './session.js';
import { browserVia } from './socket.js';
import { STREAMS_MAX, type Stream, type StreamsPart, streamOf, streamsOf } from './stream.js';
import { type SubscribeOptions, Subscription, type Wish } from './subscription.js';
import { parseTopic } from './topic.js';
import { MemoryNotebook } from './trust/logs.js';

/** What the node said when it let this client in. */
export interface Welcomed {
  /** Who the node takes this client for, `name@organisation`. */
  readonly principal: string;
  readonly organisation: string;
  readonly policyVersion: number;
  /** The node's clock then, milliseconds since 1970. */
  readonly time: number;
  /** The largest envelope that the node takes, bytes. */
  readonly envelopeBytesMax: number;
}

/**
 * A session with one node. It connects again by itself, with pauses that grow, until it is closed or the node
 * does not want this client any more.
 */
export class Client extends Administration {
  readonly profile: Profile;
  readonly #subscriptions = new Set<Subscription>();
  #welcome: Welcomed | undefined;

  private constructor(session: Session) {
    super(session);
    this.profile = session.profile;
    session.standing.listen((standing) => this.#note(standing));
  }

  /**
   * Connects; resolves when the node has said Welcome and the log that it shows is in order. Afterwards it
   * reconnects by itself.
   *
   * @throws Refusal, NodeNotProven, TrustError: patience does not help. TimedOut: the node was not reached
   * in time; its `cause` is the last failure. Closed: the signal was aborted. ParseError: the profile or an
   * option is none.
   */
  static async connect(options: ConnectOptions): Promise<Client> {
    const web = options.web ?? options.profile.web;
    if (web === undefined) {
      throw new TypeError("web: wanted the address of the node's web listener, found none");
    }
    const session = new Session({
      profile: options.profile,
      web,
      identity: await options.keys.identity(),
      notebook: options.trust?.notebook ?? new MemoryNotebook(),
      via: options.via ?? browserVia,
      settings: settingsOf(options),
    });
    const client = new Client(session);
    options.signal?.addEventListener('abort', () => session.close(), { once: true });
    void session.run();
    await welcomed(session, options.signal);
    return client;
  }

  /** Whether there is a connection at the moment. */
  get state(): State {
    return this.session.standing.value.state;
  }

  /** Why there is none, as far as is known. */
  get reason(): Error | undefined {
    return reasonOf(this.session.standing.value);
  }

  /** What the node said when it let this client in, the last time. */
  get welcome(): Welcomed {
    if (this.#welcome === undefined) {
      throw new ProtocolViolation('Welcome', 'none yet');
    }
    return this.#welcome;
  }

  /** How far the node's clock is ahead of this machine's, milliseconds; as of the last Welcome. */
  get clockOffset(): number {
    return this.session.clockOffset;
  }

  /** This client's principal id, hexadecimal. */
  get principalId(): string {
    return this.session.identity.id;
  }

  /** Now, milliseconds since 1970: by this machine's clock, or by the node's where that is clearly another. */
  now(): number {
    return Number(this.session.nowUs()) / 1000;
  }

  /**
   * Calls the listener whenever the state changes or another attempt has failed, with the reason where there
   * is no connection.
   *
   * @returns what ends that
   */
  onState(listener: (state: State, reason: Error | undefined) => void): () => void {
    return this.session.standing.listen((standing) => {
      // What a listener throws is its page's to hear, and no matter of the session.
      queueMicrotask(() => listener(standing.state, reasonOf(standing)));
    });
  }

  /**
   * Subscribes to the topics that match a filter, from now on unless `start` or a cursor says otherwise. It
   * begins at once and goes on over as many connections as it takes: behind the last record that came, so
   * that none is missing and none comes twice.
   *
   * @throws ParseError: the filter or cursor is none
   */
  subscribe(filter: string, options: SubscribeOptions = {}): Subscription {
    if (options.cursor !== undefined) {
      parseCursor(options.cursor);
    }
    return this.#begin({ ...options, filter: parseFilter(filter), endsAtHead: false });
  }

  /**
   * What is stored of the topics that match a filter, from all that is kept unless `start` says otherwise;
   * ends where the node's log ended when it answered.
   *
   * @throws ParseError: the filter is none
   */
  history(filter: string, options: Omit<SubscribeOptions, 'cursor'> = {}): Subscription {
    return this.#begin({ start: 'earliest', ...options, filter: parseFilter(filter), endsAtHead: true });
  }

  /**
   * A publisher on a topic; resolves when the node has told how the topic is protected.
   *
   * @throws Unprotected, Refusal, TimedOut, ParseError: the topic is none
   */
  async publisher(topic: string, options: PublisherOptions = {}): Promise<Publisher> {
    const parsed = parseTopic(topic);
    // Those who only read need not load it.
    const { Publisher } = await import('./publisher.js');
    return Publisher.start(this.session, parsed, options);
  }

  /**
   * The topics that this client may discover, by name, as the node tells them: nothing of it is signed. The node
   * tells a thousand at a time, and is asked on until it has told all, or `max`.
   *
   * @param options - `max`: default {@link STREAMS_MAX}; where as many come there may be more, which narrower
   * filters find
   * @throws ProtocolViolation where the node's list would never end
   */
  async discover(filter: string, options: { max?: number } = {}): Promise<Stream[]> {
    const { max = STREAMS_MAX } = options;
    const parsed = parseFilter(filter);
    const found: Stream[] = [];
    let after: string | undefined = '';
    while (after !== undefined && found.length < max) {
      const value = { filter: parsed, after, max: max - found.length };
      const part: StreamsPart = streamsOf(await this.document({ case: 'discover', value }), after);
      found.push(...part.streams);
      after = part.next;
    }
    return found.slice(0, max);
  }

  /**
   * What the topic's owner says of it, signed and verified; undefined where nobody described it, or where it
   * is another organisation's and not known here.
   */
  async describe(topic: string): Promise<Stream | undefined> {
    const answer = await this.session.query({ case: 'epochOf', value: parseTopic(topic) }).catch(notFound);
    if (answer?.case === 'statements') {
      await this.session.directory.learn(answer.value.statements);
    }
    const descriptor = this.session.directory.descriptorOf(topic);
    return descriptor && streamOf(descriptor);
  }

  /**
   * Follows an organisation's control log from an entry on: pages of what is there, then what is added. For
   * administrators and stewards.
   */
  statements(
    organisation: string,
    options: { from?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<LogLine[], void, void> {
    return followLog(this.session, organisation, options);
  }

  /** The statements that prove who a principal is, encoded, as the node tells them: replay them to believe. */
  async proofOf(principalId: string): Promise<Uint8Array[]> {
    const answer = await this.session.query({ case: 'principal', value: fromHex(principalId) });
    if (answer.case !== 'statements') {
      throw new ProtocolViolation('statements', answer.case);
    }
    return answer.value.statements;
  }

  /** Asks the node anything. What comes back is its word; nothing of it was verified. */
  query(question: Question): Promise<AnswerBody> {
    return this.session.query(question);
  }

  /**
   * Ends subscriptions, with what they acknowledged on the node's disk, publishers and the connection. What
   * publishers have not flushed is lost.
   */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    this.session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #begin(wish: Wish): Subscription {
    const subscription: Subscription = new Subscription(this.session, wish, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  #note(standing: Standing): void {
    if (standing.state === 'connected') {
      const { principal, organisation, policyVersion, timeUs, envelopeBytesMax } = standing.link.welcome;
      const time = Number(timeUs) / 1000;
      this.#welcome = {
        principal,
        organisation,
        policyVersion: Number(policyVersion),
        time,
        envelopeBytesMax,
      };
    }
  }
}

function reasonOf(standing: Standing): Error | undefined {
  return standing.state === 'connected' ? undefined : standing.reason;
}

function notFound(thrown: unknown): undefined {
  const cause = asError(thrown);
  if (cause.name !== 'not-found') {
    throw cause;
  }
}
