// Tables: a real one for screen readers, sorted by its headings. A long one draws only the rows that can
// be seen, so that 10,000 devices cost no more than twenty.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { catalogue } from '../words/catalogue';
import { count } from '../words/format';
import { type Slice, sliceOf } from './window';

const words = catalogue({
  en: { rows: (n: string) => `${n} rows`, scroll: (name: string) => `${name}, can be scrolled` },
  es: { rows: (n: string) => `${n} filas`, scroll: (name: string) => `${name}, se puede desplazar` },
  ja: { rows: (n: string) => `${n}行`, scroll: (name: string) => `${name}（スクロールできます）` },
});

/** One column. */
export interface Column<R> {
  key: string;
  title: string;
  cell: (row: R) => ComponentChildren;
  /** By what it is sorted; without it, it is not. */
  sort?: (row: R) => string | number;
  /** Its cells name their rows. */
  isHead?: boolean;
  /** Figures are set to the right. */
  isNumber?: boolean;
}

/** Rows above which only those are drawn that can be seen. */
const ALL_MAX = 150;
const ROW_PX = 44;

interface Order {
  key: string;
  isDescending: boolean;
}

/** A table. `caption` names it for those who do not see it; `empty` stands where there are no rows. */
export function Table<R>(props: {
  caption: string;
  columns: Column<R>[];
  rows: readonly R[];
  rowKey: (row: R) => string | number;
  empty: string;
  onOpen?: ((row: R) => void) | undefined;
  isOpen?: (row: R) => boolean;
}) {
  const w = words();
  const [order, setOrder] = useState<Order>();
  const { columns, rows } = props;
  const sorted = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  if (rows.length === 0) return <p class="empty">{props.empty}</p>;
  const isLong = sorted.length > ALL_MAX;
  return (
    <div class="table-frame">
      <Scroll label={w.scroll(props.caption)} isLong={isLong} count={sorted.length}>
        {(slice) => (
          <table class={isLong ? 'table table-long' : 'table'} aria-rowcount={sorted.length + 1}>
            <caption class="sr-only">{props.caption}</caption>
            <Head columns={columns} order={order} setOrder={setOrder} />
            <Body {...props} rows={sorted} slice={slice} />
          </table>
        )}
      </Scroll>
      {isLong ? <p class="table-count">{w.rows(count(sorted.length))}</p> : null}
    </div>
  );
}

function Scroll(props: {
  label: string;
  isLong: boolean;
  count: number;
  children: (slice: Slice) => ComponentChildren;
}) {
  const box = useRef<HTMLElement>(null);
  const [view, setView] = useState({ top: 0, room: 600 });
  useEffect(() => {
    const element = box.current;
    if (element === null || !props.isLong) return;
    const look = () => setView({ top: element.scrollTop, room: element.clientHeight });
    look();
    element.addEventListener('scroll', look, { passive: true });
    const watch = new ResizeObserver(look);
    watch.observe(element);
    return () => {
      element.removeEventListener('scroll', look);
      watch.disconnect();
    };
  }, [props.isLong]);
  const all: Slice = { first: 0, last: props.count, before: 0, after: 0 };
  const slice = props.isLong ? sliceOf(props.count, ROW_PX, view.top, view.room) : all;
  return (
    <section
      class={props.isLong ? 'table-scroll table-scroll-long' : 'table-scroll'}
      ref={box}
      aria-label={props.label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled has to be reached by keyboard
      tabIndex={0}
    >
      {props.children(slice)}
    </section>
  );
}

function Head<R>(props: {
  columns: Column<R>[];
  order: Order | undefined;
  setOrder: (order: Order) => void;
}) {
  const { order, setOrder } = props;
  return (
    <thead>
      <tr>
        {props.columns.map((column) => {
          const isBy = order?.key === column.key;
          const direction = order?.isDescending === true ? 'descending' : 'ascending';
          return (
            <th
              key={column.key}
              scope="col"
              class={column.isNumber === true ? 'table-number' : undefined}
              aria-sort={isBy ? direction : undefined}
            >
              {column.sort === undefined ? (
                column.title
              ) : (
                <button
                  type="button"
                  class="table-sort"
                  onClick={() => setOrder({ key: column.key, isDescending: isBy && !order.isDescending })}
                >
                  {column.title}
                  <span aria-hidden="true">{isBy ? (order.isDescending ? ' ↓' : ' ↑') : ''}</span>
                </button>
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function Body<R>(props: {
  columns: Column<R>[];
  rows: readonly R[];
  slice: Slice;
  rowKey: (row: R) => string | number;
  onOpen?: ((row: R) => void) | undefined;
  isOpen?: (row: R) => boolean;
}) {
  const { slice, columns } = props;
  return (
    <tbody>
      <Spacer height={slice.before} columns={columns.length} />
      {props.rows.slice(slice.first, slice.last).map((row, place) => (
        <tr
          key={props.rowKey(row)}
          aria-rowindex={slice.first + place + 2}
          class={props.isOpen?.(row) === true ? 'table-open' : undefined}
          onClick={props.onOpen === undefined ? undefined : () => props.onOpen?.(row)}
        >
          {columns.map((column) =>
            column.isHead === true ? (
              <th key={column.key} scope="row">
                {column.cell(row)}
              </th>
            ) : (
              <td key={column.key} class={column.isNumber === true ? 'table-number' : undefined}>
                {column.cell(row)}
              </td>
            ),
          )}
        </tr>
      ))}
      <Spacer height={slice.after} columns={columns.length} />
    </tbody>
  );
}

function Spacer(props: { height: number; columns: number }) {
  if (props.height === 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can have the focus
    <tr aria-hidden="true">
      <td colSpan={props.columns} style={{ height: `${props.height}px`, padding: 0, border: 0 }} />
    </tr>
  );
}

function inOrder<R>(rows: readonly R[], columns: Column<R>[], order: Order | undefined): readonly R[] {
  const by = columns.find((column) => column.key === order?.key)?.sort;
  if (by === undefined || order === undefined) return rows;
  const sign = order.isDescending ? -1 : 1;
  const compare = (one: R, other: R) => {
    const [left, right] = [by(one), by(other)];
    if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
    return sign * String(left).localeCompare(String(right), undefined, { numeric: true });
  };
  return [...rows].sort(compare);
}
