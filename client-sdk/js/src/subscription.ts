// Subscribing to topics: messages, gaps and what was rejected, in order, over as many connections as it
// takes, going on from where it was.

import { Backoff } from './backoff.js';
import { gapReasonName } from './code.js';
import { asError, Closed, Disconnected, ProtocolViolation, TimedOut } from './failure.js';
import { type Branch, type Link, windowOf } from './link.js';
import {
  type Delivery,
  type Gap,
  gapOf,
  type Message,
  messageOf,
  type Rejected,
  rejectedOf,
} from './message.js';
import { Place, type Start } from './place.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';
import { Chain } from './trust/chain.js';
import { RecordVerifier } from './trust/verifier.js';
import { deferred, pause, Queue, unlessAborted, within } from './waiting.js';
import type { Gap as GapFrame, Record as RecordFrame } from './wire/sekisho_pb.js';

/** Records that the node may send ahead of the program. */
const CREDIT_DEFAULT = 256;
/** Deliveries that wait for the program besides. */
const DELIVERIES_MAX = 64;
/** Acknowledgements are gathered so long, milliseconds: a frame for each message would cost more. */
const ACKNOWLEDGE_EVERY = 20;
/** How long the end of a subscription may take to reach the node's disk, milliseconds. */
const FAREWELL = 1_000;

/** How a subscription is to be. */
export interface SubscribeOptions {
  /** Where to begin, unless the cursor stands somewhere. Default: `latest`. */
  readonly start?: Start;
  /** A durable place at the node, by name: the subscription begins behind what was acknowledged under it. */
  readonly cursor?: string;
  /**
   * Records that the node may send ahead of the program, 1 or more. Default 256. Fewer where that many of the largest
   * that the node takes would be more than 64 MiB.
   */
  readonly credit?: number;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

/** What a subscription is made of. */
export interface Wish extends SubscribeOptions {
  readonly filter: string;
  /** It is over where the node's log ended when it began. */
  readonly endsAtHead: boolean;
}

/**
 * A running subscription. Iterate over it once; leaving the loop ends it. Where the right to it is lost the
 * iterator throws the node's {@link Refusal}.
 */
export class Subscription implements AsyncIterable<Delivery> {
  /** Resolves when the node has confirmed it for the first time; rejects where it refuses. */
  readonly ready: Promise<void>;
  readonly #session: Session;
  readonly #wish: Wish;
  readonly #credit: number;
  readonly #place: Place;
  readonly #verifier: RecordVerifier;
  readonly #chain = new Chain();
  readonly #deliveries = new Queue<Delivery>(DELIVERIES_MAX);
  readonly #ready = deferred<void>();
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #over: Promise<void>;
  #branch: Branch | undefined;
  #owed = 0;
  /** Records that the node of this connection may send ahead. */
  #window = 0;
  #toldLive = false;
  #done: bigint | undefined;
  #acknowledged: bigint | undefined;
  /** Of those that the place knows of, how many the program was told. */
  #restartsTaken = 0;
  #gathering: ReturnType<typeof setTimeout> | undefined;

  /**
   * Made by `Client.subscribe` and `Client.history`.
   *
   * @internal
   * @param ended - called when it is over
   */
  constructor(session: Session, wish: Wish, ended: () => void) {
    this.#session = session;
    this.#wish = wish;
    this.#credit = Math.max(1, wish.credit ?? CREDIT_DEFAULT);
    this.#place = new Place(wish.start ?? 'latest', wish.endsAtHead);
    const { identity, directory, logs, keyRing } = session;
    const parts = { identity, directory, logs, keyRing, filter: wish.filter };
    this.#verifier = new RecordVerifier({ ...parts, now: () => session.nowUs() });
    this.#backoff = new Backoff(session.settings.backoff.min, session.settings.backoff.max);
    this.ready = this.#ready.promise;
    const stop = () => this.#stop.abort();
    wish.signal?.addEventListener('abort', stop, { once: true });
    if (wish.signal?.aborted) {
      stop();
    }
    this.#over = this.#run().finally(() => {
      wish.signal?.removeEventListener('abort', stop);
      ended();
    });
  }

  /** The next delivery; undefined when it has ended. Throws where it ends for a reason. */
  async next(): Promise<Delivery | undefined> {
    const delivery = await this.#deliveries.take();
    if (delivery?.kind === 'gap' && delivery.reason === 'restart') {
      // What was done of the log as it was says nothing of what comes now.
      this.#done = undefined;
      this.#restartsTaken += 1;
    }
    return delivery;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Delivery, void, void> {
    try {
      for (let delivery = await this.next(); delivery !== undefined; delivery = await this.next()) {
        yield delivery;
      }
    } finally {
      await this.close();
    }
  }

  /**
   * Tells the node that this delivery and everything before it is done, for the subscription's cursor.
   * Takes effect with the next round trip; {@link Subscription.close} waits for that.
   */
  acknowledge(done: Message | Rejected | Gap | number): void {
    const position = BigInt(placeOf(done));
    if (position < 0n || (this.#done !== undefined && position <= this.#done)) {
      return;
    }
    this.#done = position;
    this.#gathering ??= setTimeout(() => this.#passOn(), ACKNOWLEDGE_EVERY);
  }

  /** Ends it; resolves when the node has everything acknowledged, with a cursor on its disk, or is gone. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#deliveries.drop();
    await this.#over;
  }

  async #run(): Promise<void> {
    let ended = 0;
    try {
      while (!this.#stop.signal.aborted) {
        const link = await this.#session.link(ended, this.#stop.signal);
        if (await this.#serve(link)) {
          break;
        }
        if (link.why === undefined) {
          await pause(this.#backoff.next(), this.#stop.signal);
        } else {
          ended = link.generation;
        }
      }
      this.#end(undefined);
    } catch (thrown) {
      this.#end(this.#stop.signal.aborted ? undefined : asError(thrown));
    }
  }

  #end(cause: Error | undefined): void {
    clearTimeout(this.#gathering);
    this.#ready.reject(cause ?? new Closed('subscription'));
    this.#deliveries.end(cause);
  }

  /** Works on one connection; true when all is done. Throws what patience does not help against. */
  async #serve(link: Link): Promise<boolean> {
    let branch: Branch | undefined;
    try {
      branch = this.#subscribe(link);
      this.#branch = branch;
      await this.#work(link, branch);
      await this.#leave(branch);
      return true;
    } catch (thrown) {
      if (this.#stop.signal.aborted) {
        if (branch !== undefined) {
          await this.#leave(branch);
        }
        return true;
      }
      if (!isPassing(thrown)) {
        throw thrown;
      }
      if (branch !== undefined && !branch.frames.isEnded) {
        branch.leave();
      }
      return false;
    } finally {
      this.#branch = undefined;
    }
  }

  #subscribe(link: Link): Branch {
    this.#owed = 0;
    this.#acknowledged = undefined;
    const { filter, cursor } = this.#wish;
    const start = this.#place.start();
    const credit = windowOf(this.#credit, link.welcome.envelopeBytesMax);
    this.#window = credit;
    return link.open(credit, (subscription) => ({
      case: 'subscribe',
      value: { subscription, filter, start, cursor: cursor ?? '', credit },
    }));
  }

  async #work(link: Link, branch: Branch): Promise<void> {
    while (!this.#place.isFinished) {
      const frame = await unlessAborted(branch.frames.take(), this.#stop.signal);
      if (frame === undefined) {
        throw new Disconnected('the subscription was ended by the node');
      }
      switch (frame.case) {
        case 'subscribed':
          await this.#handleSubscribed(frame.value.position, frame.value.head);
          break;
        case 'record':
          await this.#handleRecord(link, frame.value);
          break;
        case 'gap':
          await this.#handleGap(frame.value);
          break;
        default:
          throw new ProtocolViolation('a record or a gap', frame.case);
      }
      this.#return(branch);
      this.#passOnIfDue();
    }
  }

  async #handleSubscribed(position: bigint, head: bigint): Promise<void> {
    this.#place.handleSubscribed(position, head);
    if (position >= head) {
      this.#backoff.reset();
    }
    this.#ready.resolve();
    if (this.#place.isLive && !this.#toldLive && !this.#wish.endsAtHead) {
      this.#toldLive = true;
      await this.#handOver({ kind: 'live' });
    }
  }

  async #handleRecord(link: Link, record: RecordFrame): Promise<void> {
    const { position } = record;
    const arrived = this.#place.hasJustCome(position) ? this.#session.nodeTime() : undefined;
    this.#owed += 1;
    if (!this.#place.wants(position)) {
      this.#place.advance(position + 1n);
      return;
    }
    const judging = this.#verifier.judge(record, this.#session.asker(link));
    const judged = await unlessAborted(judging, this.#stop.signal);
    this.#place.advance(position + 1n);
    this.#backoff.reset();
    if ('reason' in judged) {
      await this.#handOver(rejectedOf(position, judged));
      return;
    }
    const fault = this.#chain.judge(judged, position);
    if (fault !== undefined && 'reason' in fault) {
      await this.#handOver(rejectedOf(position, fault));
      return;
    }
    if (fault !== undefined) {
      const { from, to, topic } = fault;
      await this.#handOver({ kind: 'gap', from: Number(from), to: Number(to), reason: 'withheld', topic });
    }
    await this.#handOver(messageOf(record, judged, arrived));
  }

  async #handleGap(frame: GapFrame): Promise<void> {
    const reason = gapReasonName(frame.reason) ?? 'withheld';
    const { fromPosition, toPosition } = frame;
    const from = this.#place.handleGap(fromPosition, toPosition, reason === 'restart');
    if (from === undefined) {
      return;
    }
    const gap = gapOf({ ...frame, fromPosition: from }, reason);
    this.#chain.noteTold({ from, to: frame.toPosition, topic: gap.topic });
    await this.#handOver(gap);
  }

  async #handOver(delivery: Delivery): Promise<void> {
    await unlessAborted(this.#deliveries.put(delivery), this.#stop.signal);
  }

  /** Returns credit in halves, so that one frame pays for many records. */
  #return(branch: Branch): void {
    if (this.#owed >= Math.ceil(this.#window / 2)) {
      branch.pay(this.#owed);
      this.#owed = 0;
    }
  }

  #passOnIfDue(): void {
    if (this.#gathering === undefined && this.#done !== this.#acknowledged) {
      this.#passOn();
    }
  }

  #passOn(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const done = this.#restartsTaken === this.#place.restarts ? this.#done : undefined;
    if (done === undefined || done === this.#acknowledged || this.#wish.cursor === undefined) {
      return;
    }
    const position = this.#place.acknowledgeable(done);
    if (position !== undefined && this.#branch !== undefined) {
      this.#branch.acknowledge(position);
      this.#acknowledged = done;
    }
  }

  /** The last acknowledgement, then goodbye. The node answers when the cursor is on its disk. */
  async #leave(branch: Branch): Promise<void> {
    this.#passOn();
    if (branch.frames.isEnded) {
      return;
    }
    branch.leave();
    if (this.#wish.cursor === undefined) {
      return;
    }
    const ended = async () => {
      while ((await branch.frames.take()) !== undefined) {
        // What was on its way is not taken any more.
      }
    };
    await within(ended(), FAREWELL, 'the end of the subscription').catch(() => {});
  }
}

/** Whether the same subscription may be asked for again. */
function isPassing(thrown: unknown): boolean {
  if (thrown instanceof Refusal) {
    return thrown.mayPass;
  }
  return thrown instanceof Disconnected || thrown instanceof TimedOut || thrown instanceof ProtocolViolation;
}

/** The last position that a delivery speaks of. */
function placeOf(done: Message | Rejected | Gap | number): number {
  if (typeof done === 'number') {
    return done;
  }
  return done.kind === 'gap' ? done.to - 1 : done.position;
}
