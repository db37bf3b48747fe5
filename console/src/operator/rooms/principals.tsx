// Everybody who has joined, read from the control log: 10,000 devices are a table that scrolls.

import { useMemo, useState } from 'preact/hooks';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { Command } from '../../parts/copy';
import { type Column, Table } from '../../parts/table';
import { sekisho } from '../command';
import { linkTo } from '../route';
import { type Key, present } from '../stand';
import { isRead, stand } from '../state';
import { logWords } from '../words/log';
import { rightsWords } from '../words/rights';
import { common, kindWords } from '../words/shared';
import { Asking, At, KeyText, Name } from './pieces';

/** The table. */
export function Principals() {
  const [w, c] = [rightsWords(), common()];
  const [text, setText] = useState('');
  const [isPresent, setPresent] = useState(true);
  const all = stand.value;
  const rows = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const keys = isPresent ? present(all, now()) : [...all.keys.values()];
    const fits = (key: Key) =>
      wanted === '' ||
      key.said.name.toLowerCase().includes(wanted) ||
      key.said.principalKind.includes(wanted) ||
      key.id.startsWith(wanted.replaceAll('-', ''));
    return keys.filter(fits);
  }, [all, text, isPresent]);
  return (
    <section class="stack">
      <p class="dim">{w.principalsIntro}</p>
      <div class="row">
        <input
          class="input narrow"
          type="search"
          aria-label={c.filter}
          placeholder={c.filter}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={isPresent}
            onChange={(event) => setPresent(event.currentTarget.checked)}
          />
          {w.onlyInForce}
        </label>
      </div>
      {isRead.value ? null : <Asking text={logWords().reading} />}
      <Table
        caption={w.principals}
        columns={columns()}
        rows={rows}
        rowKey={(key) => key.id}
        empty={w.noPrincipals}
      />
      <p class="field-hint">{w.byIssuerWhy}</p>
      <Command title={w.revoke} line={sekisho('revoke', 'NODE-OR-STEWARD@ORGANISATION')} />
      <Command title={c.sameCommand} line={sekisho('what', rows[0]?.said.name ?? 'NAME@ORGANISATION')} />
    </section>
  );
}

/** What the organisation acts by: ended by an issuer, or in place of one by the root. */
const ACTING: ReadonlySet<string> = new Set(['node', 'steward']);

function columns(): Column<Key>[] {
  const [w, c, kinds] = [rightsWords(), common(), kindWords()];
  return [
    {
      key: 'name',
      title: c.name,
      isHead: true,
      sort: (key) => key.said.name,
      cell: (key) => <Name name={key.said.name} />,
    },
    {
      key: 'kind',
      title: c.kind,
      sort: (key) => key.said.principalKind,
      cell: (key) => kinds[key.said.principalKind],
    },
    { key: 'key', title: c.key, cell: (key) => <KeyText id={key.id} /> },
    {
      key: 'joined',
      title: w.joined,
      sort: (key) => key.said.issued,
      cell: (key) => <At time={key.said.issued} />,
    },
    {
      key: 'state',
      title: c.state,
      sort: (key) => (key.endedBy === undefined ? 0 : 1),
      cell: (key) =>
        key.endedBy === undefined ? <Badge tone="good">{c.inForce}</Badge> : <Badge>{c.ended}</Badge>,
    },
    {
      key: 'revoke',
      title: w.revoke,
      cell: (key) =>
        key.endedBy !== undefined ? (
          <span class="dim">–</span>
        ) : ACTING.has(key.said.principalKind) ? (
          <span class="dim">{w.byIssuer}</span>
        ) : (
          <a href={linkTo('change', 'revoke', { target: key.said.name })}>{w.revoke}</a>
        ),
    },
  ];
}
