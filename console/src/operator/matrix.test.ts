import { describe, expect, test } from 'vitest';
import type { WhoEntry } from './documents/rights';
import { type Asked, fitting, lettersOf, rowsOf } from './matrix';

function entry(principal: string, grantee = principal): WhoEntry {
  return { principal, grantee, id: '', isAttested: false, grant: '', purpose: '' };
}

const asked: Asked[] = [
  { topic: 'x/a', action: 'decrypt', entries: [entry('truck-10@x'), entry('truck-9@x')] },
  { topic: 'x/a', action: 'subscribe', entries: [entry('truck-9@x'), entry('hanako@x', 'role/family@x')] },
  { topic: 'x/b', action: 'subscribe', entries: [entry('hanako@x', 'role/family@x'), entry('hanako@x')] },
];

describe('the matrix', () => {
  test('has a row for everybody whom the node named, and nobody else', () => {
    const rows = rowsOf(asked, 'principals');
    expect(rows.map((row) => row.holder)).toEqual(['hanako@x', 'truck-9@x', 'truck-10@x']);
    const cells = rows.map((row) => ['x/a', 'x/b'].map((topic) => lettersOf(row.cells.get(topic))));
    expect(cells).toEqual([
      ['s', 's'],
      ['sd', '–'],
      ['d', '–'],
    ]);
  });

  test('of roles shows what is granted to roles alone', () => {
    const rows = rowsOf(asked, 'roles');
    expect(rows.map((row) => [row.holder, row.isRole])).toEqual([['role/family@x', true]]);
  });

  test('is narrowed by a part of a name', () => {
    const names = fitting(rowsOf(asked, 'principals'), ' TRUCK-1').map((row) => row.holder);
    expect(names).toEqual(['truck-10@x']);
  });
});
