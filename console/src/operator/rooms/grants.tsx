// Every grant and denial that stands, read from the control log, to be looked through and taken back.

import { useMemo, useState } from 'preact/hooks';
import { now } from '../../identity/node';
import { Badge } from '../../parts/badge';
import { type Column, Table } from '../../parts/table';
import { linkTo } from '../route';
import { holderOf, type Stand, standing } from '../stand';
import { isRead, stand } from '../state';
import { logWords } from '../words/log';
import { rightsWords } from '../words/rights';
import { common } from '../words/shared';
import { Actions, Asking, At, Name } from './pieces';

/** The table. */
export function Grants() {
  const [w, c] = [rightsWords(), common()];
  const [text, setText] = useState('');
  const all = stand.value;
  const lines = useMemo(() => standing(all, now()), [all]);
  const rows = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const fits = ({ said }: Standing) =>
      [said.grantee, said.filter, said.actions.join(','), said.kind === 'grant' ? said.purpose : said.reason]
        .join('\n')
        .toLowerCase()
        .includes(wanted);
    return wanted === '' ? lines : lines.filter(fits);
  }, [lines, text]);
  return (
    <section class="stack">
      <p class="dim">{w.grantsIntro}</p>
      <div class="row">
        <input
          class="input narrow"
          type="search"
          aria-label={c.filter}
          placeholder={c.filter}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <a class="button" href={linkTo('change', 'grant')}>
          {w.giveRight}
        </a>
      </div>
      {isRead.value ? null : <Asking text={logWords().reading} />}
      <Table
        caption={w.grants}
        columns={columnsFor(all)}
        rows={rows}
        rowKey={(line) => line.id}
        empty={w.noStatements}
      />
    </section>
  );
}

type Standing = ReturnType<typeof standing>[number];

function columnsFor(all: Stand): Column<Standing>[] {
  const [w, c] = [rightsWords(), common()];
  return [
    {
      key: 'index',
      title: w.index,
      isNumber: true,
      sort: (line) => line.index,
      cell: (line) => <a href={linkTo('log', 'control', { entry: line.id })}>{line.index}</a>,
    },
    {
      key: 'who',
      title: c.who,
      isHead: true,
      sort: (line) => line.said.grantee,
      cell: (line) => <Name name={line.said.grantee} />,
    },
    {
      key: 'kind',
      title: c.kind,
      sort: (line) => line.said.kind,
      cell: (line) =>
        line.said.kind === 'deny' ? <Badge tone="bad">{w.deny}</Badge> : <Badge>{w.grant}</Badge>,
    },
    { key: 'actions', title: c.what, cell: (line) => <Actions actions={line.said.actions} /> },
    {
      key: 'filter',
      title: c.topics,
      sort: (line) => line.said.filter,
      cell: (line) => <span class="mono">{line.said.filter}</span>,
    },
    {
      key: 'until',
      title: c.until,
      cell: (line) => (
        <At time={line.said.kind === 'grant' ? line.said.until : undefined} without={c.untilRevoked} />
      ),
    },
    {
      key: 'purpose',
      title: c.purpose,
      cell: (line) => (line.said.kind === 'grant' ? line.said.purpose : line.said.reason) || '–',
    },
    {
      key: 'signers',
      title: c.signers,
      cell: (line) => line.signers.map((id) => holderOf(all, id) ?? id.slice(0, 8)).join(', '),
    },
    {
      key: 'end',
      title: w.takeBack,
      cell: (line) => <a href={linkTo('change', 'revoke', { target: line.id })}>{w.takeBack}</a>,
    },
  ];
}
