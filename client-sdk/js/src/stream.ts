// What there is to know of a topic: as its owner described it, or as the node tells who looks around.

import { compare, utf8 } from './bytes.js';
import { quote } from './decode_error.js';
import type { Document } from './document.js';
import { ProtocolViolation } from './failure.js';
import type { StreamDescriptor } from './statement.js';

/** What one transducer of a stream measures. Numbers are as their owner wrote them, decimal numerals. */
export interface Transducer {
  readonly name: string;
  readonly title: string;
  /** UCUM; empty where none was said. */
  readonly unit: string;
  readonly minimum?: string;
  readonly maximum?: string;
  readonly resolution?: string;
  readonly accuracy?: string;
}

/** A topic and what is said of it. */
export interface Stream {
  readonly topic: string;
  /** Whether somebody described it. */
  readonly described: boolean;
  readonly deviceType?: string;
  readonly title?: string;
  /** Topics that nobody described are restricted. */
  readonly class: 'open' | 'restricted' | 'personal';
  readonly mobile: boolean;
  /** Degrees north, WGS 84. */
  readonly latitude?: number;
  /** Degrees east, WGS 84. */
  readonly longitude?: number;
  /** How long it is kept, seconds; absent: as the node does. */
  readonly retention?: number;
  readonly transducers: readonly Transducer[];
  /** The offsets that are kept, of whom the node tells it. */
  readonly firstOffset?: number;
  readonly nextOffset?: number;
  /** When the last record was received, milliseconds since 1970. */
  readonly last?: number;
}

/** Streams that one question finds unless more are wished for: more than anybody looks through, about 20 MB. */
export const STREAMS_MAX = 20_000;

/** A part of the node's list of topics. */
export interface StreamsPart {
  readonly streams: Stream[];
  /** The topic that the next part comes after; undefined where this was the last. */
  readonly next: string | undefined;
}

const DEGREES = 1e7;

/** A signed description. */
export function streamOf(descriptor: StreamDescriptor): Stream {
  const { topic, deviceType, title, mobile, location, retentionS } = descriptor;
  return {
    topic,
    described: true,
    class: descriptor.class,
    mobile,
    transducers: descriptor.transducers.map(transducerOf),
    ...(deviceType === '' ? {} : { deviceType }),
    ...(title === '' ? {} : { title }),
    ...(location && { latitude: location.latitudeE7 / DEGREES, longitude: location.longitudeE7 / DEGREES }),
    ...(retentionS === undefined ? {} : { retention: Number(retentionS) }),
  };
}

/**
 * A part of the node's list of topics, which comes after a topic.
 *
 * @throws ProtocolViolation where it says that more comes and tells none, or goes back: asking on would not end
 */
export function streamsOf(part: Document, after: string): StreamsPart {
  const streams = part.optional('topics')?.items().map(toldStream) ?? [];
  const next = part.text('next');
  if (next !== undefined && streams.length === 0) {
    throw new ProtocolViolation('a topic in a list that goes on', 'none');
  }
  // As the node sorts: by the bytes, which is not the order of a text's UTF-16.
  if (next !== undefined && compare(utf8(next), utf8(after)) <= 0) {
    throw new ProtocolViolation(`a list that goes on behind ${quote(after)}`, quote(next));
  }
  return { streams, next };
}

function toldStream(entry: Document): Stream {
  const location = entry.optional('location');
  const deviceType = entry.text('device_type');
  const last = entry.text('last_received');
  const named = entry.text('class');
  return present({
    topic: entry.text('topic') ?? '',
    described: deviceType !== undefined,
    deviceType: deviceType || undefined,
    title: entry.text('title') || undefined,
    class: named === 'open' || named === 'personal' ? named : 'restricted',
    mobile: entry.flag('mobile'),
    latitude: location?.number('latitude'),
    longitude: location?.number('longitude'),
    retention: entry.number('retention_s'),
    transducers: entry.optional('transducers')?.items().map(toldTransducer) ?? [],
    firstOffset: entry.number('first_offset'),
    nextOffset: entry.number('next_offset'),
    last: last && Date.parse(last),
  }) as unknown as Stream;
}

/** Without the members that are undefined. */
function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function transducerOf(told: StreamDescriptor['transducers'][number]): Transducer {
  return measured(told.name, told.title, told.unit, told);
}

function toldTransducer(told: Document): Transducer {
  const numerals = Object.fromEntries(NUMERALS.map((name) => [name, told.text(name) ?? '']));
  return measured(told.text('name') ?? '', told.text('title') ?? '', told.text('unit') ?? '', numerals);
}

const NUMERALS = ['minimum', 'maximum', 'resolution', 'accuracy'] as const;

function measured(
  name: string,
  title: string,
  unit: string,
  numerals: { readonly [key in (typeof NUMERALS)[number]]?: string },
): Transducer {
  const stated = NUMERALS.flatMap((key) => (numerals[key] ? [[key, numerals[key]] as const] : []));
  return { name, title, unit, ...Object.fromEntries(stated) };
}
