// Every reading of a history as a file, and between them, in its place, what is missing.

import { type Client, lateBy, type Message } from '@sekisho/client';
import { iso } from '../../words/iso';
import { COLUMNS_MAX } from '../fleet/series';
import { BYTE_ORDER_MARK, type Cell, GAP_HEADINGS, gapCells, line } from '../history/csv';
import { numberOrText } from './batcher';
import { Notes } from './notes';
import type { Answers, Ask, Break } from './protocol';
import { bodyFaultOf } from './unopened';

type Question = Extract<Ask, { ask: 'csv' }>;

/** How often the page hears how far the file has come, milliseconds. */
const PROGRESS_MS = 300;
/** What every row has, besides what was measured. */
const FIXED = ['time', 'received', 'late', 'publisher', 'attested by', 'key', ...GAP_HEADINGS];
/** Cells between the time of a row and those of a gap. */
const BEFORE_GAP = FIXED.length - GAP_HEADINGS.length - 1;

/** Every reading of a history as a sheet. */
export async function csv(
  client: Pick<Client, 'history'>,
  question: Question,
  tell: (rows: number) => void,
  signal: AbortSignal,
): Promise<Answers['csv']> {
  const sheet = new Sheet(question);
  let isCut = false;
  let told = performance.now();
  const inner = new AbortController();
  signal.addEventListener('abort', () => inner.abort(), { once: true });
  const wish = { start: { time: question.since }, signal: inner.signal };
  for await (const delivery of client.history(question.topic, wish)) {
    if (delivery.kind === 'gap') sheet.notes.gap(delivery.reason);
    if (delivery.kind !== 'message') continue;
    isCut = sheet.notes.readings >= question.most;
    if (isCut) break;
    sheet.add(delivery);
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    tell(sheet.notes.readings);
  }
  inner.abort();
  // Where it was cut it ends with a reading, and what comes next is not said.
  if (!isCut) sheet.end();
  const blob = new Blob(sheet.text(), { type: 'text/csv;charset=utf-8' });
  return { blob, rows: sheet.notes.readings, gaps: sheet.gaps, cut: isCut };
}

/** The rows of a file. */
class Sheet {
  readonly notes: Notes;
  gaps = 0;
  readonly #columns = new Map<string, number>();
  readonly #headings: string[] = [...FIXED];
  readonly #rows: Cell[][] = [];

  constructor(private readonly question: Question) {
    this.notes = new Notes(question.lateAfter);
  }

  add(message: Message): void {
    let samples: ReturnType<Message['samples']>;
    try {
      samples = message.samples();
    } catch (thrown) {
      this.notes.cannotOpen(bodyFaultOf(thrown));
      return;
    }
    for (const sample of samples) {
      this.#addGap(this.notes.sample(message, sample.time));
      const isLate = lateBy(message, sample.time) > this.question.lateAfter;
      const { publisher, attester, publisherId } = message;
      const times = [iso(sample.time), iso(message.received)];
      const row: Cell[] = [...times, isLate, publisher, attester, publisherId];
      for (const [name, { value, unit }] of sample.values) {
        const at = this.#columnOf(name, unit);
        if (at !== undefined) row[at] = typeof value === 'bigint' ? value : numberOrText(value);
      }
      this.#rows.push(row);
    }
  }

  /** Says what is missing behind the last reading. */
  end(): void {
    this.#addGap(this.notes.open());
  }

  text(): string[] {
    const { length } = this.#headings;
    const lines = this.#rows.map((row) => line(Array.from({ length }, (_, at) => row[at])));
    return [BYTE_ORDER_MARK, line(this.#headings), ...lines];
  }

  #addGap(gap: Break | undefined): void {
    if (gap === undefined) return;
    const [from, ...cells] = gapCells(gap);
    this.#rows.push([from, ...Array<Cell>(BEFORE_GAP), ...cells]);
    this.gaps += 1;
  }

  /** The place of a measurement in a row; a new one gets the next, while there is room. */
  #columnOf(name: string, unit: string): number | undefined {
    const key = `${name} ${unit}`;
    const known = this.#columns.get(key);
    if (known !== undefined || this.#columns.size >= COLUMNS_MAX) return known;
    const { units } = this.question;
    const shown = unit || (Object.hasOwn(units, name) ? (units[name] ?? '') : '');
    this.#columns.set(key, this.#headings.length);
    this.#headings.push(shown === '' ? name : `${name} [${shown}]`);
    return this.#headings.length - 1;
  }
}
