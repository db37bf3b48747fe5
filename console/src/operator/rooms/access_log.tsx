// The access log, page by page from its end: who was let at what, as far as it was not erased.

import { parsePrincipalName } from '@sekisho/client';
import { useState } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { Field } from '../../parts/field';
import { type Column, Table } from '../../parts/table';
import { count } from '../../words/format';
import { useAnswer } from '../asking';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import type { Access } from '../documents/accesses';
import { ProveButton } from '../proposal/proposal';
import { linkTo } from '../route';
import { place } from '../state';
import { logWords } from '../words/log';
import { common } from '../words/shared';
import { Answered, At, Name } from './pieces';

const PAGE = 100;

interface Page {
  entries: Access[];
  from: number;
  size: number;
}

async function look(desk: Desk, subject: string | undefined, from: number | undefined): Promise<Page> {
  const status = await desk.status();
  const size = status.access?.size ?? 0;
  // With a name the node passes over the others, so that one begins at the beginning.
  const start = from ?? (subject === undefined ? Math.max(0, size - PAGE) : 0);
  const entries = await desk.accesses({ subject, from: start, max: PAGE });
  return { entries, from: start, size };
}

/** What is wrong with whom one asks about; nobody is everybody. */
function faultOf(subject: string): string | undefined {
  try {
    if (subject !== '') parsePrincipalName(subject);
    return undefined;
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  }
}

/** The index that an address names; the end of the log where it names none. */
function placeIn(text: string | undefined): number | undefined {
  const index = Number(text);
  return text !== undefined && Number.isSafeInteger(index) && index >= 0 ? index : undefined;
}

/** The entries. */
export function AccessLog(props: { desk: Desk }) {
  const [w, c] = [logWords(), common()];
  const { query } = place.value;
  const subject = query.subject === '' ? undefined : query.subject;
  const from = placeIn(query.from);
  const [typed, setTyped] = useState(subject ?? '');
  const [fault, setFault] = useState<string>();
  const answer = useAnswer(() => look(props.desk, subject, from), `${subject} ${from}`);
  return (
    <section class="stack">
      <form
        class="controls panel"
        onSubmit={(event) => {
          event.preventDefault();
          const wrong = faultOf(typed.trim());
          setFault(wrong);
          if (wrong === undefined) location.hash = linkTo('log', 'access', { subject: typed.trim() });
        }}
      >
        <Field label={w.subject} hint={w.subjectHint} fault={fault}>
          {(tied) => (
            <input
              {...tied}
              type="search"
              name="subject"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          )}
        </Field>
        <div class="row controls-buttons">
          <button type="submit" class="button button-primary">
            {w.show}
          </button>
          <button type="button" class="button" onClick={answer.again}>
            {c.again}
          </button>
        </div>
      </form>
      <Answered answer={answer}>
        {(page) => (
          <>
            <Table
              caption={w.access}
              columns={columnsFor(props.desk)}
              rows={[...page.entries].reverse()}
              rowKey={(one) => one.index}
              empty={w.noEntries}
            />
            <Pages page={page} subject={subject} />
          </>
        )}
      </Answered>
      <p class="dim">{c.recorded}</p>
      <Command
        title={c.sameCommand}
        line={sekisho('access', 'list', subject, ...(from === undefined ? [] : ['--from', String(from)]))}
      />
    </section>
  );
}

function Pages(props: { page: Page; subject: string | undefined }) {
  const w = logWords();
  const { page, subject } = props;
  const last = page.entries.at(-1)?.index;
  const link = (from: number) => linkTo('log', 'access', { subject, from: String(from) });
  return (
    <div class="row">
      {page.from > 0 && subject === undefined ? (
        <a class="button button-small" href={link(Math.max(0, page.from - PAGE))}>
          {w.older}
        </a>
      ) : null}
      {last !== undefined && last + 1 < page.size && page.entries.length === PAGE ? (
        <a class="button button-small" href={link(last + 1)}>
          {w.newer}
        </a>
      ) : null}
      <a class="button button-small" href={linkTo('log', 'access', { subject })}>
        {w.newest}
      </a>
    </div>
  );
}

function columnsFor(desk: Desk): Column<Access>[] {
  const [w, c] = [logWords(), common()];
  return [
    {
      key: 'index',
      title: w.entry,
      isNumber: true,
      sort: (one) => one.index,
      cell: (one) => count(one.index),
    },
    { key: 'when', title: c.when, cell: (one) => <At time={one.time} /> },
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (one) => one.record?.subject ?? '',
      cell: (one) =>
        one.record === undefined ? (
          <span class="dim">{w.erasedRecord}</span>
        ) : (
          <Name name={one.record.subject} />
        ),
    },
    { key: 'what', title: c.what, sort: (one) => one.kind, cell: (one) => <Badge>{one.kind}</Badge> },
    { key: 'for', title: c.purpose, cell: (one) => one.record?.purpose || '–' },
    { key: 'on', title: w.on, cell: (one) => <span class="mono">{extent(one)}</span> },
    {
      key: 'proof',
      title: w.proof,
      cell: (one) => (
        <ProveButton isShort desk={desk} which={{ access: one.index }} name={`access-${one.index}`} />
      ),
    },
  ];
}

/** Which records, or which key. */
function extent(access: Access): string {
  const w = logWords();
  const { record } = access;
  if (record === undefined) return '–';
  const parts: string[] = [];
  if (record.topics !== undefined) parts.push(record.topics);
  if (record.from !== undefined && record.to !== undefined) {
    parts.push(w.positions(count(record.from), count(record.to - 1)));
  }
  if (record.epoch !== undefined) parts.push(w.epoch(count(record.epoch)));
  return parts.length === 0 ? '–' : parts.join(', ');
}
