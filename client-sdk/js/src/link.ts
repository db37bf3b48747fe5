// One live, welcomed connection, shared by everything that speaks over it. It ends as a whole: whoever
// holds it asks the session for the next one.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { gapReasonName } from './code.js';
import { asError, Disconnected, ProtocolViolation } from './failure.js';
import { decodeFrame, encodeFrame, type FrameInit, type FrameKind } from './frame.js';
import { ENVELOPE_BYTES_MAX, FRAME_BYTES_MAX } from './limits.js';
import { Refusal } from './refusal.js';
import type { MessageSocket } from './socket.js';
import { type Deferred, deferred, Queue, within } from './waiting.js';
import type { Answer, QuerySchema, Welcome } from './wire/sekisho_pb.js';

/** Frames of a subscription beside those that were paid for with credit. */
const UNPAID_MAX = 4_096;
/**
 * Bytes of a subscription's or followed log's frames that came and were not taken yet. A node is given credit for no
 * more; one that sends more is left, and what was not taken is asked for again.
 */
export const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** What a record's frame holds beside its envelope, bytes. */
const RECORD_BYTES_BESIDE = FRAME_BYTES_MAX - ENVELOPE_BYTES_MAX;
/** How often a node that says nothing is asked whether it is there, milliseconds. */
const PING_EVERY = 10_000;
/** How often it is seen whether the pong has left for which another waits, milliseconds. */
const PONG_AGAIN = 100;
/** Rounds of silence after which it is not. */
const SILENT_ROUNDS_MAX = 3;

/** What the node answered to an envelope. */
export type PublishReply =
  | { readonly kind: 'published'; readonly offset: bigint }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly expected: bigint | undefined };

/** A question, by its kind. */
export type Question = Exclude<
  NonNullable<MessageInitShape<typeof QuerySchema>['kind']>,
  { case?: undefined }
>;
/** An answer, by its kind. */
export type AnswerBody = Exclude<Answer['kind'], { case: undefined }>;

type Reply =
  | { readonly kind: 'answer'; readonly answer: AnswerBody }
  | { readonly kind: 'stated'; readonly indices: bigint[] }
  | PublishReply;

/** The frames that belong to a subscription or a followed log. */
export type BranchFrame = Extract<
  FrameKind,
  { case: 'subscribed' | 'record' | 'gap' | 'statements' | 'checkpoint' }
>;

/**
 * The records that a node may send ahead: those that were wished for, as far as they fit
 * {@link HELD_BYTES_MAX} where each is as large as the node takes them.
 */
export function windowOf(wished: number, envelopeBytesMax: number): number {
  const largest = Math.min(Math.max(envelopeBytesMax, 1), ENVELOPE_BYTES_MAX) + RECORD_BYTES_BESIDE;
  return Math.max(1, Math.min(wished, Math.floor(HELD_BYTES_MAX / largest)));
}

/** Frames that came and were not taken yet, and how many bytes they are. */
class Held {
  readonly #frames = new Queue<{ readonly frame: BranchFrame; readonly bytes: number }>();
  #bytes = 0;

  get length(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEnded(): boolean {
    return this.#frames.isEnded;
  }

  push(frame: BranchFrame, bytes: number): void {
    this.#bytes += this.#frames.push({ frame, bytes }) ? bytes : 0;
  }

  async take(): Promise<BranchFrame | undefined> {
    const taken = await this.#frames.take();
    this.#bytes -= taken?.bytes ?? 0;
    return taken?.frame;
  }

  end(cause?: Error): void {
    this.#frames.end(cause);
  }
}

/** The channel's part that belongs to one subscription. */
export class Branch {
  readonly frames = new Held();
  #credit: number;
  /** Nothing is to come of what is before this position. */
  #next = 0n;

  /** @param window - records that the node may send ahead; no more than these are ever paid for */
  constructor(
    readonly number: number,
    private readonly window: number,
    private readonly send: (frame: FrameInit) => void,
  ) {
    this.#credit = window;
  }

  /** Lets the node send so many records more. */
  pay(records: number): void {
    this.#credit += records;
    this.send({ case: 'credit', value: { subscription: this.number, records } });
  }

  acknowledge(position: bigint): void {
    this.send({ case: 'acknowledge', value: { subscription: this.number, position } });
  }

  /** Says that nothing more is wanted. The node answers when a cursor is on its disk. */
  leave(): void {
    this.send({ case: 'unsubscribe', value: { subscription: this.number } });
  }

  /**
   * Notes where a record or gap stands; what is wrong where that is not behind everything told before. Only a node
   * whose log ends before this place goes back, and says so.
   */
  disorder(frame: BranchFrame): ProtocolViolation | undefined {
    if (frame.case !== 'record' && frame.case !== 'gap') {
      return undefined;
    }
    const isRestart = frame.case === 'gap' && gapReasonName(frame.value.reason) === 'restart';
    const from = frame.case === 'gap' ? frame.value.fromPosition : frame.value.position;
    const to = frame.case === 'gap' ? frame.value.toPosition : from + 1n;
    if (!isRestart && from < this.#next) {
      return new ProtocolViolation(`a ${frame.case} at position ${this.#next} or after`, String(from));
    }
    if (!isRestart && to <= from) {
      return new ProtocolViolation(`a gap that ends after ${from}`, `one that ends at ${to}`);
    }
    this.#next = to;
    return undefined;
  }

  /** Takes a frame of so many bytes in; false where it was not paid for, or where there is no room. */
  take(frame: BranchFrame, bytes: number): boolean {
    this.#credit -= frame.case === 'record' ? 1 : 0;
    this.frames.push(frame, bytes);
    const fits = this.frames.length <= this.window + UNPAID_MAX && this.frames.bytes <= HELD_BYTES_MAX;
    return this.#credit >= 0 && fits;
  }
}

/** See the file. */
export class Link {
  readonly #waiting = new Map<bigint, Deferred<Reply>>();
  readonly #branches = new Map<number, Branch>();
  readonly #ended = deferred<Error>();
  #why: Error | undefined;
  #lastRequest = 0n;
  #lastBranch = 0;
  #inFlight = 0;
  readonly #slots: Deferred<void>[] = [];
  readonly #pings: ReturnType<typeof setInterval>;
  #silent = { heard: 0, rounds: 0 };
  /** Bytes sent, and how many when the last pong was. */
  #sent = 0;
  #sentWithPong = 0;
  /** The newest ping's, while an earlier pong has not left. */
  #pongOwed: { readonly token: bigint; readonly timer: ReturnType<typeof setTimeout> } | undefined;

  /** @param generation - grows with every connection of a session */
  constructor(
    private readonly socket: MessageSocket,
    readonly welcome: Welcome,
    readonly generation: number,
  ) {
    this.#pings = setInterval(() => this.#ping(), PING_EVERY);
    void this.#read();
  }

  /** Resolves with the reason when the connection is of no more use. */
  get ended(): Promise<Error> {
    return this.#ended.promise;
  }

  /** Why it ended, where it has. */
  get why(): Error | undefined {
    return this.#why;
  }

  /**
   * Asks.
   *
   * @param timeout - how long the answer may take, milliseconds
   * @throws Refusal, Disconnected, TimedOut
   */
  async query(kind: Question, timeout: number): Promise<AnswerBody> {
    const frame = (request: bigint): FrameInit => ({ case: 'query', value: { request, kind } });
    const reply = await this.#request(frame, timeout, kind.case);
    if (reply.kind === 'answer') {
      return reply.answer;
    }
    throw reply.kind === 'refused' ? reply.refusal : new ProtocolViolation('an answer', reply.kind);
  }

  /**
   * Submits 1 to 256 encoded statements; the place of each in the control log.
   *
   * @throws Refusal, Disconnected, TimedOut
   */
  async state(statements: Uint8Array[], timeout: number): Promise<bigint[]> {
    const frame = (request: bigint): FrameInit => ({ case: 'state', value: { request, statements } });
    const reply = await this.#request(frame, timeout, 'the statements');
    if (reply.kind === 'stated' && reply.indices.length === statements.length) {
      return reply.indices;
    }
    throw reply.kind === 'refused' ? reply.refusal : new ProtocolViolation('Stated', reply.kind);
  }

  /** Whether the node takes one more envelope before it has answered others. */
  get hasRoom(): boolean {
    return this.#inFlight < Math.max(this.welcome.inflightMax, 1);
  }

  /** Waits until there is room for one more envelope; rejects where the connection ends. */
  async publishSlot(): Promise<void> {
    while (this.#why === undefined && !this.hasRoom) {
      const slot = deferred<void>();
      this.#slots.push(slot);
      await slot.promise;
    }
    if (this.#why !== undefined) {
      throw this.#why;
    }
  }

  /**
   * Sends an envelope at once; what the node says of it. Whoever sends many asks for a
   * {@link Link.publishSlot} before.
   *
   * @throws Disconnected: the node may have stored it, or not
   */
  async publish(envelope: Uint8Array, keyHeader: Uint8Array | undefined): Promise<PublishReply> {
    this.#inFlight += 1;
    try {
      const reply = await this.#request((request) => ({
        case: 'publish',
        value: { request, envelope, keyHeader: keyHeader ?? new Uint8Array() },
      }));
      if (reply.kind === 'published' || reply.kind === 'refused') {
        return reply;
      }
      throw this.#break(new ProtocolViolation('Published', reply.kind));
    } finally {
      this.#inFlight -= 1;
      this.#slots.shift()?.resolve();
    }
  }

  /** Opens a subscription or follows a log: `begin` makes its first frame. */
  open(credit: number, begin: (subscription: number) => FrameInit): Branch {
    if (this.#why !== undefined) {
      throw this.#why;
    }
    this.#lastBranch += 1;
    const branch = new Branch(this.#lastBranch, credit, (frame) => this.#send(frame));
    this.#branches.set(branch.number, branch);
    this.#send(begin(branch.number));
    return branch;
  }

  /** Says goodbye. */
  close(why: string): void {
    if (this.#why === undefined) {
      this.#send({ case: 'goodbye', value: { code: 0, why } });
      this.#end(new Disconnected(why));
      this.socket.close(why);
    }
  }

  /** @param timeout - how long it is waited for; what comes later is for nobody */
  async #request(frame: (request: bigint) => FrameInit, timeout?: number, what?: string): Promise<Reply> {
    if (this.#why !== undefined) {
      throw this.#why;
    }
    this.#lastRequest += 1n;
    const request = this.#lastRequest;
    const waiter = deferred<Reply>();
    this.#waiting.set(request, waiter);
    try {
      this.#send(frame(request));
      const { promise } = waiter;
      return await (timeout === undefined ? promise : within(promise, timeout, `an answer to ${what}`));
    } finally {
      this.#waiting.delete(request);
    }
  }

  #send(frame: FrameInit): void {
    const message = encodeFrame(frame);
    this.#sent += message.length;
    this.socket.send(message);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const message = await this.socket.next();
        this.#handle(decodeFrame(message), message.length);
      }
    } catch (thrown) {
      this.#break(asError(thrown));
    }
  }

  #handle(frame: FrameKind, bytes: number): void {
    switch (frame.case) {
      case 'published':
        this.#deliver(frame.value.request, { kind: 'published', offset: frame.value.offset });
        break;
      case 'stated':
        this.#deliver(frame.value.request, { kind: 'stated', indices: frame.value.indices });
        break;
      case 'answer':
        this.#deliver(frame.value.request, { kind: 'answer', answer: frame.value.kind as AnswerBody });
        break;
      case 'refused': {
        const { request, code, what, why, expectedSequence } = frame.value;
        const refusal = new Refusal(code, what, why);
        if (request === 0n) {
          throw refusal;
        }
        this.#deliver(request, { kind: 'refused', refusal, expected: expectedSequence });
        break;
      }
      case 'ping':
        this.#answerPing(frame.value.token);
        break;
      case 'pong':
        break;
      case 'goodbye': {
        const { code, why } = frame.value;
        throw code === 0 ? new Disconnected(why) : new Refusal(code, 'session', why);
      }
      default:
        this.#handleBranch(frame, bytes);
    }
  }

  #handleBranch(frame: FrameKind, bytes: number): void {
    switch (frame.case) {
      case 'subscribed':
      case 'record':
      case 'gap':
      case 'statements':
      case 'checkpoint': {
        const branch = this.#branches.get(frame.value.subscription);
        // Without one, it has crossed the end of its subscription.
        if (branch !== undefined) {
          takeIn(branch, frame, bytes);
        }
        break;
      }
      case 'ended': {
        const { subscription, code, what, why } = frame.value;
        this.#branches.get(subscription)?.frames.end(code === 0 ? undefined : new Refusal(code, what, why));
        this.#branches.delete(subscription);
        break;
      }
      default:
        throw new ProtocolViolation('an answer', String(frame.case));
    }
  }

  #deliver(request: bigint, reply: Reply): void {
    this.#waiting.get(request)?.resolve(reply);
    this.#waiting.delete(request);
  }

  /** Asks whether the node is there. Tabs in the background have their timers held back, so that rounds
   * count and not time. */
  #ping(): void {
    const { heard } = this.socket;
    const rounds = heard === this.#silent.heard ? this.#silent.rounds + 1 : 0;
    this.#silent = { heard, rounds };
    if (rounds > SILENT_ROUNDS_MAX) {
      this.#break(new Disconnected('wanted a sign of life, found none'));
    } else {
      this.#send({ case: 'ping', value: { token: BigInt(rounds) } });
    }
  }

  /** One pong waits to leave at most: a node that reads nothing cannot have them pile up. */
  #answerPing(token: bigint): void {
    clearTimeout(this.#pongOwed?.timer);
    this.#pongOwed = undefined;
    if (this.#sent - this.socket.waiting >= this.#sentWithPong) {
      this.#send({ case: 'pong', value: { token } });
      this.#sentWithPong = this.#sent;
    } else {
      this.#pongOwed = { token, timer: setTimeout(() => this.#answerPing(token), PONG_AGAIN) };
    }
  }

  #break(cause: Error): Error {
    this.#end(cause);
    this.socket.close(cause.message);
    return cause;
  }

  #end(cause: Error): void {
    if (this.#why !== undefined) {
      return;
    }
    this.#why = cause;
    clearInterval(this.#pings);
    clearTimeout(this.#pongOwed?.timer);
    const gone = cause instanceof Disconnected ? cause : new Disconnected(cause.message, { cause });
    for (const waiter of this.#waiting.values()) {
      waiter.reject(gone);
    }
    this.#waiting.clear();
    for (const branch of this.#branches.values()) {
      branch.frames.end(gone);
    }
    this.#branches.clear();
    for (const slot of this.#slots.splice(0)) {
      slot.resolve();
    }
    this.#ended.resolve(cause);
  }
}

function takeIn(branch: Branch, frame: BranchFrame, bytes: number): void {
  const disorder = branch.disorder(frame);
  if (disorder !== undefined) {
    throw disorder;
  }
  if (!branch.take(frame, bytes)) {
    throw new ProtocolViolation('records that were asked for', 'more than there was credit for');
  }
}
