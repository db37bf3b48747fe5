// What became of statements: where they stand, which peers have applied them, whether sessions were cut and
// what is sealed to new keys.

import { notesOf } from '@sekisho/client/preview';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../../parts/icon';
import { Notice } from '../../parts/notice';
import { count } from '../../words/format';
import type { Desk, Stated } from '../desk';
import { linkTo } from '../route';
import { stand } from '../state';
import { type Confirmed, type Expected, isAll, newEpochs, peersThatApplied } from '../watch';
import { changeWords } from '../words/change';
import type { Proposed } from './proposal';
import { ProveButton } from './proposal';

const TURN_MS = 500;
/** As the command line waits. */
const PATIENCE_MS = 30_000;

async function expectedOf(desk: Desk, proposed: Proposed, stated: Stated[]): Promise<Expected> {
  // Who may not ask about peers may still end what is theirs.
  const peers = await desk.peers().catch(() => []);
  const notes = proposed.proposals.map((proposal) => notesOf(proposal.diff));
  return {
    index: Math.max(...stated.map((one) => one.index)),
    peers: peers.filter((peer) => peer.isInForce).map((peer) => peer.organisation),
    keys: notes.flatMap((note) => note.keys),
    revoked: proposed.proposals.flatMap(({ said }) =>
      said.kind === 'revoke' && 'principal' in said.target ? [said.target.principal] : [],
    ),
    sessions: notes.reduce((sum, note) => sum + note.sessions, 0),
  };
}

const NOTHING: Confirmed = { peers: [], keys: [], areSessionsCut: false };

async function confirmedBy(desk: Desk, proposed: Proposed, expected: Expected): Promise<Confirmed> {
  const peers = expected.peers.length === 0 ? [] : peersThatApplied(expected, await desk.peers());
  const keys = newEpochs(expected, stand.peek().lines);
  const { revoked } = proposed;
  if (expected.sessions === 0 || revoked === undefined) return { peers, keys, areSessionsCut: false };
  const page = await desk.sessions({ principal: revoked });
  const left = page.sessions.filter((one) => expected.revoked.includes(one.id));
  return { peers, keys, areSessionsCut: left.length === 0 };
}

/** Watches until everything is confirmed or patience ends. */
function useConfirmed(desk: Desk, proposed: Proposed, stated: Stated[]) {
  const [watched, setWatched] = useState<{ expected?: Expected; confirmed: Confirmed; isOver: boolean }>({
    confirmed: NOTHING,
    isOver: false,
  });
  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const began = performance.now();
    const look = async (expected: Expected): Promise<void> => {
      const confirmed = await confirmedBy(desk, proposed, expected).catch(() => NOTHING);
      if (isGone) return;
      const isOver = isAll(expected, confirmed) || performance.now() - began > PATIENCE_MS;
      setWatched({ expected, confirmed, isOver });
      if (!isOver) timer = setTimeout(() => void look(expected), TURN_MS);
    };
    void expectedOf(desk, proposed, stated).then(look);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [desk, proposed, stated]);
  return watched;
}

/** What became of it. */
export function Outcome(props: { desk: Desk; proposed: Proposed; stated: Stated[]; onDone: () => void }) {
  const { desk, proposed, stated } = props;
  const w = changeWords();
  const { expected, confirmed, isOver } = useConfirmed(desk, proposed, stated);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: 'center' }), []);
  return (
    <div class="outcome stack" role="status" ref={box}>
      {stated.map((one) => (
        <Notice key={one.id} title={w.stands(count(one.index))}>
          <div class="stack">
            <p class="mono">
              <a href={linkTo('log', 'control', { entry: one.id })}>{one.id}</a>
            </p>
            {one.isCountersigned ? <p>{w.countersigned}</p> : null}
            <div class="row">
              <ProveButton desk={desk} which={{ statement: one.id }} name={`statement-${one.index}`} />
            </div>
          </div>
        </Notice>
      ))}
      {expected === undefined ? null : <Holding expected={expected} confirmed={confirmed} />}
      {isOver && expected !== undefined && !isAll(expected, confirmed) ? (
        <Notice weight="warn" title={w.unconfirmed} />
      ) : null}
      <div class="row">
        <button type="button" class="button" onClick={props.onDone}>
          {w.anotherOne}
        </button>
      </div>
    </div>
  );
}

function Holding(props: { expected: Expected; confirmed: Confirmed }) {
  const w = changeWords();
  const { expected, confirmed } = props;
  const facts: { key: string; isDone: boolean; text: string }[] = [];
  if (expected.sessions > 0) {
    const isDone = confirmed.areSessionsCut;
    facts.push({ key: 'sessions', isDone, text: isDone ? w.sessionsCut : w.sessionsLive });
  }
  for (const { tree } of expected.keys) {
    const fresh = confirmed.keys.find((key) => key.tree === tree);
    const text = fresh === undefined ? w.oldKey(tree) : w.newKey(tree, count(fresh.epoch));
    facts.push({ key: `key ${tree}`, isDone: fresh !== undefined, text });
  }
  for (const name of expected.peers) {
    const isDone = confirmed.peers.includes(name);
    facts.push({ key: `peer ${name}`, isDone, text: isDone ? w.peerApplied(name) : w.peerWaits(name) });
  }
  return (
    <div class="panel part">
      <h3>{w.watching}</h3>
      {facts.length === 0 ? <p class="dim">{w.noPeers}</p> : null}
      <ul class="holding">
        {facts.map((fact) => (
          <li key={fact.key} class={fact.isDone ? 'is-done' : 'is-open'}>
            <Icon name={fact.isDone ? 'good' : 'clock'} /> {fact.text}
          </li>
        ))}
      </ul>
    </div>
  );
}
