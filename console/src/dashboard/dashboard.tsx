// The page as a whole: header, what there is to say, list, map and the chosen device.

import { useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Clock, Offered } from '../identity/door';
import { node } from '../identity/node';
import { session } from '../identity/session';
import { WhoAmI } from '../identity/who';
import { Badge } from '../parts/badge';
import { Header } from '../parts/header';
import { Icon } from '../parts/icon';
import { Legend } from './colour/legend';
import { DeviceList } from './list/list';
import { MapView } from './map/map';
import { Blank, Notices } from './notices';
import { Panel } from './panel/panel';
import { Desk } from './state';
import { words } from './words';

/** The dashboard of whoever has keys. */
export function Dashboard() {
  const profile = session.profile.value;
  if (profile === undefined) throw new Error('dashboard: wanted somebody with keys, found nobody');
  const desk = useMemo(() => new Desk(profile), [profile]);
  return <Rooms desk={desk} />;
}

function Rooms({ desk }: { desk: Desk }) {
  const w = words();
  const isEnded = desk.feed.link.value.state === 'ended';
  const chosen = desk.chosen.value;
  useEffect(() => {
    document.title = `${w.title} · ${node.value?.organisation ?? 'Sekisho'}`;
  });
  const part = desk.part.value;
  const page = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    desk.pulse.value;
    // For whoever measures the page.
    if (page.current !== null) page.current.dataset.readings = String(desk.feed.fleet.readings);
  });
  return (
    <div class="page" ref={page}>
      <a class="skip button button-primary" href="#devices">
        {w.skip}
      </a>
      <Header title={w.title} sub={node.value?.organisation}>
        <LinkBadge desk={desk} />
        <WhoAmI />
      </Header>
      <div class="notices">
        <Clock />
        <Offered />
        <Notices desk={desk} />
      </div>
      {isEnded ? (
        <Blank desk={desk} />
      ) : (
        <main class={`rooms rooms-${part}${chosen === undefined ? '' : ' rooms-device'}`}>
          <DeviceList desk={desk} />
          <section class="map-room" aria-label={w.map}>
            <MapView desk={desk} />
            <Legend desk={desk} />
          </section>
          {chosen === undefined ? null : <Panel key={chosen} desk={desk} topic={chosen} />}
        </main>
      )}
      {isEnded ? null : <Parts desk={desk} />}
      <Announcer desk={desk} />
    </div>
  );
}

function LinkBadge({ desk }: { desk: Desk }) {
  const w = words();
  switch (desk.feed.link.value.state) {
    case 'connected':
      return (
        <Badge tone="good" icon="good">
          {w.connected}
        </Badge>
      );
    case 'ended':
      return (
        <Badge tone="bad" icon="bad">
          {w.ended}
        </Badge>
      );
    default:
      return (
        <Badge tone="warn" icon="clock">
          {w.connecting}
        </Badge>
      );
  }
}

/** On a narrow screen: map or list. */
function Parts({ desk }: { desk: Desk }) {
  const w = words();
  const button = (part: 'map' | 'list', name: string) => (
    <button
      type="button"
      class="button button-quiet"
      aria-pressed={desk.part.value === part}
      onClick={() => {
        desk.part.value = part;
        desk.choose(undefined);
      }}
    >
      <Icon name={part} />
      {name}
    </button>
  );
  return (
    <nav class="parts" aria-label={w.title}>
      {button('map', w.map)}
      {button('list', w.list)}
    </nav>
  );
}

/** Tells screen readers what sighted readers see at a glance, and no more than that. */
function Announcer({ desk }: { desk: Desk }) {
  const w = words();
  desk.membership.value;
  const { state } = desk.feed.link.value;
  const said = state === 'connected' ? w.connected : state === 'ended' ? w.ended : w.connecting;
  return (
    <p class="sr-only" aria-live="polite">
      {w.announce(desk.feed.fleet.devices.size, said)}
    </p>
  );
}
