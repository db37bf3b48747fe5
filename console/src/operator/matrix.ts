// Who may do what on which topics, as a grid: a row for each principal or role, a column for each topic.
// The cells are the node's own answers to `who`, put together; nothing is worked out here.

import { ACTIONS, type Action } from '@sekisho/client/preview';
import type { WhoEntry } from './documents/rights';

/** The letter of an action in a cell, as in `sekisho role matrix`. */
export const LETTERS: Record<Action, string> = {
  publish: 'p',
  subscribe: 's',
  history: 'h',
  decrypt: 'd',
  discover: 'f',
  grant: 'g',
  bridge: 'b',
  administer: 'a',
};

/** Who may do one thing on one topic. */
export interface Asked {
  topic: string;
  action: Action;
  entries: WhoEntry[];
}

/** One row: somebody and what they may do on each topic. */
export interface Row {
  holder: string;
  isRole: boolean;
  cells: Map<string, Action[]>;
}

/** The grid of what was asked, sorted by name. */
export function rowsOf(asked: readonly Asked[], by: 'principals' | 'roles'): Row[] {
  const rows = new Map<string, Map<string, Set<Action>>>();
  for (const { topic, action, entries } of asked) {
    for (const entry of entries) {
      const isRole = entry.grantee.startsWith('role/');
      if (by === 'roles' && !isRole) continue;
      const holder = by === 'roles' ? entry.grantee : entry.principal;
      const cells = rows.get(holder) ?? new Map<string, Set<Action>>();
      rows.set(holder, cells);
      const actions = cells.get(topic) ?? new Set<Action>();
      cells.set(topic, actions);
      actions.add(action);
    }
  }
  const made = [...rows].map(([holder, cells]) => ({
    holder,
    isRole: by === 'roles',
    cells: new Map(
      [...cells].map(([topic, actions]) => [topic, ACTIONS.filter((action) => actions.has(action))]),
    ),
  }));
  return made.sort((one, other) => one.holder.localeCompare(other.holder, 'en', { numeric: true }));
}

/** The letters of a cell; a dash where there is no right. */
export function lettersOf(actions: readonly Action[] | undefined): string {
  return actions === undefined || actions.length === 0
    ? '–'
    : actions.map((action) => LETTERS[action]).join('');
}

/** Everybody who is a row somewhere and fits a filter text. */
export function fitting(rows: readonly Row[], text: string): Row[] {
  const wanted = text.trim().toLowerCase();
  return wanted === '' ? [...rows] : rows.filter((row) => row.holder.toLowerCase().includes(wanted));
}
