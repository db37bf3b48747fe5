// 48 hours, a week or a month of one device: plot, table, and both as files.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { now } from '../../identity/node';
import { explain } from '../../identity/trouble';
import { Icon } from '../../parts/icon';
import { Notice } from '../../parts/notice';
import { count, dateTime, duration, number } from '../../words/format';
import { iso } from '../../words/iso';
import { unit } from '../../words/unit';
import { AskFailed } from '../feed/feed';
import type { Fault, HistoryColumn, HistoryPart } from '../feed/protocol';
import { type Device, isPosition } from '../fleet/device';
import { type Curve, Plot } from '../panel/plot';
import type { Desk } from '../state';
import { words } from '../words';
import { fileName } from './csv';
import { SPANS, type Span } from './intervals';
import { tableFile } from './table_file';
import { tableRows } from './table_rows';

/** Rows of the table at a time. */
const ROWS_MAX = 200;
/** Readings in one file. */
const FILE_ROWS_MAX = 200_000;

/** The history of a device. */
export function HistoryRoom({ desk, device }: { desk: Desk; device: Device }) {
  const w = words();
  const span = useSignal<Span>(SPANS[0] as Span);
  const part = useSignal<HistoryPart | undefined>(undefined);
  const fault = useSignal<Fault | undefined>(undefined);
  const isDone = useSignal(false);
  const chosen = span.value;
  useEffect(() => {
    const stop = new AbortController();
    part.value = undefined;
    fault.value = undefined;
    isDone.value = false;
    const { length, interval } = chosen;
    const lateAfter = desk.feed.fleet.lateAfter;
    const question = {
      ask: 'history',
      topic: device.topic,
      since: now() - length,
      interval,
      lateAfter,
    } as const;
    const hear = (value: HistoryPart) => {
      if (!stop.signal.aborted) part.value = withUnits(value, device);
    };
    desk.feed
      .ask(question, { signal: stop.signal, part: hear })
      .then((value) => {
        hear(value);
        if (!stop.signal.aborted) isDone.value = true;
      })
      .catch((thrown: unknown) => {
        if (!stop.signal.aborted && thrown instanceof AskFailed) fault.value = thrown.fault;
      });
    return () => stop.abort();
  }, [desk, device, chosen, part, fault, isDone]);
  return (
    <div class="stack">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would draw a frame around three buttons. */}
      <div class="row" role="group" aria-label={w.span}>
        {SPANS.map((one) => (
          <button
            key={one.key}
            type="button"
            class="button button-small"
            aria-pressed={one.key === chosen.key}
            onClick={() => {
              span.value = one;
            }}
          >
            {w[one.key]}
          </button>
        ))}
      </div>
      <p class="dim" role="status">
        {isDone.value ? w.fetched(part.value?.readings ?? 0) : w.fetching(part.value?.readings ?? 0)}
      </p>
      {fault.value === undefined ? null : <Failed fault={fault.value} />}
      {part.value === undefined ? null : <Told part={part.value} />}
      {isDone.value && part.value?.times.length === 0 ? <p>{w.noHistory}</p> : null}
      {part.value === undefined || part.value.times.length === 0 ? null : (
        <Columns desk={desk} device={device} part={part.value} span={chosen} />
      )}
    </div>
  );
}

/** Units that came with no reading are those of the description. */
function withUnits(part: HistoryPart, device: Device): HistoryPart {
  return {
    ...part,
    columns: part.columns.map((column) => ({ ...column, unit: column.unit || device.unitOf(column.name) })),
  };
}

function Failed({ fault }: { fault: Fault }) {
  const { title, text } = explain(fault);
  return (
    <Notice weight="warn" title={title}>
      {text}
    </Notice>
  );
}

/** What belongs to a history besides its numbers. */
function Told({ part }: { part: HistoryPart }) {
  const w = words();
  return (
    <ul class="gaps">
      {part.signers.length === 0 ? null : (
        <li>
          {w.signers}: {part.signers.join(', ')}
        </li>
      )}
      {part.late === 0 ? null : (
        <li>
          <Icon name="clock" /> {w.lateCount(part.late, duration(part.lateMost))}
        </li>
      )}
      {part.rejected === 0 ? null : (
        <li>
          <Icon name="bad" /> {w.refusedTitle(part.rejected)}
        </li>
      )}
      {part.unopened === 0 ? null : <li>{w.unopenedTitle(part.unopened)}</li>}
      {part.unusable === 0 ? null : <li>{w.unusableTitle(part.unusable)}</li>}
      {part.gaps.slice(0, 5).map((gap) => (
        <li key={`${gap.after} ${gap.before}`}>
          <GapTold gap={gap} />
        </li>
      ))}
      {part.gaps.length > 5 ? <li>{w.gapsIn(part.gaps.length)}</li> : null}
    </ul>
  );
}

function Columns({
  desk,
  device,
  part,
  span,
}: {
  desk: Desk;
  device: Device;
  part: HistoryPart;
  span: Span;
}) {
  const w = words();
  const picked = useSignal(desk.measurement.peek());
  const columns = part.columns.filter(({ name }) => !isPosition(name));
  const column = columns.find(({ name }) => name === picked.value) ?? columns[0];
  if (column === undefined) return null;
  const title = device.titleOf(column.name);
  const curve = (): Curve => ({
    times: part.times,
    values: column.mean,
    spread: column,
    breaks: part.gaps.map(({ after, before, reason }) => ({
      after: after === 0 ? (part.times[0] ?? before) : after,
      before,
      reason,
    })),
  });
  return (
    <>
      <div class="field">
        <label for="history-column">{w.measurement}</label>
        <select
          id="history-column"
          class="picker"
          value={column.name}
          onChange={(event) => {
            picked.value = event.currentTarget.value;
          }}
        >
          {columns.map(({ name }) => (
            <option key={name} value={name}>
              {device.titleOf(name)}
            </option>
          ))}
        </select>
      </div>
      <Plot
        label={w.plotOf(title)}
        summary={w.kept(part.readings)}
        curve={curve}
        version={`${span.key} ${column.name} ${part.readings}`}
        gapText={(reason) => w.gapShort[reason] ?? reason}
      />
      <p class="field-hint">{w.each(duration(span.interval))}</p>
      <Downloads desk={desk} device={device} part={part} span={span} />
      <Table part={part} column={column} title={title} />
    </>
  );
}

function Table({ part, column, title }: { part: HistoryPart; column: HistoryColumn; title: string }) {
  const w = words();
  const rows = tableRows(part, column, ROWS_MAX);
  const of = unit(column.unit);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whatever scrolls has to be reached by keys.
    <section class="scroller" aria-label={title} tabIndex={0}>
      <table class="table">
        <caption>
          {title} {of === '' ? '' : `[${of}]`}
        </caption>
        <thead>
          <tr>
            <th scope="col">{w.interval}</th>
            <th scope="col" class="number">
              {w.mean}
            </th>
            <th scope="col" class="number">
              {w.least}
            </th>
            <th scope="col" class="number">
              {w.most}
            </th>
            <th scope="col" class="number">
              {w.readings}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) =>
            'gap' in row ? (
              <tr key={`gap ${row.gap.after} ${row.gap.before}`} class="gap-row">
                <td colSpan={5}>
                  <GapTold gap={row.gap} />
                </td>
              </tr>
            ) : (
              <IntervalRow key={part.times[row.interval]} part={part} column={column} row={row.interval} />
            ),
          )}
        </tbody>
      </table>
    </section>
  );
}

function IntervalRow({ part, column, row }: { part: HistoryPart; column: HistoryColumn; row: number }) {
  return (
    <tr>
      <td>{dateTime(part.times[row] ?? 0)}</td>
      <td class="number">{number(column.mean[row] ?? Number.NaN)}</td>
      <td class="number">{number(column.minimum[row] ?? Number.NaN)}</td>
      <td class="number">{number(column.maximum[row] ?? Number.NaN)}</td>
      <td class="number">{count(column.count[row] ?? 0)}</td>
    </tr>
  );
}

/** What is missing, and why. */
function GapTold({ gap }: { gap: HistoryPart['gaps'][number] }) {
  const w = words();
  const { after, before, reason } = gap;
  return (
    <>
      <Icon name="gap" /> <b>{w.gap}</b> {after === 0 ? '…' : dateTime(after)} – {dateTime(before)}:{' '}
      {w.gapReason[reason] ?? reason}
    </>
  );
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function Downloads({
  desk,
  device,
  part,
  span,
}: {
  desk: Desk;
  device: Device;
  part: HistoryPart;
  span: Span;
}) {
  const w = words();
  const rows = useSignal<number | undefined>(undefined);
  const note = useSignal('');
  const stop = useSignal<AbortController | undefined>(undefined);
  const day = iso(now()).slice(0, 10);
  const all = async () => {
    const mine = new AbortController();
    stop.value = mine;
    rows.value = 0;
    note.value = '';
    const lateAfter = desk.feed.fleet.lateAfter;
    const question = {
      ask: 'csv',
      topic: device.topic,
      units: Object.fromEntries(device.stream?.transducers.map(({ name, unit: of }) => [name, of]) ?? []),
      since: now() - span.length,
      most: FILE_ROWS_MAX,
      lateAfter,
    } as const;
    const hear = (value: number) => {
      rows.value = value;
    };
    try {
      const file = await desk.feed.ask(question, { signal: mine.signal, part: hear });
      if (mine.signal.aborted) return;
      save(file.blob, fileName(device.topic, span.key, 'all', day));
      const told = [file.cut ? w.downloadCut(file.rows) : '', file.gaps > 0 ? w.downloadGaps(file.gaps) : ''];
      note.value = told.filter((text) => text !== '').join(' ');
    } catch (thrown) {
      if (!mine.signal.aborted && thrown instanceof AskFailed) note.value = explain(thrown.fault).title;
    } finally {
      rows.value = undefined;
    }
  };
  return (
    <div class="row">
      <button
        type="button"
        class="button button-small"
        onClick={() => {
          const table = new Blob([tableFile(part)], { type: 'text/csv;charset=utf-8' });
          save(table, fileName(device.topic, span.key, day));
          note.value = part.gaps.length > 0 ? w.downloadGaps(part.gaps.length) : '';
        }}
      >
        <Icon name="download" />
        {w.download}
      </button>
      {rows.value === undefined ? (
        <button type="button" class="button button-small" onClick={() => void all()}>
          <Icon name="download" />
          {w.downloadAll}
        </button>
      ) : (
        <>
          <span role="status">{w.downloading(rows.value)}</span>
          <button type="button" class="button button-small" onClick={() => stop.value?.abort()}>
            {w.stop}
          </button>
        </>
      )}
      {note.value === '' ? null : <p role="status">{note.value}</p>}
    </div>
  );
}
