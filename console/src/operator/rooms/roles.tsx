// Roles: who has which, and what each may do, replayed here from the control log as `sekisho role list` and
// `role matrix` do.

import { filterContains, filtersOverlap } from '@sekisho/client';
import { ACTIONS, type Action } from '@sekisho/client/preview';
import { useMemo } from 'preact/hooks';
import { now } from '../../identity/node';
import { Command } from '../../parts/copy';
import { type Column, Table } from '../../parts/table';
import { sekisho } from '../command';
import { lettersOf } from '../matrix';
import { linkTo } from '../route';
import { type Line, members, roles, type Stand, standing } from '../stand';
import { stand } from '../state';
import { rightsWords } from '../words/rights';
import { actionWords, common } from '../words/shared';
import { At, Name, Part } from './pieces';

/** The part of the room. */
export function Roles() {
  const [w, c] = [rightsWords(), common()];
  const all = stand.value;
  const held = useMemo(() => members(all, now()), [all]);
  const columns: Column<(typeof held)[number]>[] = [
    {
      key: 'role',
      title: w.role,
      isHead: true,
      sort: (line) => line.said.role,
      cell: (line) => line.said.role,
    },
    {
      key: 'member',
      title: w.member,
      sort: (line) => line.said.member,
      cell: (line) => <Name name={line.said.member} />,
    },
    { key: 'until', title: c.until, cell: (line) => <At time={line.said.until} without={c.untilRevoked} /> },
    {
      key: 'end',
      title: w.endRole,
      cell: (line) => <a href={linkTo('change', 'revoke', { target: line.id })}>{w.endRole}</a>,
    },
  ];
  return (
    <section class="stack">
      <p class="dim">{w.rolesIntro}</p>
      <div class="row">
        <a class="button" href={linkTo('change', 'role')}>
          {w.giveRole}
        </a>
      </div>
      <Table
        caption={w.roles}
        columns={columns}
        rows={held}
        rowKey={(line: Line) => line.id}
        empty={w.nobodyHasRole}
      />
      <Command title={c.sameCommand} line={sekisho('role', 'list')} />
      <Part title={w.roleMatrix}>
        <RoleMatrix stand={all} />
        <p class="dim legend">{w.legend}</p>
        <Command title={c.sameCommand} line={sekisho('role', 'matrix')} />
      </Part>
    </section>
  );
}

function RoleMatrix(props: { stand: Stand }) {
  const [w, c, words] = [rightsWords(), common(), actionWords()];
  const { rows, names, cell } = useMemo(() => grid(props.stand), [props.stand]);
  const columns: Column<string>[] = [
    {
      key: '',
      title: c.topics,
      isHead: true,
      sort: (filter) => filter,
      cell: (filter) => <span class="mono">{filter}</span>,
    },
    ...names.map(
      (role): Column<string> => ({
        key: role,
        title: role,
        cell: (filter) => {
          const actions = cell(role, filter);
          const text = actions.map((action) => words[action]).join(', ') || c.none;
          return (
            <span class="mono cell" title={text}>
              <span aria-hidden="true">{lettersOf(actions)}</span>
              <span class="sr-only">{text}</span>
            </span>
          );
        },
      }),
    ),
  ];
  return (
    <Table
      caption={w.roleMatrix}
      columns={columns}
      rows={rows}
      rowKey={(filter) => filter}
      empty={w.noRoles}
    />
  );
}

/** A row for each filter that a grant to a role speaks of, a column for each role. */
function grid(all: Stand) {
  const said = standing(all, now())
    .map((line) => line.said)
    .filter((one) => one.grantee.startsWith('role/'));
  const rows = [...new Set(said.map((one) => one.filter))].sort();
  const cell = (role: string, filter: string): Action[] => {
    const of = said.filter((one) => one.grantee === role);
    const granted = of.filter((one) => one.kind === 'grant' && filterContains(one.filter, filter));
    const denied = of.filter((one) => one.kind === 'deny' && filtersOverlap(one.filter, filter));
    const may = new Set(granted.flatMap((one) => one.actions));
    const not = new Set(denied.flatMap((one) => one.actions));
    // Who may not subscribe has no history either.
    if (not.has('subscribe')) not.add('history');
    return ACTIONS.filter((action) => may.has(action) && !not.has(action));
  };
  return { rows, names: roles(all), cell };
}
