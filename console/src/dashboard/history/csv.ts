// Tables as files that spreadsheets open (RFC 4180). A text that a spreadsheet would take for a
// formula is made one that it shows.

import { iso } from '../../words/iso';
import type { Break } from '../feed/protocol';

/** One cell. */
export type Cell = string | number | bigint | boolean | undefined;

/** What a spreadsheet may compute; also where a tab or line end goes before it. */
const FORMULA = /^[\s]*[=+\-@＝＋－＠]|^[\t\r\n]/u;
const NEEDS_QUOTES = /[",\r\n]/;

/** One cell's text in a file. */
export function cell(value: Cell): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return Number.isNaN(value) ? '' : String(value);
  if (typeof value !== 'string') return String(value);
  const harmless = FORMULA.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(harmless) || harmless !== harmless.trim()
    ? `"${harmless.replaceAll('"', '""')}"`
    : harmless;
}

/** One line with its end. */
export function line(cells: readonly Cell[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** What begins a file, so that spreadsheets read it as UTF-8. */
export const BYTE_ORDER_MARK = '\ufeff';

/** A name for a file out of any text: letters, digits, `-` and `_`. */
export function fileName(...parts: string[]): string {
  const clean = parts.map((part) => part.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^-+|-+$/g, ''));
  return `${
    clean
      .filter((part) => part !== '')
      .join('_')
      .slice(0, 120) || 'sekisho'
  }.csv`;
}

/** The columns that say what is missing; where there are readings they are empty. */
export const GAP_HEADINGS = ['gap', 'gap until'] as const;

/** When the last reading before a gap was taken, why there are none, and when the first behind it was taken. */
export function gapCells({ after, before, reason }: Break): [Cell, Cell, Cell] {
  return [after === 0 ? undefined : iso(after), reason, before === undefined ? undefined : iso(before)];
}
