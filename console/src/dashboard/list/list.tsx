// All devices as text: what the map shows, for whoever cannot see it or knows what they look for.

import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../parts/icon';
import { ago, duration, number } from '../../words/format';
import { language } from '../../words/language';
import { withUnit } from '../../words/unit';
import { Swatch } from '../colour/legend';
import { CLASS_COLOURS, NO_VALUE_COLOUR } from '../colour/scale';
import type { Device } from '../fleet/device';
import { deviceClass } from '../map/devices';
import type { Desk } from '../state';
import { words } from '../words';
import { footNotes } from './foot';
import { find, window as rowsInSight } from './search';

/** Height of a row, pixels; the style sheet says the same. */
const ROW = 60;

/** The list with its search. */
export function DeviceList({ desk }: { desk: Desk }) {
  const w = words();
  const found = useComputed(() => {
    desk.membership.value;
    const box = desk.onlyMap.value ? desk.box.value : undefined;
    if (box !== undefined) desk.pulse.value; // Devices move in and out of the map.
    const search = { text: desk.search.value, type: desk.type.value, box };
    return find(desk.feed.fleet.devices.values(), search, language.value);
  });
  const types = useComputed(() => {
    desk.membership.value;
    const all = new Set([...desk.feed.fleet.devices.values()].map(({ type }) => type));
    all.delete('');
    return [...all].sort();
  });
  const { fleet } = desk.feed;
  const noPlace = useComputed(() => {
    desk.pulse.value;
    return [...fleet.devices.values()].filter(({ place }) => place === undefined).length;
  });
  return (
    <section class="list" id="devices" aria-label={w.list} tabIndex={-1}>
      <search class="list-search">
        <div class="list-text">
          <Icon name="search" />
          <input
            class="input"
            type="search"
            placeholder={w.search}
            aria-label={w.search}
            value={desk.search.value}
            onInput={(event) => {
              desk.search.value = event.currentTarget.value;
            }}
          />
        </div>
        <select
          class="picker"
          aria-label={w.type}
          value={desk.type.value}
          onChange={(event) => {
            desk.type.value = event.currentTarget.value;
          }}
        >
          <option value="">{w.allTypes}</option>
          {types.value.map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
        <OnlyMap desk={desk} />
        <p class="dim" role="status">
          {found.value.length === fleet.devices.size
            ? w.devices(fleet.devices.size)
            : w.devicesOf(found.value.length, fleet.devices.size)}
        </p>
      </search>
      {found.value.length === 0 && fleet.devices.size > 0 ? <NoMatch desk={desk} /> : null}
      <Rows desk={desk} devices={found.value} />
      <Foot desk={desk} withoutPlace={noPlace.value} />
    </section>
  );
}

function Foot({ desk, withoutPlace }: { desk: Desk; withoutPlace: number }) {
  desk.pulse.value;
  const notes = footNotes(words(), withoutPlace, desk.feed.fleet.leftOut);
  if (notes.length === 0) return null;
  return (
    <div class="list-foot list-end dim">
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </div>
  );
}

function OnlyMap({ desk }: { desk: Desk }) {
  const w = words();
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={desk.onlyMap.value}
        onChange={(event) => {
          desk.onlyMap.value = event.currentTarget.checked;
        }}
      />
      {w.onlyMap}
    </label>
  );
}

function NoMatch({ desk }: { desk: Desk }) {
  const w = words();
  return (
    <div class="list-foot">
      <p>{w.noMatch}</p>
      <button
        type="button"
        class="button button-small"
        onClick={() => {
          desk.search.value = '';
          desk.type.value = '';
          desk.onlyMap.value = false;
        }}
      >
        {w.clearSearch}
      </button>
    </div>
  );
}

function Rows({ desk, devices }: { desk: Desk; devices: Device[] }) {
  const w = words();
  const place = useRef<HTMLDivElement>(null);
  const scrolled = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const watch = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [height]);
  const [from, to] = rowsInSight(devices.length, ROW, scrolled.value, height.value);
  const shown = devices.slice(from, to);
  useEffect(() => {
    for (const { topic } of shown) desk.feed.describe(topic);
  });
  return (
    <div
      ref={place}
      class="list-rows"
      tabIndex={devices.length === 0 ? -1 : 0}
      onScroll={(event) => {
        scrolled.value = event.currentTarget.scrollTop;
      }}
    >
      <ul
        class="list-all"
        aria-label={w.list}
        ref={(all) => all?.style.setProperty('height', `${devices.length * ROW}px`)}
      >
        {shown.map((device, index) => (
          <Row key={device.topic} desk={desk} device={device} index={from + index} all={devices.length} />
        ))}
      </ul>
    </div>
  );
}

function Row(props: { desk: Desk; device: Device; index: number; all: number }) {
  const { desk, device, index, all } = props;
  const w = words();
  desk.pulse.value;
  const name = desk.measurement.value;
  const value = device.numbers.get(name);
  const kind = deviceClass(device, { measurement: name, thresholds: desk.thresholds() });
  const isChosen = desk.chosen.value === device.topic;
  return (
    <li
      class="list-row"
      aria-setsize={all}
      aria-posinset={index + 1}
      ref={(row) => row?.style.setProperty('transform', `translateY(${index * ROW}px)`)}
    >
      <button
        type="button"
        class="list-button"
        aria-pressed={isChosen}
        onClick={() => desk.choose(isChosen ? undefined : device.topic)}
      >
        <Swatch
          colour={kind === undefined ? NO_VALUE_COLOUR : (CLASS_COLOURS[kind] ?? NO_VALUE_COLOUR)}
          isTop={kind === 4}
        />
        <span class="list-name">
          <span class="list-title">{device.title}</span>
          <span class="list-sub dim">
            {ago(desk.now.value - device.time)} · {device.provenance?.publisher}
          </span>
        </span>
        <span class="list-value">
          {value === undefined ? (
            <span class="dim">–</span>
          ) : (
            withUnit(number(value.value), device.unitOf(name))
          )}
        </span>
        {device.breaks.length > 0 ? (
          <span class="list-gap" title={w.gapsIn(device.breaks.length)}>
            <Icon name="gap" size={15} />
            <span class="sr-only">{w.gapsIn(device.breaks.length)}</span>
          </span>
        ) : null}
        {device.rejected > 0 ? <Icon name="bad" /> : null}
        {device.late > 0 ? (
          <span title={w.lateCount(device.late, duration(device.lateMost))}>
            <Icon name="clock" size={15} />
            <span class="sr-only">{w.lateCount(device.late, duration(device.lateMost))}</span>
          </span>
        ) : null}
      </button>
    </li>
  );
}
