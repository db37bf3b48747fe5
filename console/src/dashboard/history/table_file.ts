// A history as a table for a spreadsheet: every column, every interval, and between them what is missing.

import { iso } from '../../words/iso';
import type { HistoryColumn, HistoryPart } from '../feed/protocol';
import { BYTE_ORDER_MARK, type Cell, GAP_HEADINGS, gapCells, line } from './csv';

/** The file's text. A gap stands before the interval of the first reading behind it, or at the end. */
export function tableFile(part: HistoryPart): string {
  const named = ({ name, unit: of }: HistoryColumn) => (of === '' ? name : `${name} [${of}]`);
  const headings = part.columns.flatMap((column) =>
    ['mean', 'minimum', 'maximum', 'count'].map((what) => `${named(column)} ${what}`),
  );
  const numbers = part.columns.length * 4;
  const gaps = [...part.gaps].sort((a, b) => a.before - b.before);
  const lines = [line(['from', ...GAP_HEADINGS, ...headings])];
  const putGaps = (until: number) => {
    while (gaps[0] !== undefined && gaps[0].before < until) {
      const [gap] = gaps.splice(0, 1);
      if (gap === undefined) return;
      // Behind the last reading a gap has no end yet.
      const before = gap.before > part.reached ? undefined : gap.before;
      lines.push(line([...gapCells({ ...gap, before }), ...Array<Cell>(numbers)]));
    }
  };
  part.times.forEach((time, row) => {
    putGaps(part.times[row + 1] ?? part.reached + 1);
    const none = Array<Cell>(GAP_HEADINGS.length);
    const cells = part.columns.flatMap(({ mean, minimum, maximum, count: of }): Cell[] => [
      mean[row],
      minimum[row],
      maximum[row],
      of[row],
    ]);
    lines.push(line([iso(time), ...none, ...cells]));
  });
  putGaps(Number.POSITIVE_INFINITY);
  return BYTE_ORDER_MARK + lines.join('');
}
