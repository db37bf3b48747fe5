import { describe, expect, test } from 'vitest';
import type { Peer } from './documents/peers';
import type { Line } from './stand';
import { type Expected, isAll, newEpochs, peersThatApplied } from './watch';

const expected: Expected = {
  index: 2,
  peers: ['kyoto', 'santander'],
  keys: [{ tree: 'x/#', epoch: 4 }],
  revoked: ['aa'],
  sessions: 1,
};

function peer(organisation: string, cosignedSize?: number): Peer {
  return { organisation, cosignedSize } as Peer;
}

function epoch(index: number, tree: string, number: number): Line {
  const said = {
    kind: 'epoch-announce',
    organisation: 'x',
    tree,
    epoch: number,
    issued: 0,
    notBefore: 0,
    notAfter: 0,
    minEpoch: 0,
  } as const;
  return { index, id: `s${index}`, said, received: 0, signers: [] };
}

describe('a statement holds', () => {
  test('at a peer that has cosigned a log with it in it, and at no other', () => {
    expect(peersThatApplied(expected, [peer('kyoto', 2), peer('santander', 3)])).toEqual(['santander']);
    expect(peersThatApplied(expected, [peer('kyoto')])).toEqual([]);
  });

  test('in what is sealed once a newer epoch is announced behind it', () => {
    const before = [epoch(0, 'x/#', 3), epoch(1, 'x/#', 4), epoch(2, 'x/#', 5)];
    expect(newEpochs(expected, before)).toEqual([]);
    expect(newEpochs(expected, [...before, epoch(3, 'x/y/#', 6), epoch(4, 'x/#', 5)])).toEqual([
      { tree: 'x/#', epoch: 5 },
    ]);
  });

  test('everywhere when every peer, every key and the sessions are confirmed', () => {
    const confirmed = {
      peers: ['kyoto', 'santander'],
      keys: [{ tree: 'x/#', epoch: 5 }],
      areSessionsCut: false,
    };
    expect(isAll(expected, confirmed)).toBe(false);
    expect(isAll(expected, { ...confirmed, areSessionsCut: true })).toBe(true);
    expect(isAll({ ...expected, sessions: 0 }, confirmed)).toBe(true);
  });
});
