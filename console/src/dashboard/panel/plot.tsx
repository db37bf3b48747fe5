// One plot: a line with holes where readings are missing, and bands that say why.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { now } from '../../identity/node';
import { coloursChanged } from '../../parts/pickers';
import { locale, number, time as timeOfDay } from '../../words/format';
import { language } from '../../words/language';
import type { Break } from '../feed/protocol';

/** What a plot shows. Times are milliseconds since 1970. */
export interface Curve {
  times: Float64Array;
  values: Float64Array;
  /** The least and most of each interval, where rows are intervals. */
  spread?: { minimum: Float64Array; maximum: Float64Array } | undefined;
  /** Rows that came late. */
  late?: ((row: number) => boolean) | undefined;
  breaks: readonly Break[];
}

/** Rows drawn at most: some for each pixel. */
const POINTS_MAX = 1500;

/** Seconds as the plot wants them, nulls where a line must not be drawn. */
export type PlotData = [number[], (number | null)[], (number | null)[], (number | null)[], (number | null)[]];

/**
 * Makes a plot's columns: time, value, least, most, late points. Where readings are missing a row
 * without values is put between, so that no line is drawn across; what is denser than the screen
 * is thinned by keeping the least and the most of neighbours.
 */
export function plotData(curve: Curve): PlotData {
  const data: PlotData = [[], [], [], [], []];
  const put = (time: number, value: number | null, row: number) => {
    data[0].push(time / 1000);
    data[1].push(value);
    data[2].push(value === null ? null : orNull(curve.spread?.minimum[row]));
    data[3].push(value === null ? null : orNull(curve.spread?.maximum[row]));
    data[4].push(value !== null && curve.late?.(row) === true ? value : null);
  };
  const holes = curve.breaks.map(({ after, before }) => [after, before ?? Number.POSITIVE_INFINITY] as const);
  let before = Number.NaN;
  for (const row of kept(curve)) {
    const time = curve.times[row] ?? Number.NaN;
    if (holes.some(([from, to]) => from >= before && to <= time)) put((before + time) / 2, null, row);
    put(time, orNull(curve.values[row]), row);
    before = time;
  }
  return data;
}

function orNull(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

/** Which rows are drawn: all, or of every few the least and the most. */
function kept({ times, values }: Curve): number[] {
  const stride = Math.ceil(times.length / (POINTS_MAX / 2));
  if (stride <= 2) return Array.from({ length: times.length }, (_, row) => row);
  const rows: number[] = [];
  for (let from = 0; from < times.length; from += stride) {
    rows.push(...extremes(values, from, Math.min(from + stride, times.length)));
  }
  return rows;
}

/** The rows of the least and the most of some, in their order. */
function extremes(values: Float64Array, from: number, to: number): number[] {
  let [least, most] = [from, from];
  for (let row = from; row < to; row += 1) {
    const value = values[row] ?? Number.NaN;
    if (value < (values[least] ?? Number.POSITIVE_INFINITY)) least = row;
    if (value > (values[most] ?? Number.NEGATIVE_INFINITY)) most = row;
  }
  return least === most ? [least] : [Math.min(least, most), Math.max(least, most)];
}

function themed(): { line: string; fill: string; ink: string; grid: string; warn: string; warnSoft: string } {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    line: of('accent'),
    fill: of('accent-soft'),
    ink: of('dim'),
    grid: of('line'),
    warn: of('warn'),
    warnSoft: of('warn-soft'),
  };
}

/** Draws a plot into an element; gives what draws it again, and what takes it away. */
function draw(element: HTMLElement, label: string, gapText: (reason: string) => string) {
  const colours = themed();
  let curve: Curve | undefined;
  const axis = {
    stroke: colours.ink,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { stroke: colours.grid, width: 1 },
  };
  const font = '11px system-ui, sans-serif';
  const plot = new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: 190,
      cursor: { y: false },
      legend: { show: false },
      scales: { x: { time: true, range: ({ data }, from, to) => shown(data[0], from, to) } },
      axes: [
        {
          ...axis,
          font,
          values: (_plot, splits, _index, _space, step) => splits.map((at) => tick(at, step)),
        },
        { ...axis, font, size: 56, values: (_plot, splits) => splits.map((at) => number(at)) },
      ],
      bands: [{ series: [1, 2], fill: colours.fill }],
      series: [
        {},
        { stroke: 'transparent', width: 0, points: { show: false } },
        { stroke: 'transparent', width: 0, points: { show: false } },
        {
          label,
          stroke: colours.line,
          width: 2,
          spanGaps: false,
          points: { show: (self) => self.data[0].length < FEW, size: 6, fill: colours.line },
        },
        {
          stroke: 'transparent',
          width: 0,
          points: { show: true, size: 7, stroke: colours.warn, fill: colours.warnSoft, width: 2 },
        },
      ],
      hooks: {
        drawClear: [(self) => drawBreaks(self, curve?.breaks ?? [], colours, gapText)],
      },
    },
    [[], [], [], [], []],
    element,
  );
  const watch = new ResizeObserver(() =>
    plot.setSize({ width: Math.max(200, element.clientWidth), height: 190 }),
  );
  watch.observe(element);
  return {
    show(next: Curve): void {
      curve = next;
      const [times, values, least, most, late] = plotData(next);
      // What is drawn last lies on top.
      plot.setData([times, most, least, values, late]);
    },
    remove(): void {
      watch.disconnect();
      plot.destroy();
    },
  };
}

/** Below so many rows each is a point: one alone makes no line. */
const FEW = 40;
/** Seconds that a plot shows at least: one reading alone is no reason to show a year. */
const SHOWN_MIN = 20;

/** What a plot shows of these times, in seconds; of one time alone the library would show a thousand days. */
export function shown(times: ArrayLike<number>, from: number | null, to: number | null): [number, number] {
  return times.length === 1 ? atLeast(from, from) : atLeast(from, to);
}

function atLeast(from: number | null, to: number | null): [number, number] {
  const end = to ?? now() / 1000;
  const start = from ?? end;
  return end - start < SHOWN_MIN ? [end - SHOWN_MIN, end] : [start, end];
}

/** A tick's text: with the day where ticks are far apart. */
function tick(seconds: number, step: number): string {
  const options: Intl.DateTimeFormatOptions =
    step >= 86_400
      ? { month: 'numeric', day: 'numeric' }
      : step >= 10_800
        ? { day: 'numeric', hour: '2-digit', hourCycle: 'h23' }
        : step >= 60
          ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
          : { minute: '2-digit', second: '2-digit' };
  if (!Number.isFinite(seconds)) return '';
  return step < 60
    ? timeOfDay(seconds * 1000)
    : new Intl.DateTimeFormat(locale(), options).format(seconds * 1000);
}

function drawBreaks(
  plot: uPlot,
  breaks: readonly Break[],
  colours: ReturnType<typeof themed>,
  text: (reason: string) => string,
): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  for (const { after, before, reason } of breaks) {
    const left = plot.valToPos(after / 1000, 'x', true);
    const right = before === undefined ? bbox.left + bbox.width : plot.valToPos(before / 1000, 'x', true);
    const [from, to] = [Math.max(left, bbox.left), Math.min(right, bbox.left + bbox.width)];
    if (!(to >= from)) continue;
    ctx.save();
    ctx.fillStyle = colours.warnSoft;
    ctx.fillRect(from, bbox.top, Math.max(3 * ratio, to - from), bbox.height);
    ctx.fillStyle = colours.warn;
    ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    const said = text(reason);
    if (to - from > ctx.measureText(said).width + 8)
      ctx.fillText(said, from + 4 * ratio, bbox.top + 14 * ratio);
    ctx.restore();
  }
}

/** A plot that follows `curve`; it is asked again whenever `version` changes. */
export function Plot(props: {
  label: string;
  /** The same in words, for whoever cannot see it. */
  summary: string;
  curve: () => Curve | undefined;
  version: number | string;
  gapText: (reason: string) => string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<ReturnType<typeof draw>>();
  const colours = coloursChanged.value;
  const { label, gapText } = props;
  useEffect(() => {
    if (place.current === null) return;
    const made = draw(place.current, label, gapText);
    plot.current = made;
    const curve = props.curve();
    if (curve !== undefined) made.show(curve);
    return () => {
      made.remove();
      plot.current = undefined;
    };
  }, [label, colours, language.value]);
  useEffect(() => {
    const curve = props.curve();
    if (curve !== undefined) plot.current?.show(curve);
  }, [props.version, label]);
  return <div ref={place} class="plot" role="img" aria-label={`${label}: ${props.summary}`} />;
}
