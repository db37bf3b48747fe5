// What the chosen device measures now: the last reading, a live plot, and the readings behind it.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { Icon } from '../../parts/icon';
import { ago, dateTime, duration, number, time } from '../../words/format';
import { unit, withUnit } from '../../words/unit';
import { type Device, isPosition } from '../fleet/device';
import type { Desk } from '../state';
import { words } from '../words';
import { Signer } from './origin';
import { type Curve, Plot } from './plot';

/** How far back the live plot reaches at first, milliseconds. */
const RECENT_MS = 5 * 60_000;
/** Rows of it that are fetched. */
const RECENT_ROWS = 3_000;
/** Readings in the table. */
const TABLE_ROWS = 50;

/** The device now. */
export function Now({ desk, device }: { desk: Desk; device: Device }) {
  const w = words();
  desk.pulse.value;
  const plotted = useSignal(desk.measurement.peek());
  const names = [...device.numbers.keys()].filter((name) => !isPosition(name));
  const shown = names.includes(plotted.value) ? plotted.value : names[0];
  return (
    <div class="stack">
      <dl class="facts">
        <dt>{w.taken}</dt>
        <dd>
          {dateTime(device.time)} <span class="dim">({ago(desk.now.value - device.time)})</span>{' '}
          <Late desk={desk} by={device.delay} />
        </dd>
        <dt>{w.signedBy}</dt>
        <dd>{device.provenance === undefined ? null : <Signer provenance={device.provenance} />}</dd>
        {device.place === undefined ? null : (
          <>
            <dt>{w.position}</dt>
            <dd class="mono">
              {device.place.latitude.toFixed(5)}, {device.place.longitude.toFixed(5)}
            </dd>
          </>
        )}
      </dl>
      {shown === undefined ? null : <LivePlot desk={desk} device={device} name={shown} />}
      <Values
        desk={desk}
        device={device}
        plotted={shown}
        choose={(name) => {
          plotted.value = name;
        }}
      />
      <Breaks desk={desk} device={device} />
      {shown === undefined ? null : <Readings desk={desk} device={device} name={shown} />}
    </div>
  );
}

/** Says so where a reading came late. */
function Late({ desk, by }: { desk: Desk; by: number }) {
  const w = words();
  if (!(by > desk.feed.fleet.lateAfter)) return null;
  return (
    <Badge tone="warn" icon="clock" title={w.lateTitle(duration(by))}>
      {w.late} · {duration(by)}
    </Badge>
  );
}

function Values({
  desk,
  device,
  plotted,
  choose,
}: {
  desk: Desk;
  device: Device;
  plotted: string | undefined;
  choose: (name: string) => void;
}) {
  const w = words();
  desk.pulse.value;
  const numbers = [...device.numbers].filter(([name]) => device.place === undefined || !isPosition(name));
  return (
    <table class="table">
      <caption class="sr-only">{w.lastReading}</caption>
      <thead>
        <tr>
          <th scope="col">{w.measurement}</th>
          <th scope="col" class="number">
            {w.value}
          </th>
          <th scope="col">{w.unit}</th>
        </tr>
      </thead>
      <tbody>
        {numbers.map(([name, found]) => (
          <tr key={name} class={name === plotted ? 'is-plotted' : undefined}>
            <th scope="row">
              <button
                type="button"
                class="plain"
                aria-pressed={name === plotted}
                title={w.showPlot(device.titleOf(name))}
                onClick={() => choose(name)}
              >
                {device.titleOf(name)}
              </button>
            </th>
            <td class="number">{number(found.value)}</td>
            <td class="unit">{unit(device.unitOf(name))}</td>
          </tr>
        ))}
        {device.texts.map(({ name, text, unit: of }) => (
          <tr key={name}>
            <th scope="row">{device.titleOf(name)}</th>
            <td class="text">{text}</td>
            <td class="unit">{unit(of || device.unitOf(name))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Gaps as text, the newest first. */
function Breaks({ desk, device }: { desk: Desk; device: Device }) {
  const w = words();
  desk.pulse.value;
  if (device.breaks.length === 0) return null;
  return (
    <ul class="gaps">
      {[...device.breaks]
        .reverse()
        .slice(0, 5)
        .map(({ after, before, reason }) => (
          <li key={`${after} ${reason}`}>
            <Icon name="gap" /> <b>{w.gap}</b> {time(after)} – {before === undefined ? '…' : time(before)}:{' '}
            {w.gapReason[reason] ?? reason}
          </li>
        ))}
    </ul>
  );
}

function LivePlot({ desk, device, name }: { desk: Desk; device: Device; name: string }) {
  const w = words();
  const fetched = useSignal(false);
  const { fleet } = desk.feed;
  useEffect(() => {
    const stop = new AbortController();
    const question = {
      ask: 'recent',
      topic: device.topic,
      since: now() - RECENT_MS,
      most: RECENT_ROWS,
    } as const;
    desk.feed
      .ask(question, { signal: stop.signal })
      .then((found) => fleet.fill(device, found.batches, found))
      .catch(() => undefined) // Without the right to history the plot begins now.
      .finally(() => {
        fetched.value = true;
      });
    return () => stop.abort();
  }, [desk, device, fleet, fetched]);
  const series = fleet.detail?.topic === device.topic ? fleet.detail.series : undefined;
  const found = device.numbers.get(name);
  const title = device.titleOf(name);
  const curve = (): Curve | undefined => {
    const values = series?.values(name);
    if (series === undefined || values === undefined) return undefined;
    const { delays, times } = series;
    const late = (row: number) => (delays[row] ?? 0) > fleet.lateAfter;
    return { times, values, breaks: device.breaks, late };
  };
  const last = found === undefined ? '' : withUnit(number(found.value), device.unitOf(name));
  return (
    <figure class="figure">
      <figcaption>
        <b>{title}</b> <span class="figure-last">{last}</span>
        {fetched.value ? null : <span class="dim"> {w.plotWait}</span>}
      </figcaption>
      <Plot
        label={w.plotOf(title)}
        summary={last}
        curve={curve}
        version={desk.pulse.value}
        gapText={(reason) => w.gapShort[reason] ?? reason}
      />
    </figure>
  );
}

/** The newest readings, each with who signed it. */
function Readings({ desk, device, name }: { desk: Desk; device: Device; name: string }) {
  const w = words();
  desk.pulse.value;
  const detail = desk.feed.fleet.detail;
  if (detail?.topic !== device.topic || detail.series.length === 0) return null;
  const { series } = detail;
  const { times, delays, provenance } = series;
  const values = series.values(name);
  const rows = Array.from(
    { length: Math.min(TABLE_ROWS, times.length) },
    (_, back) => times.length - 1 - back,
  );
  return (
    <details>
      <summary>{w.recentReadings}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whatever scrolls has to be reached by keys. */}
      <section class="scroller" aria-label={w.recentReadings} tabIndex={0}>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{w.taken}</th>
              <th scope="col" class="number">
                {device.titleOf(name)}
              </th>
              <th scope="col">{w.signedBy}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const from = device.provenances[provenance[row] ?? 0];
              return (
                <tr key={times[row]}>
                  <td>
                    {time(times[row] ?? 0)} <Late desk={desk} by={delays[row] ?? 0} />
                  </td>
                  <td class="number">
                    {Number.isNaN(values?.[row] ?? Number.NaN) ? '–' : number(values?.[row] ?? 0)}
                  </td>
                  <td>{from === undefined ? null : <Signer provenance={from} />}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </details>
  );
}
