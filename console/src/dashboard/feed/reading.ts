// Histories: read once from the node, verified and opened like everything else, and gathered here
// in the worker, so that the page gets what it can show and not a million messages.

import { type Client, filterMatches, type Message } from '@sekisho/client';
import { Intervals } from '../history/intervals';
import { Batcher, numberOrText } from './batcher';
import { Notes } from './notes';
import type { Answers, Ask, Batch, HistoryPart } from './protocol';
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
