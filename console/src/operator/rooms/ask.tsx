// Three questions about rights, and the node's exact answers: who may, why may or may not somebody, and
// what may somebody. The questions stand in the address, so that an answer can be sent as a link.

import { ACTIONS, type Action, isAction, KINDS, shortHash } from '@sekisho/client/preview';
import { useState } from 'preact/hooks';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { Combo, Field } from '../../parts/field';
import { Notice } from '../../parts/notice';
import { type Column, Table } from '../../parts/table';
import { language } from '../../words/language';
import { useAnswer } from '../asking';
import { sekisho, timeWord } from '../command';
import type { Desk } from '../desk';
import type { What, WhoEntry, Why } from '../documents/rights';
import { inWords } from '../in_words';
import { linkTo } from '../route';
import { holderOf, present } from '../stand';
import { place, stand, streams } from '../state';
import { rightsWords } from '../words/rights';
import { actionWords, common } from '../words/shared';
import { Actions, Answered, At, KeyText, Name, Part } from './pieces';

/** A time of a form that stands for UTC, as milliseconds. */
export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const time = Date.parse(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isFinite(time) ? time : undefined;
}

/** The three questions. Whoever may not administer may ask about themselves. */
export function Ask(props: { desk: Desk; isGuest: boolean }) {
  const { query } = place.value;
  const { desk } = props;
  const at = timeOf(query.at);
  const action = query.action !== undefined && isAction(query.action) ? query.action : undefined;
  const { who, topic } = query;
  const what = query.what ?? (props.isGuest && who === undefined ? desk.self.name : undefined);
  return (
    <>
      <Questions key={JSON.stringify(query)} isGuest={props.isGuest} self={desk.self.name} />
      {who !== undefined && topic !== undefined && action !== undefined ? (
        <WhyAnswer desk={desk} who={who} action={action} topic={topic} at={at} />
      ) : topic !== undefined && action !== undefined ? (
        <WhoAnswer desk={desk} action={action} topic={topic} at={at} />
      ) : null}
      {what === undefined ? null : <WhatAnswer desk={desk} who={what} at={at} />}
      {props.isGuest ? null : <p class="dim">{common().recorded}</p>}
    </>
  );
}

function Questions(props: { isGuest: boolean; self: string }) {
  const [w, c] = [rightsWords(), common()];
  const { query } = place.value;
  const [who, setWho] = useState(query.who ?? query.what ?? (props.isGuest ? props.self : ''));
  const [action, setAction] = useState(query.action ?? 'subscribe');
  const [topic, setTopic] = useState(query.topic ?? '');
  const [at, setAt] = useState(query.at ?? '');
  const people = present(stand.value, now()).map((key) => key.said.name);
  const go = (asked: Record<string, string>) => {
    location.hash = linkTo('rights', 'ask', { ...asked, at });
  };
  return (
    <form
      class="controls panel"
      onSubmit={(event) => {
        event.preventDefault();
        if (who !== '' && topic !== '') go({ who, action, topic });
        else if (topic !== '') go({ action, topic });
        else if (who !== '') go({ what: who });
      }}
    >
      <Field label={w.somebody}>
        {(tied) => (
          <Combo
            tied={tied}
            name="who"
            value={who}
            options={[...new Set(people)]}
            placeholder="park@santander"
            onInput={setWho}
          />
        )}
      </Field>
      <ActionInput action={action} onChange={setAction} />
      <Field label={w.onTopic}>
        {(tied) => (
          <Combo
            tied={tied}
            name="topic"
            value={topic}
            options={streams.value.map((stream) => stream.topic)}
            placeholder="fujisawa/truck/17/air"
            onInput={setTopic}
          />
        )}
      </Field>
      <Field label={w.at} hint={c.utc}>
        {(tied) => (
          <input
            {...tied}
            type="datetime-local"
            name="at"
            value={at}
            onInput={(event) => setAt(event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="row controls-buttons">
        <button type="submit" class="button button-primary" disabled={who === '' && topic === ''}>
          {who !== '' && topic !== '' ? w.whyMay : topic !== '' ? w.whoMay : w.whatMay}
        </button>
        {who !== '' && topic !== '' ? (
          <>
            <Other onClick={() => go({ action, topic })} isOff={props.isGuest} text={w.whoMay} />
            <Other onClick={() => go({ what: who })} isOff={false} text={w.whatMay} />
          </>
        ) : null}
      </div>
    </form>
  );
}

function ActionInput(props: { action: string; onChange: (action: string) => void }) {
  const [w, names] = [rightsWords(), actionWords()];
  return (
    <Field label={w.action}>
      {(tied) => (
        <select
          {...tied}
          name="action"
          value={props.action}
          onChange={(event) => props.onChange(event.currentTarget.value)}
        >
          {ACTIONS.map((one) => (
            <option key={one} value={one}>
              {names[one] === one ? one : `${names[one]} (${one})`}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Other(props: { onClick: () => void; isOff: boolean; text: string }) {
  return (
    <button type="button" class="button" onClick={props.onClick} disabled={props.isOff}>
      {props.text}
    </button>
  );
}

function atWords(at: number | undefined): string[] {
  const word = timeWord(at);
  return word === undefined ? [] : ['--at', word];
}

function WhyAnswer(props: {
  desk: Desk;
  who: string;
  action: Action;
  topic: string;
  at: number | undefined;
}) {
  const { desk, who, action, topic, at } = props;
  const c = common();
  const answer = useAnswer(() => desk.why(who, action, topic, at), `${who} ${action} ${topic} ${at}`);
  return (
    <section class="stack" aria-live="polite">
      <Answered answer={answer}>{(why) => <Verdict why={why} {...props} />}</Answered>
      <Command title={c.sameCommand} line={sekisho('why', who, action, topic, ...atWords(at))} />
    </section>
  );
}

function Verdict(props: { why: Why; who: string; action: Action; topic: string }) {
  const w = rightsWords();
  const { why, who, action, topic } = props;
  return (
    <Notice weight={why.isPermitted ? 'info' : 'warn'} title={why.isPermitted ? w.permitted : w.refused}>
      <div class="stack">
        <ol class="chain">
          {why.lines.map((line, place) => (
            <ChainLine key={`${place} ${line}`} line={line} />
          ))}
        </ol>
        <div class="row">
          <a class="button button-small" href={linkTo('change', 'grant', { who, action, topic })}>
            {w.giveRight}
          </a>
          <a class="button button-small" href={linkTo('rights', 'ask', { what: who })}>
            {w.whatMay}
          </a>
        </div>
      </div>
    </Notice>
  );
}

/** A statement of the chain in the reader's language, where this browser has read it; else the node's words. */
function ChainLine(props: { line: string }) {
  const all = stand.value;
  const [, short] = /\[([0-9a-f]{16})\]$/.exec(props.line) ?? [];
  const known = short === undefined ? undefined : all.lines.find((line) => line.id.startsWith(short));
  if (known === undefined) return <li class="chain-line">{props.line.trim()}</li>;
  return (
    <li class="chain-line" title={props.line.trim()}>
      {inWords(known.said, all, language.value)}{' '}
      <a class="mono" href={linkTo('log', 'control', { entry: known.id })}>
        {shortHash(known.id)}
      </a>
      <span class="dim">
        {' '}
        {rightsWords().signedBy}:{' '}
        {known.signers.map((id) => holderOf(all, id) ?? rightsWords().rootKey(shortHash(id))).join(', ')}
      </span>
    </li>
  );
}

function WhoAnswer(props: { desk: Desk; action: Action; topic: string; at: number | undefined }) {
  const { desk, action, topic, at } = props;
  const [w, c] = [rightsWords(), common()];
  const answer = useAnswer(() => desk.who(topic, action, at), `${action} ${topic} ${at}`);
  const columns: Column<WhoEntry>[] = [
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (one) => one.principal,
      cell: (one) => <Name name={one.principal} />,
    },
    {
      key: 'grantee',
      title: w.byGrant,
      sort: (one) => one.grantee,
      cell: (one) => (
        <a class="mono" href={linkTo('log', 'control', { entry: one.grant })}>
          {one.grantee}
        </a>
      ),
    },
    {
      key: 'until',
      title: c.until,
      sort: (one) => one.until ?? Number.MAX_VALUE,
      cell: (one) => <At time={one.until} without={c.untilRevoked} />,
    },
    { key: 'purpose', title: c.purpose, sort: (one) => one.purpose, cell: (one) => one.purpose || '–' },
    { key: 'key', title: c.key, cell: (one) => <KeyText id={one.id} /> },
    { key: 'attested', title: w.attested, cell: (one) => (one.isAttested ? c.yes : '–') },
    {
      key: 'why',
      title: c.why,
      cell: (one) => <a href={linkTo('rights', 'ask', { who: one.principal, action, topic })}>{c.why}</a>,
    },
  ];
  return (
    <section class="stack">
      <h3>
        {w.whoMay} {actionWords()[action]}: <span class="mono">{topic}</span>
      </h3>
      <Answered answer={answer}>
        {(entries) => (
          <Table
            caption={w.whoMay}
            columns={columns}
            rows={entries}
            rowKey={(one) => `${one.id} ${one.grant} ${one.role ?? ''}`}
            empty={w.nobody}
          />
        )}
      </Answered>
      <Command title={c.sameCommand} line={sekisho('who', topic, '--action', action, ...atWords(at))} />
    </section>
  );
}

function WhatAnswer(props: { desk: Desk; who: string; at: number | undefined }) {
  const { desk, who, at } = props;
  const c = common();
  const answer = useAnswer(() => desk.what(who, at), `${who} ${at}`);
  return (
    <section class="stack" aria-label={rightsWords().whatMay}>
      <Answered answer={answer}>{(what) => <Held what={what} />}</Answered>
      <Command title={c.sameCommand} line={sekisho('what', who, ...atWords(at))} />
    </section>
  );
}

function Held(props: { what: What }) {
  const [w, c] = [rightsWords(), common()];
  const { what } = props;
  const known = present(stand.value, now()).find((key) => key.said.name === what.principal);
  return (
    <Part title={what.principal}>
      <div class="row">
        {known === undefined ? null : (
          <Badge>{KINDS.find((kind) => kind === known.said.principalKind)}</Badge>
        )}
        {what.isAttested ? <Badge tone="warn">{w.attested}</Badge> : null}
        {what.keys.map((key) => (
          <Badge key={key}>
            <KeyText id={key} />
          </Badge>
        ))}
        {what.roles.map((role) => (
          <Badge key={role.statement} tone="good">
            {role.role}
          </Badge>
        ))}
      </div>
      {what.barred === undefined ? null : (
        <Notice weight="warn" title={w.barred}>
          {what.barred}
        </Notice>
      )}
      <div class="row">
        <a class="button button-small" href={linkTo('change', 'grant', { who: what.principal })}>
          {w.giveRight}
        </a>
        <a class="button button-small" href={linkTo('change', 'role', { who: what.principal })}>
          {w.giveRole}
        </a>
        <a class="button button-small" href={linkTo('change', 'revoke', { target: what.principal })}>
          {w.revoke}
        </a>
        <a class="button button-small" href={linkTo('log', 'access', { subject: what.principal })}>
          {c.log}
        </a>
      </div>
      <HeldGrants what={what} />
      {what.denies.length === 0 ? null : <HeldDenies what={what} />}
    </Part>
  );
}

function HeldGrants(props: { what: What }) {
  const [w, c] = [rightsWords(), common()];
  const columns: Column<What['grants'][number]>[] = [
    {
      key: 'filter',
      title: c.topics,
      isHead: true,
      sort: (one) => one.filter,
      cell: (one) => <span class="mono">{one.filter}</span>,
    },
    { key: 'actions', title: w.may, cell: (one) => <Actions actions={one.actions} /> },
    { key: 'grantee', title: w.byGrant, cell: (one) => <span class="mono">{one.grantee}</span> },
    { key: 'until', title: c.until, cell: (one) => <At time={one.until} without={c.untilRevoked} /> },
    { key: 'purpose', title: c.purpose, cell: (one) => one.purpose || '–' },
    {
      key: 'end',
      title: w.takeBack,
      cell: (one) => <a href={linkTo('change', 'revoke', { target: one.statement })}>{w.takeBack}</a>,
    },
  ];
  return (
    <>
      <h4>{w.hasGrants}</h4>
      <Table
        caption={w.hasGrants}
        columns={columns}
        rows={props.what.grants}
        rowKey={(one) => `${one.statement} ${one.role ?? ''} ${one.actions.join()}`}
        empty={w.noGrants}
      />
    </>
  );
}

function HeldDenies(props: { what: What }) {
  const [w, c] = [rightsWords(), common()];
  const columns: Column<What['denies'][number]>[] = [
    { key: 'filter', title: c.topics, isHead: true, cell: (one) => <span class="mono">{one.filter}</span> },
    { key: 'actions', title: w.mayNot, cell: (one) => <Actions actions={one.actions} /> },
    { key: 'grantee', title: w.byGrant, cell: (one) => <span class="mono">{one.grantee}</span> },
    { key: 'reason', title: c.reason, cell: (one) => one.reason || '–' },
    {
      key: 'end',
      title: w.takeBack,
      cell: (one) => <a href={linkTo('change', 'revoke', { target: one.statement })}>{w.takeBack}</a>,
    },
  ];
  return (
    <>
      <h4>{w.hasDenies}</h4>
      <Table
        caption={w.hasDenies}
        columns={columns}
        rows={props.what.denies}
        rowKey={(one) => `${one.statement} ${one.actions.join()}`}
        empty=""
      />
    </>
  );
}
