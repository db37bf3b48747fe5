// Publishing on one topic: samples are gathered, sealed, signed, kept and sent until the node has stored
// them, over as many connections as that takes.

import { Backoff } from './backoff.js';
import { type Batch, encodeBatches, type Gathered, Gathering } from './batch.js';
import { fromHex } from './bytes.js';
import { refusalCode } from './code.js';
import { asError, Closed, Disconnected, ProtocolViolation } from './failure.js';
import { ENVELOPE_BYTES_MAX } from './limits.js';
import type { AnswerBody, Link, Question } from './link.js';
import { sampleValue, type Value } from './message.js';
import { parseContentType, parseTransducer, parseUnit } from './name.js';
import { type Entry, Outbox, type Slot } from './outbox.js';
import { Lost, Unencodable, Unprotected } from './publish_failure.js';
import { Refusal } from './refusal.js';
import { SAMPLES_CONTENT_TYPE, type SampleRow } from './sample.js';
import type { Session } from './session.js';
import { bodyBytesMax, isSameProtection, type Protection, type Scope, Stamp, type Stamped } from './stamp.js';
import { type Stream, streamOf } from './stream.js';
import { type Deferred, deferred, pause, Turn, Watched } from './waiting.js';

/** What a node takes unless it says otherwise, bytes. */
const ENVELOPE_BYTES_DEFAULT = 65_536;
/** Bytes of envelopes that may wait before {@link Publisher.publish} waits too. */
const QUEUE_BYTES_DEFAULT = 16 * 1024 * 1024;
/** How often the epoch is asked for, milliseconds: well within the minute for which a retired one is taken. */
const PROTECTION_REFRESH = 15_000;

/** How a publisher is to be. */
export interface PublisherOptions {
  /** How far the envelopes may travel. Default: not beyond the topic's organisation. */
  readonly scope?: Scope;
  /** How samples are gathered into envelopes. Default: 50 ms, 64 samples or 16 KiB. */
  readonly batch?: Batch;
  /** Bytes of envelopes that may wait for the node before `publish` waits too. Default 16 MiB. */
  readonly queueBytes?: number;
}

/** A value with its unit, or alone: the stream's description may say the unit. */
export type ValueInit = Value['value'] | { readonly value: Value['value']; readonly unit?: string };

/** What was measured at one time. */
export interface SampleInit {
  /** Milliseconds since 1970. Default: now. */
  readonly time?: number;
  /** The same in microseconds, where exactness counts. */
  readonly timeUs?: bigint;
  /** By transducer. Numbers travel as floats, `bigint` as integers. */
  readonly values: ReadonlyMap<string, ValueInit> | Readonly<Record<string, ValueInit>>;
}

/** Where a publisher stands. */
export interface PublisherState {
  readonly isConnected: boolean;
  /** Envelopes that wait to be accepted. */
  readonly queued: number;
  /** Envelopes that the node has stored. */
  readonly accepted: number;
  /** Envelopes that the node will never take. */
  readonly lost: number;
  /** What keeps it from going on at the moment, in the node's words. */
  readonly obstacle: Refusal | undefined;
}

/** Somebody who waits until everything is settled that was handed over before. */
interface Flush {
  readonly upTo: number;
  left: number;
  readonly done: Deferred<void>;
}

/** Asks until the node answers for good, or the client is closed. */
async function askedPatiently(session: Session, question: Question): Promise<AnswerBody> {
  const { min, max } = session.settings.backoff;
  const backoff = new Backoff(min, max);
  for (;;) {
    try {
      return await session.query(question);
    } catch (thrown) {
      const passes = thrown instanceof Disconnected || (thrown instanceof Refusal && thrown.mayPass);
      if (!passes || session.closing.aborted) {
        throw thrown;
      }
      await pause(backoff.next(), session.closing);
    }
  }
}

/** Publishes on one topic. Made by `Client.publisher`. */
export class Publisher {
  readonly #session: Session;
  readonly #stamp: Stamp;
  readonly #gathering: Gathering;
  readonly #outbox = new Outbox();
  readonly #sealing = new Turn();
  readonly #backoff: Backoff;
  readonly #queueBytesMax: number;
  readonly #state = new Watched({ accepted: 0, lost: 0, bytes: 0, open: 0 });
  readonly #forget: () => void;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setInterval> | undefined;
  #link: Link | undefined;
  /** What the node takes, as the last connection told. */
  #envelopeBytesMax = ENVELOPE_BYTES_DEFAULT;
  /** How much was handed over, and the flushes that wait for some of it. */
  #handedOver = 0;
  readonly #flushes = new Set<Flush>();
  #pumping = false;
  #fault: Error | undefined;
  #isClosed = false;

  private constructor(
    session: Session,
    readonly topic: string,
    options: PublisherOptions,
    protection: Protection,
  ) {
    const { min, max } = session.settings.backoff;
    this.#session = session;
    this.#stamp = new Stamp(session.identity, topic, options.scope ?? 'organisation', protection);
    this.#gathering = new Gathering(options.batch ?? {});
    this.#queueBytesMax = options.queueBytes ?? QUEUE_BYTES_DEFAULT;
    this.#backoff = new Backoff(min, max);
    this.#forget = session.standing.listen(() => this.#handleStanding());
    this.#refresh = setInterval(() => void this.#askProtection(), PROTECTION_REFRESH);
    this.#handleStanding();
  }

  /**
   * Asks how the topic is protected, and begins. A node that is busy, or a connection that is lost, is asked again.
   *
   * @throws Refusal; Unprotected where no trusted statement says how the topic is sealed
   */
  static async start(session: Session, topic: string, options: PublisherOptions): Promise<Publisher> {
    const answer = await askedPatiently(session, { case: 'epochOf', value: topic });
    if (answer.case === 'statements') {
      await session.directory.learn(answer.value.statements);
    }
    const protection = protectionOf(session, topic);
    if (protection === undefined) {
      throw new Unprotected(topic);
    }
    return new Publisher(session, topic, options, protection);
  }

  /** Where it stands. */
  get state(): PublisherState {
    const { accepted, lost } = this.#state.value;
    const { obstacle, waiting } = this.#outbox;
    return { isConnected: this.#link !== undefined, queued: waiting, accepted, lost, obstacle };
  }

  /** What the topic's owner says of it, signed and verified; undefined where nobody described it. */
  get stream(): Stream | undefined {
    const descriptor = this.#session.directory.descriptorOf(this.topic);
    return descriptor && streamOf(descriptor);
  }

  /**
   * Hands over a sample. Resolves when it is part of the batch being gathered; waits where the queue is
   * full. {@link Publisher.flush} tells what became of it.
   *
   * @throws ParseError: a transducer or unit is none; Closed
   */
  async publish(sample: SampleInit): Promise<void> {
    if (!this.#hasRoom()) {
      await this.#room();
    }
    this.#gather(this.#rowOf(sample), () => {});
  }

  /**
   * Hands over a sample; resolves with its offset in the topic once the node has stored it (undefined where
   * the node did not say, as after a reconnect).
   *
   * @throws as {@link Publisher.publish}; {@link Lost} with the node's refusal as its cause;
   * {@link Unencodable}
   */
  async publishDurably(sample: SampleInit): Promise<number | undefined> {
    if (!this.#hasRoom()) {
      await this.#room();
    }
    const done = deferred<number | undefined>();
    this.#gather(this.#rowOf(sample), settling(done));
    return done.promise;
  }

  /**
   * Hands over a body of another kind, as one envelope of its own; resolves as
   * {@link Publisher.publishDurably}.
   *
   * @throws as there; ParseError: the content type is none
   */
  async publishBody(contentType: string, body: Uint8Array): Promise<number | undefined> {
    parseContentType(contentType);
    if (!this.#hasRoom()) {
      await this.#room();
    }
    this.#closeBatch();
    const done = deferred<number | undefined>();
    const bytes = body.slice();
    this.#track(settling(done), (settle) => {
      const max = this.#bodyBytesMax();
      if (bytes.length > max) {
        settle(new Unencodable('body', `at most ${max} bytes`, `${bytes.length}`));
        return;
      }
      this.#seal(bytes, contentType, 0, settle);
    });
    return done.promise;
  }

  /**
   * Closes the batch; resolves when the node has stored everything handed over before. Without a connection it
   * waits for one.
   *
   * @throws what was lost since the last flush: {@link Lost}, {@link Unencodable}; Closed
   */
  async flush(): Promise<void> {
    this.#closeBatch();
    const { open } = this.#state.value;
    if (open > 0) {
      const flush = { upTo: this.#handedOver, left: open, done: deferred<void>() };
      this.#flushes.add(flush);
      await flush.done.promise;
    }
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) {
      throw fault;
    }
  }

  /** Takes nothing more, and resolves when everything handed over is settled. Rejects as `flush`. */
  async close(): Promise<void> {
    const wasClosed = this.#isClosed;
    this.#isClosed = true;
    try {
      if (!wasClosed) {
        await this.flush();
      }
    } finally {
      this.#end();
    }
  }

  #rowOf(sample: SampleInit): SampleRow {
    const { values } = sample;
    const entries = values instanceof Map ? [...values] : Object.entries(values as Record<string, ValueInit>);
    const readings = entries.map(([transducer, init]: [string, ValueInit]) => {
      const hasUnit = typeof init === 'object' && !(init instanceof Uint8Array);
      const { value, unit } = hasUnit ? { unit: '', ...init } : { value: init, unit: '' };
      return { transducer: parseTransducer(transducer), unit: parseUnit(unit), value: sampleValue(value) };
    });
    if (readings.length === 0) {
      throw new Unencodable('sample', 'at least one value', 'none');
    }
    const timeUs =
      sample.timeUs ??
      (sample.time === undefined ? this.#session.nowUs() : BigInt(Math.round(sample.time * 1000)));
    return { timeUs, readings };
  }

  #gather(row: SampleRow, settle: Settle): void {
    this.#track(settle, (tracked) => {
      if (this.#gathering.push({ row, settle: tracked })) {
        this.#closeBatch();
      } else {
        this.#deadline ??= setTimeout(() => this.#closeBatch(), this.#gathering.interval);
      }
    });
  }

  /** Counts what was handed over until it is settled. */
  #track(settle: Settle, begin: (settle: Settle) => void): void {
    if (this.#isClosed) {
      throw new Closed('publisher');
    }
    this.#change({ open: 1 });
    this.#handedOver += 1;
    const place = this.#handedOver;
    begin((outcome) => {
      this.#fault = outcome instanceof Error ? outcome : this.#fault;
      settle(outcome);
      this.#change({ open: -1 });
      this.#noteSettled(place);
    });
  }

  #noteSettled(place: number): void {
    for (const flush of this.#flushes) {
      flush.left -= place <= flush.upTo ? 1 : 0;
      if (flush.left === 0) {
        this.#flushes.delete(flush);
        flush.done.resolve();
      }
    }
  }

  #closeBatch(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    for (const { bytes, samples } of encodeBatches(this.#gathering.take(), this.#bodyBytesMax())) {
      this.#seal(bytes, SAMPLES_CONTENT_TYPE, samples.length, (outcome) => settleAll(samples, outcome));
    }
  }

  #seal(body: Uint8Array, contentType: string, samples: number, told: Settle): void {
    const bytes = body.length;
    this.#change({ bytes });
    const settle: Settle = (outcome) => {
      this.#change({ bytes: -bytes });
      told(outcome);
    };
    void this.#sealing.take(async () => {
      try {
        if (this.#outbox.isDead(this.#stamp.boot)) {
          this.#stamp.reboot();
        }
        const stamped = await this.#stamp.seal(body, contentType, samples, this.#session.nowUs());
        if (this.#session.closing.aborted) {
          throw new Closed('client', { cause: this.#session.closing.reason });
        }
        this.#outbox.fill(this.#entryOf(stamped, samples, settle));
      } catch (thrown) {
        this.#stamp.reboot();
        settle(asError(thrown));
      }
      this.#pump();
    });
  }

  #entryOf(stamped: Stamped, samples: number, settle: Settle): Entry {
    const { boot, sequence, envelope, keyHeader } = stamped;
    const entry = {
      boot,
      sequence,
      samples,
      envelope,
      settle: (outcome: { offset?: bigint } | Error) => {
        const isLost = outcome instanceof Error;
        this.#change({ accepted: isLost ? 0 : 1, lost: isLost ? 1 : 0 });
        if (outcome instanceof Lost && outcome.refusal.name.startsWith('epoch-')) {
          void this.#askProtection();
        }
        settle(outcome);
      },
    };
    return keyHeader === undefined
      ? entry
      : { ...entry, keyHeader: { id: keyHeader.id, encoded: keyHeader.encoded } };
  }

  #change(by: { accepted?: number; lost?: number; bytes?: number; open?: number }): void {
    const { accepted, lost, bytes, open } = this.#state.value;
    this.#state.set({
      accepted: accepted + (by.accepted ?? 0),
      lost: lost + (by.lost ?? 0),
      bytes: bytes + (by.bytes ?? 0),
      open: open + (by.open ?? 0),
    });
  }

  /** Whether something can be taken at once, so that it is before whatever is asked next. */
  #hasRoom(): boolean {
    return this.#isClosed || this.#state.value.bytes < this.#queueBytesMax;
  }

  async #room(): Promise<void> {
    await this.#state.until(() => (this.#hasRoom() ? true : undefined));
  }

  #bodyBytesMax(): number {
    return bodyBytesMax(this.#envelopeBytesMax);
  }

  #handleStanding(): void {
    const { value } = this.#session.standing;
    if (value.state === 'closed') {
      this.#isClosed = true;
      const { reason } = value;
      const closed = new Closed('client', { cause: reason });
      this.#outbox.abandon(({ boot, sequence }) => {
        return reason instanceof Refusal ? new Lost(boot, sequence, reason) : closed;
      });
      settleAll(this.#gathering.take(), closed);
      this.#end();
      return;
    }
    const link = value.state === 'connected' ? value.link : undefined;
    if (link === this.#link) {
      return;
    }
    this.#link = link;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    if (link === undefined) {
      this.#outbox.handleDisconnected();
    } else {
      const told = link.welcome.envelopeBytesMax || ENVELOPE_BYTES_DEFAULT;
      this.#envelopeBytesMax = Math.min(told, ENVELOPE_BYTES_MAX);
      this.#outbox.handleConnected();
      void this.#askProtection();
      this.#pump();
    }
  }

  /** Does everything that can be done without waiting for the node. */
  #pump(): void {
    const link = this.#link;
    if (link === undefined || this.#pumping) {
      return;
    }
    for (;;) {
      const step = this.#outbox.nextStep();
      switch (step.kind) {
        case 'send':
          if (!link.hasRoom) {
            this.#pumpWithRoom(link);
            return;
          }
          this.#send(link, step.slot, step.keyHeader);
          break;
        case 'ask-head':
          void this.#askHead(link, step.boot);
          return;
        case 'back-off':
          this.#waiting ??= setTimeout(() => {
            this.#waiting = undefined;
            this.#outbox.handleWaited();
            this.#pump();
          }, this.#backoff.next());
          return;
        default:
          return;
      }
    }
  }

  #pumpWithRoom(link: Link): void {
    this.#pumping = true;
    const again = () => {
      this.#pumping = false;
      this.#pump();
    };
    link.publishSlot().then(again, again);
  }

  #send(link: Link, slot: Slot, keyHeader: Uint8Array | undefined): void {
    this.#outbox.handleSent(slot);
    link.publish(slot.entry.envelope, keyHeader).then(
      (reply) => {
        if (link !== this.#link) {
          return;
        }
        if (reply.kind === 'published') {
          this.#backoff.reset();
          this.#outbox.handlePublished(slot, reply.offset);
        } else {
          this.#outbox.handleRefused(slot, reply.refusal, reply.expected);
        }
        this.#pump();
      },
      // The end of the connection is told by the session.
      () => {},
    );
  }

  async #askHead(link: Link, boot: string): Promise<void> {
    const question = { case: 'streamHead', value: { topic: this.topic, boot: fromHex(boot) } } as const;
    try {
      const answer = await link.query(question, this.#session.settings.queryTimeout);
      if (answer.case !== 'expectedSequence') {
        throw new ProtocolViolation('the sequence expected next', String(answer.case));
      }
      if (link === this.#link) {
        this.#outbox.handleHead(boot, answer.value);
      }
    } catch (thrown) {
      if (link === this.#link && !(thrown instanceof Disconnected)) {
        const refusal =
          thrown instanceof Refusal
            ? thrown
            : new Refusal(refusalCode('internal'), 'stream head', asError(thrown).message);
        this.#outbox.handleHeadRefused(boot, refusal);
      }
    }
    this.#pump();
  }

  /** Asks how the topic is protected now. What cannot be learnt stays as it was. */
  async #askProtection(): Promise<void> {
    const link = this.#link;
    if (link === undefined) {
      return;
    }
    const { queryTimeout } = this.#session.settings;
    try {
      const answer = await link.query({ case: 'epochOf', value: this.topic }, queryTimeout);
      if (answer.case === 'statements') {
        await this.#session.directory.learn(answer.value.statements);
      }
    } catch {
      return;
    }
    void this.#sealing.take(async () => this.#protect(protectionOf(this.#session, this.topic)));
  }

  /**
   * Seals differently from now on. While envelopes under the old protection wait, the new one begins a boot
   * of its own: should they come too late for their epoch, only they are lost.
   */
  #protect(protection: Protection | undefined): void {
    if (protection === undefined || isSameProtection(protection, this.#stamp.protection)) {
      return;
    }
    if (this.#outbox.waiting > 0) {
      this.#stamp.reboot();
    }
    this.#stamp.protect(protection);
  }

  #end(): void {
    this.#isClosed = true;
    this.#forget();
    clearInterval(this.#refresh);
    clearTimeout(this.#deadline);
    clearTimeout(this.#waiting);
    this.#change({});
  }
}

type Settle = Gathered['settle'];

function settling(done: Deferred<number | undefined>): Settle {
  return (outcome) => {
    if (outcome instanceof Error) {
      done.reject(outcome);
    } else {
      done.resolve(outcome.offset === undefined ? undefined : Number(outcome.offset));
    }
  };
}

function settleAll(samples: readonly Gathered[], outcome: { offset?: bigint } | Error): void {
  for (const { settle } of samples) {
    settle(outcome);
  }
}

/** How trusted statements say that a topic is protected now. */
function protectionOf(session: Session, topic: string): Protection | undefined {
  if (session.directory.classOf(topic) === 'open') {
    return { kind: 'open' };
  }
  const epoch = session.directory.epochOf(topic, session.nowUs());
  return epoch === undefined ? undefined : { kind: 'sealed', epoch };
}
