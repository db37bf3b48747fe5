// The control log, entry by entry, in words: searched, followed as it grows, and proven.

import { previewOf, type Said } from '@sekisho/client/preview';
import { useMemo, useState } from 'preact/hooks';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { type Column, Table } from '../../parts/table';
import { count } from '../../words/format';
import { language } from '../../words/language';
import { sekisho } from '../command';
import type { Desk } from '../desk';
import { inWords } from '../in_words';
import { ProveButton } from '../proposal/proposal';
import { linkTo } from '../route';
import { hasEnded, holderOf, type Line, type Stand } from '../stand';
import { isRead, logFault, place, stand } from '../state';
import { changeWords } from '../words/change';
import { logWords, statementWords } from '../words/log';
import { common } from '../words/shared';
import { Asking, At, Facts, Fault, KeyText, Part } from './pieces';

/** The entries, and everything about the one that was chosen. */
export function ControlLog(props: { desk: Desk }) {
  const [w, c] = [logWords(), common()];
  const kinds = statementWords();
  const [text, setText] = useState('');
  const [kind, setKind] = useState('');
  const all = stand.value;
  const speaks = language.value;
  const told = useMemo(
    () => all.lines.map((line) => ({ line, words: inWords(line.said, all, speaks) })).reverse(),
    [all, speaks],
  );
  const rows = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return told.filter(
      ({ line, words }) =>
        (kind === '' || line.said.kind === kind) &&
        (wanted === '' || words.toLowerCase().includes(wanted) || line.id.startsWith(wanted)),
    );
  }, [told, text, kind]);
  const chosen = all.lines.find((line) => line.id === place.value.query.entry);
  return (
    <section class="stack">
      {chosen === undefined ? null : <Entry desk={props.desk} line={chosen} stand={all} />}
      {logFault.value === undefined ? null : <Fault fault={logFault.value} />}
      <div class="row">
        <input
          class="input narrow"
          type="search"
          aria-label={w.search}
          placeholder={w.search}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <select
          class="picker"
          aria-label={c.kind}
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value)}
        >
          <option value="">{w.allKinds}</option>
          {(Object.keys(kinds) as Said['kind'][]).map((name) => (
            <option key={name} value={name}>
              {kinds[name]}
            </option>
          ))}
        </select>
      </div>
      {isRead.value || logFault.value !== undefined ? null : <Asking text={w.reading} />}
      <Table
        caption={w.control}
        columns={columnsFor(all)}
        rows={rows}
        rowKey={({ line }) => line.index}
        empty={w.noEntries}
        isOpen={({ line }) => line.id === chosen?.id}
      />
      <Command title={c.sameCommand} line={sekisho('log', 'export', 'FOLDER')} />
    </section>
  );
}

interface Told {
  line: Line;
  words: string;
}

function columnsFor(all: Stand): Column<Told>[] {
  const [w, c, kinds] = [logWords(), common(), statementWords()];
  return [
    {
      key: 'index',
      title: w.entry,
      isNumber: true,
      sort: ({ line }) => line.index,
      cell: ({ line }) => count(line.index),
    },
    { key: 'when', title: w.logged, cell: ({ line }) => <At time={line.received} /> },
    {
      key: 'kind',
      title: c.kind,
      sort: ({ line }) => line.said.kind,
      cell: ({ line }) => <Badge>{kinds[line.said.kind]}</Badge>,
    },
    {
      key: 'says',
      title: w.says,
      isHead: true,
      cell: ({ line, words }) => (
        <a
          class={all.ended.has(line.id) ? 'says is-ended' : 'says'}
          href={linkTo('log', 'control', { entry: line.id })}
          title={words}
        >
          {words}
        </a>
      ),
    },
  ];
}

function Entry(props: { desk: Desk; line: Line; stand: Stand }) {
  const { line, stand: all } = props;
  const [w, c] = [logWords(), common()];
  const endedBy = all.ended.get(line.id);
  const preview = previewOf(line.said, { now: line.received }, language.value);
  const ended = hasEnded(all, line, Date.now());
  const canEnd = ['grant', 'deny', 'role', 'peering', 'stream-descriptor'].includes(line.said.kind);
  const file = `statement-${line.index}`;
  return (
    <Part title={`${w.entry} ${count(line.index)}: ${statementWords()[line.said.kind]}`}>
      <p class="preview-text">
        {preview.text} <span class="dim">{inWords(line.said, all, language.value)}</span>
      </p>
      <Facts
        facts={[
          [w.id, <span class="mono">{line.id}</span>],
          [w.logged, <At time={line.received} />],
          [
            w.signedBy,
            line.signers.map((id) => (
              <span key={id} class="row">
                {holderOf(all, id) ?? ''} <KeyText id={id} />
              </span>
            )),
          ],
          endedBy === undefined ? undefined : [c.state, w.endedBy(count(endedBy))],
        ]}
      />
      <div class="row">
        <ProveButton desk={props.desk} which={{ statement: line.id }} name={file} />
        {canEnd && !ended ? (
          <a class="button button-small" href={linkTo('change', 'revoke', { target: line.id })}>
            {changeWords().revoke}
          </a>
        ) : null}
        <a class="button button-small button-quiet" href={linkTo('log', 'control')}>
          {c.close}
        </a>
      </div>
      <Command title={c.sameCommand} line={sekisho('log', 'prove', line.id, '--out', `${file}.tlog-proof`)} />
      <Command
        title={w.proofCheck}
        line={sekisho('log', 'verify', `${file}.tlog-proof`, '--root', props.desk.pinned.root)}
      />
    </Part>
  );
}
