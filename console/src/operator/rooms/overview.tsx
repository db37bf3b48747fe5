// The overview: how the node is, and what asks for somebody.

import { useEffect, useRef, useState } from 'preact/hooks';
import { clockAheadMs, isClockWrong, now } from '../../identity/node';
import { Command } from '../../parts/copy';
import { Notice, type Weight } from '../../parts/notice';
import { bytes, count, date, duration, number } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import type { Storage } from '../documents/keeping';
import type { Status } from '../documents/node';
import type { Peer } from '../documents/peers';
import type { RefusalPage } from '../documents/sessions';
import { linkTo } from '../route';
import { present } from '../stand';
import { stand, streams } from '../state';
import { overviewWords } from '../words/overview';
import { common } from '../words/shared';
import { Answered, Facts, Figure, KeyText, Name, Part, RoomHead } from './pieces';

const EVERY_MS = 3_000;
const STALE_MS = 900_000;
const SOON_MS = 30 * 86_400_000;
/** Refusals that are no slip of anybody's hand. */
const ATTACKS = new Set(['bad-signature', 'equivocation', 'wrong-publisher', 'weak-key']);
const MEBIBYTE = 1_048_576;

/** Everything that the overview is made of; a part that the node refuses is absent. */
interface Seen {
  status: Status;
  peers: Peer[];
  storage?: Storage | undefined;
  refusals?: RefusalPage | undefined;
}

async function look(desk: Desk): Promise<Seen> {
  const [status, peers, storage, refusals] = await Promise.all([
    desk.status(),
    desk.peers(),
    desk.storage(1).catch(() => undefined),
    desk.refusals().catch(() => undefined),
  ]);
  return { status, peers, storage, refusals };
}

/** The room. */
export function Overview(props: { desk: Desk }) {
  const { desk } = props;
  const [w, c] = [overviewWords(), common()];
  const answer = useAnswer(() => look(desk), 'overview', EVERY_MS);
  return (
    <>
      <RoomHead title={c.overview} intro={w.intro} />
      <Answered answer={answer}>
        {(seen) => (
          <>
            <Alarms seen={seen} />
            <Figures seen={seen} />
            <NodeFacts seen={seen} desk={desk} />
          </>
        )}
      </Answered>
      <Command title={c.sameCommand} line="sekisho doctor" />
    </>
  );
}

interface Alarm {
  key: string;
  weight: Weight;
  title: string;
  text: string;
  href: string;
}

function alarmsOf(seen: Seen): Alarm[] {
  const w = overviewWords();
  const { status, peers, refusals, storage } = seen;
  const all: Alarm[] = [];
  const add = (key: string, weight: Weight, title: string, text: string, href: string) =>
    all.push({ key, weight, title, text, href });
  if (!status.ready) add('ready', 'bad', w.notReady, status.faults.join('; '), linkTo('storage'));
  if (status.stewards.length === 0) add('steward', 'bad', w.noSteward, w.noStewardText, linkTo('epochs'));
  if (status.enrolmentsWaiting > 0) {
    const title = w.newcomers(count(status.enrolmentsWaiting));
    add('newcomers', 'info', title, w.newcomersText, linkTo('enrolment'));
  }
  for (const peer of peers.filter((one) => one.isInForce)) all.push(...alarmsOfPeer(peer));
  const least = storage?.limits.find((limit) => limit.name === 'free_mebibytes_min')?.value;
  const free = storage?.freeBytes;
  if (typeof least === 'number' && free !== undefined && free < 2 * least * MEBIBYTE) {
    add('disk', 'bad', `${w.lowDisk}: ${bytes(free)}`, w.lowDiskText, linkTo('storage'));
  }
  const attacks = (refusals?.byCode ?? []).filter(({ reason }) => ATTACKS.has(reason));
  const many = attacks.reduce((sum, one) => sum + one.count, 0);
  if (many > 0) add('attack', 'warn', w.attack(count(many)), w.attackText, linkTo('sessions', 'refusals'));
  if (isClockWrong.value) {
    const skew = duration(Math.abs(clockAheadMs.value ?? 0));
    add('clock', 'warn', w.clock(skew), w.clockText, linkTo('overview'));
  }
  return all;
}

function alarmsOfPeer(peer: Peer): Alarm[] {
  const w = overviewWords();
  const all: Alarm[] = [];
  const href = linkTo('peers', '', { peer: peer.organisation });
  const name = peer.organisation;
  if (peer.link !== undefined && peer.link.state !== 'up') {
    all.push({
      key: `${name}-down`,
      weight: 'warn',
      title: w.peerDown(name),
      text: peer.link.why ?? '',
      href,
    });
  }
  if (peer.heard !== undefined && now() - peer.heard > STALE_MS) {
    all.push({ key: `${name}-stale`, weight: 'bad', title: w.peerStale(name), text: w.peerStaleText, href });
  }
  if (peer.until !== undefined && peer.until - now() < SOON_MS) {
    const title = w.contractEnds(name, date(peer.until));
    all.push({ key: `${name}-ends`, weight: 'info', title, text: '', href });
  }
  return all;
}

function Alarms(props: { seen: Seen }) {
  const w = overviewWords();
  const alarms = alarmsOf(props.seen);
  return (
    <section class="stack" aria-label={w.alarms}>
      {alarms.length === 0 ? (
        <p class="calm">{w.calm}</p>
      ) : (
        alarms.map((alarm) => (
          <Notice key={alarm.key} weight={alarm.weight} title={alarm.title}>
            {alarm.text === '' ? null : <span>{alarm.text} </span>}
            <a href={alarm.href}>{common().more}</a>
          </Notice>
        ))
      )}
    </section>
  );
}

function Figures(props: { seen: Seen }) {
  const w = overviewWords();
  const { status, storage, refusals } = props.seen;
  const rate = useRate(status);
  const size = (value: number | undefined) => (value === undefined ? '–' : bytes(value));
  const { keys } = stand.value;
  return (
    <section class="stack" aria-label={w.figures}>
      <div class="figures">
        <Figure title={w.sessions} value={many(status.sessions)} href={linkTo('sessions')} />
        <Figure title={w.perSecond} value={rate.length === 0 ? '–' : number(rate.at(-1) ?? 0)} />
        <Figure title={w.records} value={count(status.head - status.first)} href={linkTo('storage')} />
        <Figure title={w.topics} value={count(streams.value.length)} href={linkTo('rights')} />
        <Figure
          title={w.principals}
          value={keys.size === 0 ? '–' : count(present(stand.value, now()).length)}
          href={linkTo('rights', 'principals')}
        />
        <Figure title={w.version} value={count(status.statements)} href={linkTo('log')} />
        <Figure title={w.accesses} value={many(status.access?.size)} href={linkTo('log', 'access')} />
        <Figure title={w.refusals} value={many(refusals?.count)} href={linkTo('sessions', 'refusals')} />
        <Figure title={w.dataBytes} value={size(storage?.dataBytes)} href={linkTo('storage')} />
        <Figure title={w.free} value={size(storage?.freeBytes)} href={linkTo('storage')} />
      </div>
      <Rate rates={rate} />
    </section>
  );
}

function many(value: number | undefined): string {
  return value === undefined ? '–' : count(value);
}

/** Points of the curve: as many as there are in three minutes. */
const RATES_MAX = 60;

/** Records per second between one answer and the next. */
function useRate(status: Status): number[] {
  const last = useRef<{ head: number; time: number }>();
  const [rates, setRates] = useState<number[]>([]);
  const { head, time } = status;
  useEffect(() => {
    const before = last.current;
    if (time === undefined) return;
    last.current = { head, time };
    if (before === undefined || time <= before.time) return;
    const rate = Math.max(0, (head - before.head) / ((time - before.time) / 1000));
    setRates((known) => [...known, rate].slice(-RATES_MAX));
  }, [head, time]);
  return rates;
}

function Rate(props: { rates: number[] }) {
  const w = overviewWords();
  const { rates } = props;
  if (rates.length < 2) return null;
  const most = Math.max(1, ...rates);
  const points = rates
    .map((rate, at) => `${(at / (RATES_MAX - 1)) * 100},${30 - (rate / most) * 28}`)
    .join(' ');
  const text = w.rateText(number(rates.at(-1) ?? 0), number(Math.max(...rates)));
  return (
    <figure class="rate panel">
      <figcaption>
        {w.rate} <span class="dim">{text}</span>
      </figcaption>
      <svg viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label={`${w.rate}: ${text}`}>
        <polyline points={points} fill="none" stroke="currentColor" vector-effect="non-scaling-stroke" />
      </svg>
    </figure>
  );
}

function NodeFacts(props: { seen: Seen; desk: Desk }) {
  const w = overviewWords();
  const { status } = props.seen;
  const { pinned, self } = props.desk;
  return (
    <Part title={w.node}>
      <Facts
        facts={[
          [w.organisation, status.organisation],
          [w.address, <span class="mono">{pinned.node}</span>],
          [w.software, status.software],
          [w.nodeKey, <KeyText id={status.node} />],
          [w.root, <span class="mono">{pinned.root}</span>],
          [w.stewards, status.stewards.length === 0 ? common().none : status.stewards.join(', ')],
          [w.you, <Name name={self.name} />],
        ]}
      />
    </Part>
  );
}

/** What somebody sees who may not administer: why, how that would change, and what they may themselves. */
export function Guest(props: { desk: Desk; fault: unknown; children?: preact.ComponentChildren }) {
  const w = overviewWords();
  const { self } = props.desk;
  const fault = props.fault instanceof Error ? props.fault.message : String(props.fault);
  const grant = sekisho('grant', self.name, 'administer,discover,grant', `${self.organisation}/#`);
  return (
    <Notice weight="warn" title={w.guestTitle}>
      <div class="stack">
        <p>{w.guestText}</p>
        <p class="mono fault-words">{fault}</p>
        <Command title={w.guestHow} line={grant} />
        {props.children}
      </div>
    </Notice>
  );
}
