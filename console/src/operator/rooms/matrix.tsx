// The matrix: principals or roles by topics, made of the node's answers to `who`.

import { ACTIONS, type Action } from '@sekisho/client/preview';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Command } from '../../parts/copy';
import { Combo, Field } from '../../parts/field';
import { type Column, Table } from '../../parts/table';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import { type Asked, fitting, lettersOf, type Row, rowsOf } from '../matrix';
import { linkTo } from '../route';
import { place, stand, streams } from '../state';
import { rightsWords } from '../words/rights';
import { actionWords, common } from '../words/shared';
import { Answered, Asking, Name } from './pieces';

const TOPICS_MAX = 8;
const TOPICS_FIRST = 5;
const FEW: Action[] = ['publish', 'subscribe', 'history', 'decrypt'];

/** What was asked before, by the policy's version: nothing changes without a statement. */
const known = new Map<string, Promise<Asked>>();
let knownAt = -1;

function ask(desk: Desk, topic: string, action: Action): Promise<Asked> {
  const version = stand.peek().lines.length;
  if (version !== knownAt) {
    known.clear();
    knownAt = version;
  }
  const key = `${action} ${topic}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const asking = desk.who(topic, action).then((entries) => ({ topic, action, entries }));
  known.set(key, asking);
  asking.catch(() => known.delete(key));
  return asking;
}

/** The matrix, and what it is about. */
export function Matrix(props: { desk: Desk }) {
  const [w, c] = [rightsWords(), common()];
  const { query } = place.value;
  const topics = useTopics();
  const isAll = query.all === '1';
  const [narrow, setNarrow] = useState('');
  const by = query.by === 'roles' ? 'roles' : 'principals';
  const actions = isAll ? [...ACTIONS] : FEW;
  const version = stand.value.lines.length;
  const key = `${topics.join(' ')} ${isAll} ${version}`;
  const asking = () =>
    Promise.all(topics.flatMap((topic) => actions.map((action) => ask(props.desk, topic, action))));
  const answer = useAnswer(asking, key);
  const go = (changed: Record<string, string | undefined>) => {
    location.hash = linkTo('rights', 'matrix', { ...query, ...changed });
  };
  return (
    <section class="stack">
      <p class="dim">{w.matrixIntro}</p>
      <div class="controls panel">
        <Columns topics={topics} onChange={(next) => go({ topics: next.join(' ') })} />
        <Field label={w.narrow}>
          {(tied) => (
            <input
              {...tied}
              type="search"
              value={narrow}
              onInput={(event) => setNarrow(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label={w.rows}>
          {(tied) => (
            <select {...tied} value={by} onChange={(event) => go({ by: event.currentTarget.value })}>
              <option value="principals">{w.byPrincipals}</option>
              <option value="roles">{w.byRoles}</option>
            </select>
          )}
        </Field>
        <label class="check">
          <input
            type="checkbox"
            checked={isAll}
            onChange={(event) => go({ all: event.currentTarget.checked ? '1' : undefined })}
          />
          {w.allActions}
        </label>
      </div>
      {topics.length === 0 ? (
        <p class="empty">{w.noTopics}</p>
      ) : (
        <Answered answer={answer}>
          {(asked) => <Grid asked={asked} topics={topics} by={by} narrow={narrow} />}
        </Answered>
      )}
      {answer.isAsking && answer.value !== undefined ? <Asking text={c.asking} /> : null}
      <p class="dim legend">{w.legend}</p>
      <p class="dim">{c.recorded}</p>
      <Command title={c.sameCommand} line={sekisho('who', topics[0] ?? 'TOPIC', '--action', 'subscribe')} />
    </section>
  );
}

/** The topics of the address, or the first of those there are. */
function useTopics(): string[] {
  const asked = place.value.query.topics;
  const all = streams.value;
  return useMemo(() => {
    if (asked !== undefined) return [...new Set(asked.split(/\s+/).filter(Boolean))].slice(0, TOPICS_MAX);
    return all.slice(0, TOPICS_FIRST).map((stream) => stream.topic);
  }, [asked, all]);
}

function Columns(props: { topics: string[]; onChange: (topics: string[]) => void }) {
  const w = rightsWords();
  const [text, setText] = useState('');
  const names = streams.value.map((stream) => stream.topic).filter((topic) => !props.topics.includes(topic));
  const add = (topic: string) => {
    setText('');
    props.onChange([...props.topics, topic].slice(0, TOPICS_MAX));
  };
  // Whoever chooses from the list means it; whoever types says so with Enter.
  useEffect(() => {
    if (names.includes(text)) add(text);
  });
  return (
    <div class="columns">
      <Field label={w.columns} hint={w.columnsHint(String(TOPICS_MAX))}>
        {(tied) => (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (text.trim() !== '') add(text.trim());
            }}
          >
            <Combo
              tied={tied}
              name="column"
              value={text}
              options={names}
              placeholder={w.addTopic}
              onInput={setText}
            />
          </form>
        )}
      </Field>
      <ul class="chips">
        {props.topics.map((topic) => (
          <li key={topic} class="badge">
            <span class="mono">{topic}</span>
            <button
              type="button"
              class="chip-remove"
              aria-label={w.remove(topic)}
              onClick={() => props.onChange(props.topics.filter((one) => one !== topic))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Grid(props: { asked: Asked[]; topics: string[]; by: 'principals' | 'roles'; narrow: string }) {
  const w = rightsWords();
  const names = actionWords();
  const { asked, topics, by } = props;
  const all = useMemo(() => rowsOf(asked, by), [asked, by]);
  const rows = useMemo(() => fitting(all, props.narrow), [all, props.narrow]);
  const columns: Column<Row>[] = [
    {
      key: 'holder',
      title: by === 'roles' ? w.role : w.byPrincipals,
      isHead: true,
      sort: (row) => row.holder,
      cell: (row) => <Name name={row.holder} />,
    },
    ...topics.map(
      (topic): Column<Row> => ({
        key: topic,
        title: topic,
        sort: (row) => -(row.cells.get(topic)?.length ?? 0),
        cell: (row) => <Cell row={row} topic={topic} words={names} />,
      }),
    ),
  ];
  return (
    <Table
      caption={w.matrix}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.holder}
      empty={rows.length === all.length ? w.nobody : w.noPrincipals}
    />
  );
}

function Cell(props: { row: Row; topic: string; words: Record<Action, string> }) {
  const { row, topic } = props;
  const actions = row.cells.get(topic) ?? [];
  const letters = lettersOf(actions);
  const text = actions.length === 0 ? common().none : actions.map((action) => props.words[action]).join(', ');
  // Who speaks to the page names what they see.
  const told = actions.length === 0 ? text : `${letters} – ${text}`;
  const label = `${row.holder}, ${topic}: ${told}`;
  if (row.isRole) {
    return (
      <span class="mono cell" title={label}>
        <span aria-hidden="true">{letters}</span>
        <span class="sr-only">{text}</span>
      </span>
    );
  }
  const action = actions[0] ?? 'subscribe';
  const reads = actions.includes('subscribe') && actions.includes('decrypt');
  return (
    <a
      class={`mono cell${reads ? ' cell-reads' : actions.length === 0 ? ' cell-none' : ''}`}
      href={linkTo('rights', 'ask', { who: row.holder, action, topic })}
      title={label}
      aria-label={label}
    >
      {letters}
    </a>
  );
}
