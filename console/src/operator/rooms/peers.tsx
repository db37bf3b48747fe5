// The other organisations: what was agreed with each in plain words, and how its links are doing.

import { previewOf } from '@sekisho/client/preview';
import type { ComponentChildren } from 'preact';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { Notice } from '../../parts/notice';
import { type Column, Table } from '../../parts/table';
import { bytes, count, duration, number } from '../../words/format';
import { language } from '../../words/language';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import type { Link, Peer, Traffic } from '../documents/peers';
import { linkTo } from '../route';
import { place, stand } from '../state';
import { peerWords } from '../words/live';
import { common } from '../words/shared';
import { Answered, At, Facts, Part, RoomHead, When } from './pieces';

const EVERY_MS = 2_000;
const STALE_MS = 900_000;

/** The room. */
export function Peers(props: { desk: Desk }) {
  const [w, c] = [peerWords(), common()];
  const answer = useAnswer(() => props.desk.peers(), 'peers', EVERY_MS);
  const chosen = place.value.query.peer;
  return (
    <>
      <RoomHead title={c.peers} intro={w.intro} />
      <Answered answer={answer}>
        {(peers) => {
          const shown = peers.find((peer) => peer.organisation === chosen) ?? peers[0];
          return (
            <>
              <Overview peers={peers} chosen={shown?.organisation} />
              {shown === undefined ? null : <Everything peer={shown} />}
            </>
          );
        }}
      </Answered>
      <Command title={c.sameCommand} line={sekisho('peer', 'list', chosen)} />
    </>
  );
}

interface Row {
  key: string;
  name: string;
  peer: Peer;
  link: Link | undefined;
  isDirect: boolean;
}

function rowsOf(peers: Peer[]): Row[] {
  const w = peerWords();
  return peers.flatMap((peer) => [
    { key: peer.organisation, name: peer.organisation, peer, link: peer.link, isDirect: true },
    ...peer.brings.map((brought) => ({
      key: `${peer.organisation} ${brought.organisation}`,
      name: w.via(brought.organisation, peer.organisation),
      peer,
      link: brought.link,
      isDirect: false,
    })),
  ]);
}

function Overview(props: { peers: Peer[]; chosen: string | undefined }) {
  const [w, c] = [peerWords(), common()];
  const columns: Column<Row>[] = [
    {
      key: 'peer',
      title: c.name,
      isHead: true,
      sort: (row) => row.name,
      cell: (row) => <a href={linkTo('peers', '', { peer: row.peer.organisation })}>{row.name}</a>,
    },
    { key: 'link', title: w.link, cell: (row) => <State peer={row.peer} link={row.link} /> },
    {
      key: 'in',
      title: w.inRate,
      isNumber: true,
      sort: (row) => row.link?.recordsPerS ?? -1,
      cell: (row) => rate(row.link),
    },
    {
      key: 'out',
      title: w.outRate,
      isNumber: true,
      cell: (row) => (row.isDirect ? rate(row.peer.taking) : '–'),
    },
    {
      key: 'behind',
      title: w.behind,
      isNumber: true,
      sort: (row) => row.link?.behind ?? -1,
      cell: (row) => <Behind link={row.link} />,
    },
    { key: 'heard', title: w.heard, cell: (row) => <When time={row.peer.heard} /> },
    { key: 'ends', title: w.ends, cell: (row) => <At time={row.peer.until} without={w.open} /> },
  ];
  return (
    <Table
      caption={c.peers}
      columns={columns}
      rows={rowsOf(props.peers)}
      rowKey={(row) => row.key}
      empty={w.none}
      isOpen={(row) => row.peer.organisation === props.chosen}
    />
  );
}

function State(props: { peer: Peer; link: Link | undefined }) {
  const w = peerWords();
  const { peer, link } = props;
  if (!peer.isInForce) {
    const isAhead = peer.from !== undefined && peer.from > now();
    return <Badge>{isAhead ? w.notYet : w.over}</Badge>;
  }
  if (link === undefined) return <Badge>–</Badge>;
  const since = link.since === undefined ? '' : ` ${duration(now() - link.since)}`;
  if (link.state === 'up') return <Badge tone="good">{`${w.up}${since}`}</Badge>;
  return <Badge tone="bad">{`${w.down} (${link.state})${since}`}</Badge>;
}

function rate(traffic: Traffic | undefined): string {
  const perS = traffic?.recordsPerS;
  return perS === undefined ? '–' : peerWords().perSecond(number(perS));
}

function Behind(props: { link: Link | undefined }) {
  const w = peerWords();
  const { link } = props;
  if (link?.behind === undefined) return <>–</>;
  const delay =
    link.delayS === undefined || link.lastReceived === undefined ? undefined : number(link.delayS, 1);
  return <span title={delay === undefined ? '' : w.late(`${delay} s`)}>{count(link.behind)}</span>;
}

/** Everything about one peer. */
function Everything(props: { peer: Peer }) {
  const { peer } = props;
  const w = peerWords();
  const isStale = peer.heard !== undefined && now() - peer.heard > STALE_MS;
  const contract = stand.value.lines.find((line) => line.id === peer.statement);
  return (
    <>
      {isStale ? <Notice weight="bad" title={w.stale} /> : null}
      <Part title={`${w.contract}: ${peer.organisation}`}>
        {contract === undefined ? null : (
          <ul class="sentences" lang={language.value}>
            {previewOf(contract.said, { now: contract.received }, language.value).sentences.map(
              (sentence) => (
                <li key={sentence}>{sentence}</li>
              ),
            )}
          </ul>
        )}
        <Facts
          facts={[
            [w.address, <span class="mono">{peer.address}</span>],
            [
              common().statement,
              <a class="mono" href={linkTo('log', 'control', { entry: peer.statement })}>
                {peer.statement}
              </a>,
            ],
            [w.cosigned, peer.cosignedSize === undefined ? '–' : `${count(peer.cosignedSize)}`],
          ]}
        />
        <p class="field-hint">{w.endWhere}</p>
        <Command title={w.end} line={sekisho('revoke', peer.statement)} />
      </Part>
      <Part title={w.traffic}>
        <Facts
          facts={[
            [w.came, traffic(peer.link)],
            [w.took, traffic(peer.taking)],
            [w.itBehind, peer.taking === undefined ? '–' : count(peer.taking.behind)],
            [w.asks, <Filters link={peer.link} />],
          ]}
        />
      </Part>
      <Part title={w.remarks}>
        <Remarks peer={peer} />
      </Part>
    </>
  );
}

function traffic(found: Traffic | undefined): string {
  if (found === undefined) return '–';
  const w = peerWords();
  return `${w.records(count(found.records), bytes(found.bytes))}; ${rate(found)}, ${bytes(found.bytesPerS ?? 0)}/s`;
}

function Filters(props: { link: Link | undefined }) {
  const all = props.link?.interests ?? [];
  if (all.length === 0) return <>–</>;
  return (
    <span class="mono">{all.map((one) => `${one.filter}${one.isPermitted ? '' : ' ✗'}`).join('  ')}</span>
  );
}

function Remarks(props: { peer: Peer }) {
  const w = peerWords();
  const { link, taking } = props.peer;
  const counted = (all: { reason: string; count: number }[] | undefined) =>
    all === undefined || all.length === 0
      ? undefined
      : all.map((one) => `${one.reason} ${count(one.count)}`).join(', ');
  const positive = (value: number | undefined) =>
    value === undefined || value === 0 ? undefined : count(value);
  const denied = link?.interests.filter((one) => !one.isPermitted).map((one) => one.filter) ?? [];
  const all: [string, ComponentChildren][] = [
    [w.whyDown, link?.state === 'up' ? undefined : link?.why],
    [w.refused, counted(link?.refused)],
    [w.dropped, counted(link?.dropped)],
    [w.gaps, counted(link?.gaps)],
    [w.hungUp, counted(link?.hungUp)],
    [w.budget, counted(link?.budgetWaits)],
    [w.notPermitted, denied.length === 0 ? undefined : denied.join(' ')],
    [w.refusedInterests, positive(taking?.refusedInterests)],
    [w.historyWaits, positive(taking?.historyWaits)],
  ];
  const told = all.filter(([, what]) => what !== undefined);
  return told.length === 0 ? <p class="calm">{w.fine}</p> : <Facts facts={told} />;
}
