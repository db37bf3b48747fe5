// The operator's console. Whoever uses it holds a key of their own in this browser and signs with it here;
// the node is asked, answers, and never signs.

import '../theme.css';
import '../parts/parts.css';
import './operator.css';
import { STREAMS_MAX } from '@sekisho/client';
import { type ComponentChildren, render } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Clock, Door } from '../identity/door';
import { node } from '../identity/node';
import { session } from '../identity/session';
import { explain } from '../identity/trouble';
import { WhoAmI } from '../identity/who';
import { Header } from '../parts/header';
import { Notice } from '../parts/notice';
import { count } from '../words/format';
import { useAnswer } from './asking';
import type { Desk } from './desk';
import { ClientDesk } from './desk_client';
import { Change } from './rooms/change';
import { Enrolment } from './rooms/enrolment';
import { Epochs } from './rooms/epochs';
import { Logs } from './rooms/logs';
import { Guest, Overview } from './rooms/overview';
import { Peers } from './rooms/peers';
import { Asking } from './rooms/pieces';
import { Rights } from './rooms/rights';
import { Sessions } from './rooms/sessions';
import { Storage } from './rooms/storage';
import { linkTo, ROOMS, type Room } from './route';
import { followLog, isGuest, lookAround, place, streams } from './state';
import { common } from './words/shared';

/** Rooms that show something to those who may not administer: what they may themselves, and the log. */
const OPEN: ReadonlySet<Room> = new Set(['rights', 'change', 'log']);
const TOPICS_EVERY_MS = 15_000;

function Console() {
  const client = session.client.value;
  const profile = session.profile.value;
  const desk = useMemo(
    () => (client === undefined || profile === undefined ? undefined : new ClientDesk(client, profile)),
    [client, profile],
  );
  useEffect(() => {
    if (desk === undefined) return;
    const over = new AbortController();
    void followLog(desk, over.signal);
    const look = () => void lookAround(desk).catch(() => undefined);
    look();
    const timer = setInterval(look, TOPICS_EVERY_MS);
    return () => {
      over.abort();
      clearInterval(timer);
    };
  }, [desk]);
  return desk === undefined ? null : <House desk={desk} />;
}

/** The frame around every room. */
function House(props: { desk: Desk }) {
  const c = common();
  return (
    <div class="house">
      <button type="button" class="skip" onClick={toRoom}>
        {c.skip}
      </button>
      <Header title={c.title} sub={node.value?.organisation ?? props.desk.self.organisation}>
        <WhoAmI />
      </Header>
      <Navigation />
      <main class="room" aria-labelledby="room-title">
        <Connection />
        <Clock />
        <MoreTopics />
        <Here desk={props.desk} />
      </main>
    </div>
  );
}

/** The fragment is a place in the console: a link to a part of the page would leave the room. */
function toRoom(): void {
  document.getElementById('room-title')?.focus();
}

function Navigation() {
  const c = common();
  const present = isGuest.value && !OPEN.has(place.value.room) ? 'rights' : place.value.room;
  const shown = isGuest.value ? ROOMS.filter((room) => OPEN.has(room)) : ROOMS;
  const rooms = useRef<HTMLElement>(null);
  useEffect(() => {
    if (present !== undefined)
      rooms.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [present]);
  return (
    <nav ref={rooms} class="rooms" aria-label={c.rooms}>
      <ul class="rooms-list">
        {shown.map((room) => (
          <li key={room}>
            <a href={linkTo(room)} aria-current={room === present ? 'page' : undefined}>
              {c[room]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Says so while there is no connection, and why. */
function Connection() {
  const fault = session.fault.value;
  if (session.state.value === 'connected' || fault === undefined) return null;
  const { title, text } = explain(fault);
  return (
    <Notice weight="warn" title={title} live>
      {text}
    </Notice>
  );
}

/** Says so where the list of topics, from which forms let one choose, may not be whole. */
function MoreTopics() {
  const c = common();
  if (streams.value.length < STREAMS_MAX) return null;
  return <Notice title={c.moreTopics(count(STREAMS_MAX))}>{c.moreTopicsText}</Notice>;
}

/** The room; before it is known whether one may administer, a moment of patience. */
function Here(props: { desk: Desk }) {
  const { desk } = props;
  const { room } = place.value;
  const answer = useAnswer(() => desk.status(), 'may', undefined);
  useEffect(() => {
    document.title = `${common()[room]} · ${common().title}`;
  });
  const isRefused = answer.fault instanceof Error && answer.fault.name === 'not-permitted';
  useEffect(() => {
    isGuest.value = isRefused;
  }, [isRefused]);
  if (answer.value === undefined && answer.fault === undefined) return <Asking text={common().asking} />;
  if (isRefused) {
    const shown = OPEN.has(room) ? room : 'rights';
    return (
      <>
        <Guest desk={desk} fault={answer.fault} />
        {roomOf(shown, desk, true)}
      </>
    );
  }
  return <>{roomOf(room, desk, false)}</>;
}

function roomOf(room: Room, desk: Desk, isGuest: boolean): ComponentChildren {
  switch (room) {
    case 'overview':
      return <Overview desk={desk} />;
    case 'rights':
      return <Rights desk={desk} isGuest={isGuest} />;
    case 'change':
      return <Change desk={desk} />;
    case 'enrolment':
      return <Enrolment desk={desk} />;
    case 'peers':
      return <Peers desk={desk} />;
    case 'sessions':
      return <Sessions desk={desk} />;
    case 'epochs':
      return <Epochs desk={desk} />;
    case 'storage':
      return <Storage desk={desk} />;
    case 'log':
      return <Logs desk={desk} isGuest={isGuest} />;
  }
}

function Page() {
  return (
    <Door title={common().title} connect>
      <Console />
    </Door>
  );
}

const root = document.getElementById('page');
if (root !== null) render(<Page />, root);
