import { describe, expect, test } from 'vitest';
import { hex } from '../bytes.js';
import { encodeStatement, statementId, unsignedStatement } from '../statement.js';
import { backgroundOf, effectOf, notesOf } from './effect.js';
import type { RevokeSaid } from './said.js';
import { bodyOf, type Signable, saidOf } from './said_of.js';

const issued = Date.UTC(2026, 10, 21, 9);
const id = 'ab'.repeat(32);
const all: Signable[] = [
  {
    kind: 'grant',
    organisation: 'fujisawa',
    grantee: 'park@santander',
    actions: ['subscribe', 'history', 'decrypt'],
    filter: 'fujisawa/truck/+/air',
    purpose: 'air',
    issued,
    from: issued,
    until: issued + 1,
    historyFrom: 0,
    onward: true,
    ratePerS: 5,
  },
  {
    kind: 'deny',
    organisation: 'fujisawa',
    grantee: '*@santander',
    actions: ['publish'],
    filter: 'fujisawa/#',
    reason: 'why',
    issued,
  },
  {
    kind: 'role',
    organisation: 'fujisawa',
    role: 'role/family@fujisawa',
    member: 'hanako@fujisawa',
    issued,
    until: undefined,
  },
  { kind: 'revoke', organisation: 'fujisawa', target: { statement: id }, reason: '', issued },
  { kind: 'revoke', organisation: 'fujisawa', target: { principal: id }, reason: 'lost', issued },
  {
    kind: 'stream-descriptor',
    organisation: 'fujisawa',
    topic: 'fujisawa/tide',
    deviceType: 'gauge',
    title: 'Tide',
    class: 'open',
    mobile: false,
    latitude: 35.3389,
    longitude: -139.487,
    retentionS: 86_400,
    transducers: [{ name: 'level', unit: 'm' }],
    issued,
  },
];

describe('what is said', () => {
  test('is what is signed, and the same read back', () => {
    for (const said of all) {
      const { body } = unsignedStatement(bodyOf(said));
      expect(JSON.parse(JSON.stringify(saidOf(body)))).toEqual(JSON.parse(JSON.stringify(said)));
    }
  });
});

describe('a node’s answer to diff', () => {
  const revocation = (target: RevokeSaid['target']): RevokeSaid => {
    return { kind: 'revoke', organisation: 'fujisawa', target, reason: '', issued };
  };

  test('gives a preview its background, as far as it is well formed', () => {
    const ends = all[0];
    if (ends === undefined) throw new Error('a grant');
    const answer = {
      grantee_kind: 'app',
      holder: 'truck-1@fujisawa',
      ends: hex(encodeStatement(unsignedStatement(bodyOf(ends)))),
      opened: [{ principal: 'a@b', actions: 'subscribe,decrypt', topic: 'b/c' }, { principal: 7 }, null],
      closed: [],
      left_out: 2,
      topics_left_out: 3,
      sessions: 1,
      keys: [{ tree: 'b/#', epoch: 4 }, 'x'],
      unknown: 'z@b',
    };
    const ended = { statement: statementId(unsignedStatement(bodyOf(ends))) };
    const background = backgroundOf(answer, issued, revocation(ended));
    expect(background).toMatchObject({ kind: 'app', holder: 'truck-1@fujisawa', now: issued });
    expect(background.revoked?.kind).toBe('grant');
    expect(background.effect).toEqual({
      opened: [{ principal: 'a@b', actions: ['subscribe', 'decrypt'], topic: 'b/c' }],
      closed: [],
    });
    expect(notesOf(answer)).toEqual({
      refused: undefined,
      unknown: 'z@b',
      leftOut: 5,
      sessions: 1,
      keys: [{ tree: 'b/#', epoch: 4 }],
    });
  });

  test('that shows another statement than the one that would end is not told', () => {
    const [other] = all;
    if (other === undefined) throw new Error('a grant');
    const answer = { ends: hex(encodeStatement(unsignedStatement(bodyOf(other)))) };
    for (const target of [{ statement: 'ab'.repeat(32) }, { principal: 'ab'.repeat(32) }]) {
      expect(backgroundOf(answer, issued, revocation(target)).revoked).toBeUndefined();
    }
    expect(backgroundOf(answer, issued, other).revoked).toBeUndefined();
  });

  test('that is none, or that refuses, changes nothing that could be told', () => {
    for (const answer of [undefined, null, 'no', [], { opened: 1, closed: [] }, { ends: 'zz', kind: 7 }]) {
      expect(effectOf(answer)).toBeUndefined();
      expect(backgroundOf(answer, issued, revocation({ statement: 'ab' })).revoked).toBeUndefined();
    }
    expect(effectOf({ opened: [], closed: [], refused: 'no' })).toBeUndefined();
    expect(effectOf({ opened: [], closed: [] })).toEqual({ opened: [], closed: [] });
  });
});
