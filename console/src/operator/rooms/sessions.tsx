// Who is connected now, and what was refused.

import { fingerprint } from '@sekisho/client/preview';
import { useState } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { type Column, Table } from '../../parts/table';
import { count, number } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import type { LiveSession, Rate, Refused } from '../documents/sessions';
import { linkTo } from '../route';
import { place } from '../state';
import { liveWords } from '../words/live';
import { common } from '../words/shared';
import { Answered, Name, Parts, RoomHead, When } from './pieces';

const EVERY_MS = 3_000;
/** Pages of sessions that are asked for at once: 1,000 sessions. */
const PAGES_MAX = 10;

/** The room. */
export function Sessions(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const isRefusals = place.value.part === 'refusals';
  const parts = [
    { name: '', title: w.live },
    { name: 'refusals', title: w.refusals },
  ];
  return (
    <>
      <RoomHead title={c.sessions} intro={isRefusals ? w.refusalsIntro : w.sessionsIntro} />
      <Parts room="sessions" present={isRefusals ? 'refusals' : ''} parts={parts} />
      {isRefusals ? <Refusals desk={props.desk} /> : <Live desk={props.desk} />}
    </>
  );
}

async function allSessions(desk: Desk): Promise<{ count: number; sessions: LiveSession[] }> {
  const sessions: LiveSession[] = [];
  let [from, all]: [number | undefined, number] = [0, 0];
  for (let page = 0; page < PAGES_MAX && from !== undefined; page += 1) {
    const found = await desk.sessions({ from });
    sessions.push(...found.sessions);
    [from, all] = [found.next, found.count];
  }
  return { count: all, sessions };
}

function Live(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const answer = useAnswer(() => allSessions(props.desk), 'sessions', EVERY_MS);
  return (
    <section class="stack">
      <Answered answer={answer}>
        {(page) => (
          <>
            <p class="dim">{w.ofAll(count(page.count))}</p>
            <Table
              caption={w.live}
              columns={sessionColumns()}
              rows={page.sessions}
              rowKey={(one) => one.session}
              empty={w.nobodyHere}
            />
          </>
        )}
      </Answered>
      <p class="dim">{c.recorded}</p>
      <Command title={c.sameCommand} line={sekisho('node', 'sessions')} />
    </section>
  );
}

function flow(rate: Rate): string {
  return rate.records === 0 ? '–' : liveWords().rate(number(rate.perS, 1), count(rate.records));
}

function sessionColumns(): Column<LiveSession>[] {
  const [w, c] = [liveWords(), common()];
  return [
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (one) => one.principal,
      cell: (one) => (one.isPeer ? `${one.principal} (${w.peerNode})` : <Name name={one.principal} />),
    },
    { key: 'via', title: w.via, sort: (one) => one.via, cell: (one) => <Badge>{one.via}</Badge> },
    {
      key: 'address',
      title: w.address,
      sort: (one) => one.address ?? '',
      cell: (one) => <span class="mono">{one.address ?? '–'}</span>,
    },
    { key: 'since', title: w.since, sort: (one) => one.since ?? 0, cell: (one) => <When time={one.since} /> },
    {
      key: 'published',
      title: w.published,
      isNumber: true,
      sort: (one) => one.published.perS,
      cell: (one) => flow(one.published),
    },
    {
      key: 'delivered',
      title: w.delivered,
      isNumber: true,
      sort: (one) => one.delivered.perS,
      cell: (one) => flow(one.delivered),
    },
    {
      key: 'subscriptions',
      title: w.subscriptions,
      sort: (one) => one.subscriptions.length,
      cell: (one) => {
        const more = one.subscriptionsLeftOut > 0 ? ` +${count(one.subscriptionsLeftOut)}` : '';
        return (
          <span class="mono">{one.subscriptions.map((sub) => sub.filter).join('  ') + more || '–'}</span>
        );
      },
    },
    {
      key: 'cut',
      title: w.cut,
      cell: (one) =>
        one.isPeer ? '–' : <a href={linkTo('change', 'revoke', { target: one.principal })}>{w.cut}</a>,
    },
  ];
}

function Refusals(props: { desk: Desk }) {
  const [w, c] = [liveWords(), common()];
  const [before, setBefore] = useState<number>();
  const answer = useAnswer(
    () => props.desk.refusals(before),
    `refusals ${before}`,
    before === undefined ? EVERY_MS : undefined,
  );
  const columns: Column<Refused>[] = [
    { key: 'last', title: w.last, sort: (one) => one.last ?? 0, cell: (one) => <When time={one.last} /> },
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (one) => one.principal ?? '',
      cell: (one) => <Whoever refused={one} />,
    },
    {
      key: 'code',
      title: w.code,
      sort: (one) => one.code,
      cell: (one) => <Badge tone="warn">{one.code}</Badge>,
    },
    { key: 'why', title: w.whatWhy, cell: (one) => <span class="wrap">{`${one.what}: ${one.why}`}</span> },
    {
      key: 'times',
      title: w.times,
      isNumber: true,
      sort: (one) => one.times,
      cell: (one) => count(one.times),
    },
    { key: 'via', title: w.via, cell: (one) => one.via ?? '–' },
    { key: 'address', title: w.address, cell: (one) => <span class="mono">{one.address ?? '–'}</span> },
  ];
  return (
    <section class="stack">
      <Answered answer={answer}>
        {(page) => (
          <>
            <p class="row">
              <span class="dim">{w.ofAll(count(page.count))}</span>
              {page.byCode.map((one) => (
                <Badge key={one.reason}>{`${one.reason} ${count(one.count)}`}</Badge>
              ))}
            </p>
            <Table
              caption={w.refusals}
              columns={columns}
              rows={page.refusals}
              rowKey={(one) => one.number}
              empty={w.noRefusals}
            />
            <div class="row">
              {before === undefined ? null : (
                <button type="button" class="button" onClick={() => setBefore(undefined)}>
                  {c.back}
                </button>
              )}
              {page.next === undefined ? null : (
                <button type="button" class="button" onClick={() => setBefore(page.next)}>
                  {w.older}
                </button>
              )}
            </div>
          </>
        )}
      </Answered>
      <Command title={c.sameCommand} line={sekisho('node', 'refusals')} />
    </section>
  );
}

function Whoever(props: { refused: Refused }) {
  const { principal, id } = props.refused;
  if (principal !== undefined) return <Name name={principal} />;
  return (
    <span class="dim">
      {liveWords().unknown}
      {id === undefined ? '' : ` (${fingerprint(id)})`}
    </span>
  );
}
