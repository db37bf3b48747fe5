// Whether a publisher's envelopes come as their publisher numbered and chained them. A node may leave out,
// repeat and reorder what it passes on; it cannot renumber what it did not sign.

import type { Header } from '../envelope.js';
import type { RejectedRecord } from './verifier.js';

/** Streams remembered before that is forgotten of which nothing came for longest; about 300 bytes each. */
const STREAMS_MAX = 8192;
/** Gaps that the node told, and that may explain what is missing in a stream. */
const TOLD_MAX = 64;

/** Something that the node says it does not deliver. */
export interface ToldGap {
  readonly from: bigint;
  /** Exclusive. */
  readonly to: bigint;
  /** Undefined where it is of all topics. */
  readonly topic?: string | undefined;
}

/** What is missing in a publisher's numbering without the node's having said so. */
export interface WithheldGap {
  readonly from: bigint;
  readonly to: bigint;
  readonly topic: string;
}

/** What of a verified record counts here. */
export interface Link {
  readonly header: Header;
  readonly hash: string;
}

interface Last {
  readonly sequence: bigint;
  readonly hash: string;
  readonly position: bigint;
}

/** See the file. */
export class Chain {
  /** The one of which nothing came for longest is the first. */
  private readonly streams = new Map<string, Last>();
  private told: ToldGap[] = [];

  /** The node has said what it does not deliver, and why. */
  noteTold(gap: ToldGap): void {
    if (this.told.length >= TOLD_MAX) {
      this.told.shift();
    }
    this.told.push(gap);
  }

  /** Takes the next record; what is missing before it and was not told is a gap of its own. */
  judge(record: Link, position: bigint): undefined | WithheldGap | RejectedRecord {
    const { header, hash } = record;
    const { topic, sequence } = header;
    this.disprove(position);
    const stream = `${header.publisher} ${header.boot} ${topic}`;
    const last = this.streams.get(stream);
    if (last === undefined) {
      this.remember(stream, { sequence, hash, position });
      return undefined;
    }
    if (sequence <= last.sequence) {
      return sequence === last.sequence && hash !== last.hash
        ? twoStories(topic, sequence, last.hash, hash)
        : repeated(topic, last.sequence, sequence);
    }
    const isNext = sequence === last.sequence + 1n;
    if (isNext && header.previous !== last.hash) {
      return twoStories(topic, last.sequence, last.hash, header.previous);
    }
    this.remember(stream, { sequence, hash, position });
    if (isNext || this.isTold(topic, last.position, position)) {
      return undefined;
    }
    const from = last.position + 1n;
    return { from, to: position > from ? position : from, topic };
  }

  private remember(stream: string, last: Last): void {
    this.streams.delete(stream);
    const [idle] = this.streams.size < STREAMS_MAX ? [] : this.streams.keys();
    if (idle !== undefined) {
      this.streams.delete(idle);
    }
    this.streams.set(stream, last);
  }

  /** What comes shows that a gap that was told to reach further ends before it: what follows is not explained by it. */
  private disprove(position: bigint): void {
    if (this.told.some(({ to }) => to > position)) {
      this.told = this.told.map((gap) => (gap.to > position ? { ...gap, to: position } : gap));
    }
  }

  /** Whether the node told of something missing between two positions of the topic. */
  private isTold(topic: string, from: bigint, to: bigint): boolean {
    return this.told.some((gap) => {
      const concerns = gap.topic === undefined || gap.topic === topic;
      return concerns && gap.from <= to && gap.to > from;
    });
  }
}

function twoStories(
  topic: string,
  sequence: bigint,
  wanted: string,
  found: string | undefined,
): RejectedRecord {
  const detail = `wanted one that follows envelope ${wanted} of sequence ${sequence}, found one that follows ${found ?? 'none'}`;
  return { reason: 'two-stories', topic, detail };
}

function repeated(topic: string, last: bigint, found: bigint): RejectedRecord {
  const detail = `wanted a sequence after ${last}, found ${found}: repeated or out of order`;
  return { reason: 'repeated', topic, detail };
}
