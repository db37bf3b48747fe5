import { BodyError, type Delivery } from '@sekisho/client';
import { describe, expect, it } from 'vitest';
import { csv } from './every_reading';

const TOPIC = 'fujisawa/tide/1';
const at = (seconds: number) => new Date(seconds * 1000).toISOString();

/** A reading of some second, or what cannot be opened. */
function reading(second: number, level: number, fault?: 'no-key' | 'grant'): Delivery {
  const time = second * 1000;
  const values = new Map([['level', { value: level, unit: '' }]]);
  const samples = () => {
    if (fault !== undefined) throw new BodyError(fault, `${TOPIC}: wanted samples, found none`);
    return [{ time, timeUs: BigInt(time) * 1000n, values }];
  };
  const told = { kind: 'message', topic: TOPIC, position: second, received: time, samples };
  return { ...told, publisher: 'tide@fujisawa', publisherId: 'aa' } as unknown as Delivery;
}

const gap = (reason: string) => ({ kind: 'gap', from: 0, to: 1, reason }) as unknown as Delivery;

/** The file of what a node tells, line by line, and what is said of it. */
async function file(told: Delivery[], most = 100) {
  const client = {
    history: () =>
      (async function* () {
        yield* told;
      })(),
  };
  const question = {
    ask: 'csv',
    topic: TOPIC,
    since: 0,
    most,
    lateAfter: 60_000,
    units: { level: 'm' },
  } as const;
  const signal = new AbortController().signal;
  const made = await csv(client as never, question, () => undefined, signal);
  const lines = (await made.blob.text()).replace('\ufeff', '').split('\r\n').slice(0, -1);
  return { ...made, lines };
}

const HEAD = 'time,received,late,publisher,attested by,key,gap,gap until,level [m]';
const row = (second: number, level: number) =>
  `${at(second)},${at(second)},false,tide@fujisawa,,aa,,,${level}`;

describe('every reading as a file', () => {
  it('has a row for what is missing, with why and until when, in its place among the readings', async () => {
    const { lines, rows, gaps, cut } = await file([
      gap('retention'),
      reading(1, 31),
      reading(2, 32),
      gap('withheld'),
      reading(5, 35),
      gap('rights'),
    ]);
    expect(lines).toEqual([
      HEAD,
      `,,,,,,retention,${at(1)},`,
      row(1, 31),
      row(2, 32),
      `${at(2)},,,,,,withheld,${at(5)},`,
      row(5, 35),
      `${at(5)},,,,,,rights,,`,
    ]);
    expect({ rows, gaps, cut }).toEqual({ rows: 3, gaps: 3, cut: false });
  });

  it('says of what came and could not be opened that it is sealed or unusable, once for all in a row', async () => {
    const { lines, rows } = await file([
      reading(1, 31),
      reading(2, 0, 'no-key'),
      reading(3, 0, 'no-key'),
      reading(4, 34),
      reading(5, 0, 'grant'),
    ]);
    expect(lines.slice(1)).toEqual([
      row(1, 31),
      `${at(1)},,,,,,sealed,${at(4)},`,
      row(4, 34),
      `${at(4)},,,,,,unusable,,`,
    ]);
    expect(rows).toBe(2);
  });

  it('counts readings and not gaps against what it may hold, and says nothing of what comes behind', async () => {
    const told = [reading(1, 31), gap('withheld'), reading(3, 33), gap('withheld'), reading(5, 35)];
    const { lines, rows, cut } = await file(told, 2);
    expect(lines.slice(1)).toEqual([row(1, 31), `${at(1)},,,,,,withheld,${at(3)},`, row(3, 33)]);
    expect({ rows, cut }).toEqual({ rows: 2, cut: true });
  });
});
