// What a history's table has, newest first: intervals with readings, and between them what is missing.

import type { HistoryColumn, HistoryPart } from '../feed/protocol';

/** A row: an interval by its index, or what is missing. */
export type TableRow =
  | { readonly interval: number }
  | { readonly gap: { readonly after: number; readonly before: number; readonly reason: string } };

/**
 * The newest rows of one column. A gap stands below the interval of the first reading behind it, and on top where none
 * has come yet.
 *
 * @param most - intervals at most; gaps come besides
 */
export function tableRows(part: HistoryPart, column: HistoryColumn, most: number): TableRow[] {
  const gaps = [...part.gaps].sort((a, b) => b.before - a.before);
  const rows: TableRow[] = [];
  const putGaps = (since: number) => {
    while (gaps[0] !== undefined && gaps[0].before > since) {
      const [gap] = gaps.splice(0, 1);
      if (gap !== undefined) rows.push({ gap });
    }
  };
  putGaps(part.reached);
  let intervals = 0;
  for (let interval = part.times.length - 1; interval >= 0 && intervals < most; interval -= 1) {
    if ((column.count[interval] ?? 0) === 0) continue;
    rows.push({ interval });
    intervals += 1;
    putGaps((part.times[interval] ?? 0) - 1);
  }
  if (intervals < most) putGaps(Number.NEGATIVE_INFINITY);
  return rows;
}
