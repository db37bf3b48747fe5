// Everything about the chosen device, beside the map.

import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Icon } from '../../parts/icon';
import { Notice } from '../../parts/notice';
import { duration } from '../../words/format';
import type { Device } from '../fleet/device';
import { HistoryRoom } from '../history/history';
import type { Desk } from '../state';
import { words } from '../words';
import { Now } from './now';
import { Origin } from './origin';

type Tab = 'now' | 'history' | 'origin';
const TABS: readonly Tab[] = ['now', 'history', 'origin'];

/** The panel of one device. */
export function Panel({ desk, topic }: { desk: Desk; topic: string }) {
  const w = words();
  const tab = useSignal<Tab>('now');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  desk.pulse.value;
  const device = desk.feed.fleet.devices.get(topic);
  return (
    <aside
      class="device panel"
      aria-label={w.device}
      onKeyDown={(event) => {
        if (event.key === 'Escape') desk.choose(undefined);
      }}
    >
      <Head desk={desk} topic={topic} device={device} heading={heading} />
      <div class="row device-badges">
        {device === undefined || device.type === '' ? null : <Badge>{device.type}</Badge>}
        {device === undefined || device.late === 0 ? null : (
          <Badge tone="warn" icon="clock">
            {w.lateCount(device.late, duration(device.lateMost))}
          </Badge>
        )}
      </div>
      {device === undefined || device.rejected === 0 ? null : (
        <Notice weight="bad" title={w.refusedTitle(device.rejected)}>
          {w.refusedText}
        </Notice>
      )}
      <Tabs
        tab={tab.value}
        choose={(chosen) => {
          tab.value = chosen;
        }}
      />
      <div
        class="device-body"
        role="tabpanel"
        id="device-body"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: whatever scrolls has to be reached by keys.
        tabIndex={0}
        aria-labelledby={`tab-${tab.value}`}
      >
        {device === undefined ? (
          <p class="dim">{w.noneYetTitle}</p>
        ) : tab.value === 'now' ? (
          <Now desk={desk} device={device} />
        ) : tab.value === 'history' ? (
          <HistoryRoom desk={desk} device={device} />
        ) : (
          <Origin desk={desk} device={device} />
        )}
      </div>
    </aside>
  );
}

/** Name, and the ways to the map and out. */
function Head(props: {
  desk: Desk;
  topic: string;
  device: Device | undefined;
  heading: RefObject<HTMLHeadingElement>;
}) {
  const { desk, topic, device, heading } = props;
  const w = words();
  desk.pulse.value;
  return (
    <header class="device-head">
      <div class="device-name">
        <h2 ref={heading} tabIndex={-1}>
          {device?.title ?? topic}
        </h2>
        <p class="mono dim">{topic}</p>
      </div>
      {device?.place === undefined ? null : (
        <button
          type="button"
          class="button button-quiet button-icon"
          aria-label={w.showOnMap}
          title={w.showOnMap}
          onClick={() => {
            desk.part.value = 'map';
            if (device.place !== undefined) desk.look.value = { ...device.place };
          }}
        >
          <Icon name="target" />
        </button>
      )}
      <button
        type="button"
        class="button button-quiet button-icon"
        aria-label={w.close}
        title={w.close}
        onClick={() => desk.choose(undefined)}
      >
        <Icon name="close" />
      </button>
    </header>
  );
}

/** The three parts of the panel; arrow keys go from one to the next. */
function Tabs({ tab, choose }: { tab: Tab; choose: (tab: Tab) => void }) {
  const w = words();
  const step = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] ?? 'now';
    choose(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={w.device} onKeyDown={step}>
      {TABS.map((one) => (
        <button
          key={one}
          id={`tab-${one}`}
          type="button"
          role="tab"
          class="tab"
          aria-selected={tab === one}
          aria-controls="device-body"
          tabIndex={tab === one ? 0 : -1}
          onClick={() => choose(one)}
        >
          {w[one]}
        </button>
      ))}
    </div>
  );
}
