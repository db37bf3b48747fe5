// Where a subscription stands in the node's log, and so where it goes on after a connection was lost.
// Pure: frames in, decisions out.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { StartSchema } from './wire/sekisho_pb.js';

/**
 * Where a subscription begins: with what is published from now on; with the last record of each topic, and
 * then that; with all that is kept; with what was received at a time (milliseconds) or after; at a position
 * of the node's log; at an offset of one topic.
 */
export type Start =
  | 'latest'
  | 'last-value'
  | 'earliest'
  | { readonly time: number }
  | { readonly position: number }
  | { readonly offset: number };

type StartInit = MessageInitShape<typeof StartSchema>;

/** A start as it is sent. */
export function startInit(start: Start): StartInit {
  if (typeof start === 'string') {
    return { kind: { case: start === 'last-value' ? 'lastValue' : start, value: true } };
  }
  if ('time' in start) {
    return { kind: { case: 'timeUs', value: BigInt(Math.round(start.time * 1000)) } };
  }
  if ('position' in start) {
    return { kind: { case: 'position', value: BigInt(start.position) } };
  }
  return { kind: { case: 'offset', value: BigInt(start.offset) } };
}

/** See the file. */
export class Place {
  /** The first position not yet delivered, passed over or told as a gap. */
  #next: bigint | undefined;
  /** Records before this were delivered on an earlier connection. */
  #resumedAt = 0n;
  /** How often the log went on from an earlier place. */
  restarts = 0;
  /** The first position that the node has not told on this connection. */
  #told = 0n;
  /** Where to end, exclusive. */
  #until: bigint | undefined;
  /** Where the node's log ended when it was subscribed to on this connection. */
  #head: bigint | undefined;
  #isSubscribed = false;
  #isLive = false;

  /** @param endsAtHead - it is over where the log ended when it began */
  constructor(
    private readonly from: Start,
    private readonly endsAtHead: boolean,
  ) {}

  /** Where to subscribe from now. */
  start(): StartInit {
    this.#isSubscribed = false;
    this.#head = undefined;
    this.#told = 0n;
    const value = this.#next;
    this.#resumedAt = value ?? 0n;
    // Where not all last values have come, what lies between is not asked for.
    return value === undefined || (this.from === 'last-value' && !this.#isLive)
      ? startInit(this.from)
      : { kind: { case: 'position', value } };
  }

  /**
   * The node told where it begins and where its log ends; or, when it says so again, that everything
   * before has been delivered.
   */
  handleSubscribed(position: bigint, head: bigint): void {
    if (this.endsAtHead) {
      this.#until ??= head;
    }
    this.#told = max(this.#told, position);
    const again = this.#isSubscribed;
    this.#head ??= head;
    this.#isSubscribed = true;
    this.#isLive ||= again || this.from === 'latest' || position >= head;
    // From the latest on nothing before was asked for: what is published while the connection is lost
    // is not missed.
    if (again || this.#next !== undefined || this.from === 'latest') {
      this.advance(position);
    }
  }

  /** Whether the record at this position is to be delivered. */
  wants(position: bigint): boolean {
    return position >= this.#resumedAt && (this.#until === undefined || position < this.#until);
  }

  /**
   * The node told a gap: where what of it begins that neither was delivered nor told on an earlier connection. A
   * cursor may stand further back than this side has come, and retention have passed it by.
   */
  handleGap(from: bigint, to: bigint, isRestart: boolean): bigint | undefined {
    if (isRestart) {
      // The log ends before this place: what comes from now on is new.
      this.#resumedAt = to;
      this.#told = to;
      this.#next = to;
      this.restarts += 1;
      this.#until &&= this.#until < to ? this.#until : to;
      return from;
    }
    this.advance(to);
    const untold = max(from, this.#resumedAt);
    return untold < to || from === to ? untold : undefined;
  }

  /** Everything before this position is delivered or told. */
  advance(next: bigint): void {
    this.#told = max(this.#told, next);
    this.#next = max(this.#next ?? next, next);
  }

  /**
   * How much of what is done may be acknowledged now. A node that crashed may have a cursor that stands
   * further back than this side has come, and takes no acknowledgement of what it has not told again.
   */
  acknowledgeable(done: bigint): bigint | undefined {
    return this.#isSubscribed && done < this.#told ? done : undefined;
  }

  /** Whether all that was kept when it began has come. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /**
   * Whether the record at this position came to the node while it was subscribed to on this connection: then
   * nothing but its way here kept it back, and not that its reader was away.
   */
  hasJustCome(position: bigint): boolean {
    return this.#head !== undefined && position >= this.#head;
  }

  /** Whether everything that was asked for has come. */
  get isFinished(): boolean {
    return this.#until !== undefined && (this.#next ?? 0n) >= this.#until;
  }
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
