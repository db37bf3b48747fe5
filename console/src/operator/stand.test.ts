import type { GrantSaid, PrincipalSaid, Said, StreamSaid } from '@sekisho/client/preview';
import { describe, expect, test } from 'vitest';
import { emptyStand, hasEnded, type Line, personalTopics, present, roles, standing, takeIn } from './stand';

const now = Date.UTC(2026, 10, 21);
const grant: GrantSaid = {
  kind: 'grant',
  organisation: 'x',
  grantee: 'role/family@x',
  actions: ['subscribe'],
  filter: 'x/#',
  purpose: '',
  issued: 0,
  from: 0,
  onward: false,
};
const truck: PrincipalSaid = {
  kind: 'principal',
  name: 'truck-1@x',
  principalKind: 'device',
  id: 'aa',
  issued: 0,
  attested: false,
};

function log(...all: Said[]): Line[] {
  return all.map((said, index) => ({ index, id: `s${index}`, said, received: index, signers: [] }));
}

const revoke = { kind: 'revoke', organisation: 'x', reason: '', issued: 0 } as const;

describe('what stands in the control log', () => {
  test('is what was neither taken back nor has run out', () => {
    const stand = emptyStand();
    takeIn(
      stand,
      log(
        grant,
        { ...grant, until: now },
        grant,
        { ...revoke, target: { statement: 's2' } },
        {
          ...grant,
          until: now + 1,
        },
      ),
    );
    expect(standing(stand, now).map((line) => line.id)).toEqual(['s4', 's0']);
    expect(stand.lines.filter((line) => hasEnded(stand, line, now)).map((line) => line.id)).toEqual([
      's1',
      's2',
    ]);
  });

  test('has each key of a name, until it is revoked', () => {
    const stand = emptyStand();
    const lines = log(truck, { ...truck, id: 'bb' }, { ...revoke, target: { principal: 'aa' } });
    takeIn(stand, lines);
    expect(present(stand, now).map((key) => key.id)).toEqual(['bb']);
    expect(stand.keys.get('aa')?.endedBy).toBe(2);
  });

  test('is the same however often a page of it comes', () => {
    const stand = emptyStand();
    const lines = log(grant, truck);
    takeIn(stand, lines);
    takeIn(stand, lines);
    expect(stand.lines).toHaveLength(2);
    expect(roles(stand)).toEqual(['role/family@x']);
  });

  test('takes the newest description of a topic', () => {
    const stand = emptyStand();
    const stream: Omit<StreamSaid, 'class'> = {
      kind: 'stream-descriptor',
      organisation: 'x',
      topic: 'x/door',
      deviceType: '',
      title: '',
      mobile: false,
      transducers: [],
      issued: 0,
    };
    takeIn(stand, log({ ...stream, class: 'personal' }));
    expect(personalTopics(stand)).toEqual(new Set(['x/door']));
    takeIn(stand, log({ ...stream, class: 'personal' }, { ...stream, class: 'restricted' }));
    expect(personalTopics(stand).size).toBe(0);
  });
});
