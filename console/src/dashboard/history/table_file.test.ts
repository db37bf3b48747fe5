import { describe, expect, it } from 'vitest';
import type { HistoryPart } from '../feed/protocol';
import { tableFile } from './table_file';

const minute = (n: number) => n * 60_000;
const at = (n: number) => new Date(minute(n)).toISOString();

function part(gaps: HistoryPart['gaps']): HistoryPart {
  const numbers = (...all: number[]) => Float64Array.from(all);
  const column = {
    name: 'level',
    unit: 'm',
    count: numbers(2, 1),
    mean: numbers(31, 34),
    minimum: numbers(30, 34),
    maximum: numbers(32, 34),
  };
  const counts = { readings: 3, late: 0, lateMost: 0, rejected: 0, unopened: 0, unusable: 0 };
  return {
    times: numbers(minute(10), minute(20)),
    columns: [column],
    ...counts,
    gaps,
    signers: [],
    reached: minute(25),
  };
}

const rows = (text: string) => text.slice(1).split('\r\n').slice(0, -1);
const HEAD = 'from,gap,gap until,level [m] mean,level [m] minimum,level [m] maximum,level [m] count';

describe('the table of a history as a file', () => {
  it('has each interval, and between them what is missing, as rows of as many cells', () => {
    const text = tableFile(
      part([
        { after: minute(25), before: minute(90), reason: 'rights' },
        { after: 0, before: minute(10), reason: 'retention' },
        { after: minute(12), before: minute(25), reason: 'withheld' },
      ]),
    );
    expect(rows(text)).toEqual([
      HEAD,
      `,retention,${at(10)},,,,`,
      `${at(10)},,,31,30,32,2`,
      `${at(12)},withheld,${at(25)},,,,`,
      `${at(20)},,,34,34,34,1`,
      // Nothing came behind it yet.
      `${at(25)},rights,,,,,`,
    ]);
  });

  it('is of intervals alone where nothing is missing', () => {
    expect(rows(tableFile(part([])))).toEqual([HEAD, `${at(10)},,,31,30,32,2`, `${at(20)},,,34,34,34,1`]);
  });
});
