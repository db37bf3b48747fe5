// Histories: read once from the node, verified and opened like everything else, and gathered here
// in the worker, so that the page gets what it can show and not a million messages.

import { type Client, filterMatches, type Message } from '@sekisho/client';
import { iso } from '../../words/iso';
import { COLUMNS_MAX } from '../fleet/series';
import { BYTE_ORDER_MARK, type Cell, line } from '../history/csv';
import { Intervals } from '../history/intervals';
import { Batcher, numberOrText } from './batcher';
import type { Answers, Ask, Batch, Break, HistoryPart } from './protocol';
import { bodyFaultOf, reasonOf } from './unopened';

type Question<K extends Ask['ask']> = Extract<Ask, { ask: K }>;

/** How often the page hears how far a history has come, milliseconds. */
const PROGRESS_MS = 300;

/** The newest readings of one topic, at most so many rows. */
export async function recent(
  client: Client,
  question: Question<'recent'>,
  signal: AbortSignal,
): Promise<Answers['recent']> {
  const batcher = new Batcher();
  const notes = new Notes(Number.POSITIVE_INFINITY);
  let batches: Batch[] = [];
  for await (const delivery of client.history(question.topic, { start: { time: question.since }, signal })) {
    if (delivery.kind === 'gap') notes.gap(delivery.reason);
    if (delivery.kind !== 'message') continue;
    try {
      batcher.add(delivery);
    } catch (thrown) {
      notes.gap(reasonOf(bodyFaultOf(thrown))); // It is counted where it is live.
      continue;
    }
    for (const { time } of delivery.samples()) notes.sample(delivery, time);
    if (batcher.rows >= 500) batches = newest([...batches, ...batcher.take()], question.most);
  }
  batches = newest([...batches, ...batcher.take()], question.most);
  const from = batches[0]?.times[0] ?? question.since;
  const breaks = notes.missing().filter(({ after }) => after >= from);
  return { batches, from, until: notes.reached, breaks };
}

/** The last batches that hold so many rows. */
function newest(batches: Batch[], most: number): Batch[] {
  let rows = 0;
  let from = batches.length;
  while (from > 0 && rows < most) {
    from -= 1;
    rows += batches[from]?.times.length ?? 0;
  }
  return batches.slice(from);
}

/** Notes whose history it is and what is not in it. */
class Notes {
  readings = 0;
  late = 0;
  rejected = 0;
  unopened = 0;
  unusable = 0;
  reached = 0;
  readonly gaps: Break[] = [];
  readonly signers = new Set<string>();
  #open: string | undefined;

  constructor(private readonly lateAfter: number) {}

  gap(reason: string): void {
    this.#open ??= reason;
  }

  /** Counts what came and cannot be shown. */
  cannotOpen(fault: string): void {
    const reason = reasonOf(fault);
    if (reason === 'sealed') this.unopened += 1;
    else this.unusable += 1;
    this.gap(reason);
  }

  /** What is missing, also where nothing came behind it yet. */
  missing(): Break[] {
    if (this.#open === undefined) return [...this.gaps];
    return [...this.gaps, { after: this.reached, before: undefined, reason: this.#open }];
  }

  sample(message: Message, time: number): void {
    if (this.#open !== undefined && this.gaps.length < 200) {
      this.gaps.push({ after: this.reached, before: time, reason: this.#open });
    }
    this.#open = undefined;
    this.readings += 1;
    this.reached = Math.max(this.reached, time);
    if (message.received - time > this.lateAfter) this.late += 1;
    const signer =
      message.attester === undefined ? message.publisher : `${message.publisher} (${message.attester})`;
    if (this.signers.size < 50) this.signers.add(signer);
  }
}

/** A history in intervals. `tell` hears parts of it meanwhile. */
export async function history(
  client: Client,
  question: Question<'history'>,
  tell: (part: HistoryPart) => void,
  signal: AbortSignal,
): Promise<HistoryPart> {
  const until = Date.now() + 120_000;
  const intervals = new Intervals(question.since, until, question.interval);
  const notes = new Notes(question.lateAfter);
  const part = (): HistoryPart => {
    const gaps = notes.missing().map(({ before = Date.now(), ...gap }) => ({ ...gap, before }));
    return { ...intervals.result(), ...notes, gaps, signers: [...notes.signers] };
  };
  let told = performance.now();
  for await (const delivery of client.history(question.topic, { start: { time: question.since }, signal })) {
    if (delivery.kind === 'gap') notes.gap(delivery.reason);
    else if (delivery.kind === 'rejected') notes.rejected += 1;
    else if (delivery.kind === 'message' && filterMatches(question.topic, delivery.topic)) {
      gather(delivery, intervals, notes);
    }
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    tell(part());
  }
  return part();
}

function gather(message: Message, intervals: Intervals, notes: Notes): void {
  let samples: ReturnType<Message['samples']>;
  try {
    samples = message.samples();
  } catch (thrown) {
    notes.cannotOpen(bodyFaultOf(thrown));
    return;
  }
  for (const sample of samples) {
    notes.sample(message, sample.time);
    for (const [name, { value, unit }] of sample.values) {
      const number = numberOrText(value);
      if (typeof number === 'number') intervals.add(sample.time, name, unit, number);
    }
  }
}

const FIXED = ['time', 'received', 'late', 'publisher', 'attested by', 'key'];

/** Every reading of a history as a file. */
export async function csv(
  client: Client,
  question: Question<'csv'>,
  tell: (rows: number) => void,
  signal: AbortSignal,
): Promise<Answers['csv']> {
  const columns = new Map<string, number>();
  const headings: string[] = [...FIXED];
  const rows: Cell[][] = [];
  let isCut = false;
  let told = performance.now();
  const inner = new AbortController();
  signal.addEventListener('abort', () => inner.abort(), { once: true });
  const wish = { start: { time: question.since }, signal: inner.signal };
  for await (const delivery of client.history(question.topic, wish)) {
    if (delivery.kind !== 'message') continue;
    isCut = rows.length >= question.most;
    if (isCut) break;
    addRows(delivery, rows, columns, headings, question);
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    tell(rows.length);
  }
  inner.abort();
  const parts: string[] = [BYTE_ORDER_MARK, line(headings)];
  for (const row of rows) parts.push(line(Array.from({ length: headings.length }, (_, at) => row[at])));
  return { blob: new Blob(parts, { type: 'text/csv;charset=utf-8' }), rows: rows.length, cut: isCut };
}

/** The place of a measurement in a row; a new one gets the next, while there is room. */
function columnOf(
  name: string,
  unit: string,
  columns: Map<string, number>,
  headings: string[],
  units: Record<string, string>,
): number | undefined {
  const key = `${name} ${unit}`;
  const known = columns.get(key);
  if (known !== undefined || columns.size >= COLUMNS_MAX) return known;
  const shown = unit || (Object.hasOwn(units, name) ? (units[name] ?? '') : '');
  columns.set(key, headings.length);
  headings.push(shown === '' ? name : `${name} [${shown}]`);
  return headings.length - 1;
}

function addRows(
  message: Message,
  rows: Cell[][],
  columns: Map<string, number>,
  headings: string[],
  { lateAfter, units }: Question<'csv'>,
): void {
  let samples: ReturnType<Message['samples']>;
  try {
    samples = message.samples();
  } catch {
    return;
  }
  for (const sample of samples) {
    const isLate = message.received - sample.time > lateAfter;
    const { publisher, attester, publisherId } = message;
    const row: Cell[] = [iso(sample.time), iso(message.received), isLate, publisher, attester, publisherId];
    for (const [name, { value, unit }] of sample.values) {
      const at = columnOf(name, unit, columns, headings, units);
      if (at !== undefined) row[at] = typeof value === 'bigint' ? value : numberOrText(value);
    }
    rows.push(row);
  }
}
