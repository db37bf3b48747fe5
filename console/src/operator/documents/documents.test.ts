import { describe, expect, test } from 'vitest';
import { accessesOf } from './accesses';
import { epochsOf, storageOf } from './keeping';
import { statusOf } from './node';
import { peersOf } from './peers';
import { whatOf, whoOf, whyOf } from './rights';
import { refusalsOf, sessionsOf } from './sessions';

const READERS = [
  accessesOf,
  epochsOf,
  storageOf,
  statusOf,
  peersOf,
  whatOf,
  whoOf,
  whyOf,
  refusalsOf,
  sessionsOf,
];

describe('a document of the node', () => {
  test('never breaks the page, whatever is in it', () => {
    const nonsense = [undefined, null, 7, 'x', [], [null], [[]], {}, [{ topic: 7 }], { trees: 'x' }];
    for (const read of READERS) {
      for (const value of nonsense) expect(() => read(value)).not.toThrow();
    }
  });

  test('is read field by field, and times become milliseconds', () => {
    const [entry] = whoOf([
      { principal: 'a@x', grantee: 'role/r@x', until: '2026-12-20T00:00:00Z', attested: true, purpose: '' },
    ]);
    expect(entry).toMatchObject({ principal: 'a@x', isAttested: true, until: Date.UTC(2026, 11, 20) });
    const status = statusOf({ ready: true, stewards_known: [{ name: 's@x', connected: true }], sessions: 3 });
    expect(status).toMatchObject({
      ready: true,
      sessions: 3,
      stewardsKnown: [{ name: 's@x', isConnected: true }],
    });
  });

  test('that names no time has none', () => {
    expect(sessionsOf({ sessions: [{ since: 'yesterday' }] }).sessions[0]?.since).toBeUndefined();
  });

  test('of an access that was erased has the hour and nobody', () => {
    const [access] = accessesOf([{ index: 4, kind: 'session', hour: '2026-11-21T09:00:00Z', record: null }]);
    expect(access).toMatchObject({ index: 4, record: undefined, time: Date.UTC(2026, 10, 21, 9) });
  });

  test('explains line by line', () => {
    expect(whyOf({ permitted: false, explanation: 'no:\n  because\n' })).toEqual({
      isPermitted: false,
      lines: ['no:', '  because'],
    });
  });
});
