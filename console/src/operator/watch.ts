// When a statement holds: at home, in what is sealed from now on, and at every peer, which confirms by
// cosigning the log with the statement in it.

import type { Peer } from './documents/peers';
import type { Line } from './stand';

/** What is to be confirmed. */
export interface Expected {
  /** The index of the last statement. */
  index: number;
  /** Peers in force when it was stated. */
  peers: string[];
  /** Trees that will be sealed to a new key, and their epochs so far. */
  keys: { tree: string; epoch: number }[];
  /** Keys whose sessions are to be cut, and how many there were. */
  revoked: string[];
  sessions: number;
}

/** What has been confirmed. */
export interface Confirmed {
  peers: string[];
  /** Trees and their new epochs. */
  keys: { tree: string; epoch: number }[];
  areSessionsCut: boolean;
}

/** Which of the awaited peers have the statement in a log that they cosigned. */
export function peersThatApplied(expected: Expected, peers: readonly Peer[]): string[] {
  const has = (name: string) => {
    const size = peers.find((peer) => peer.organisation === name)?.cosignedSize;
    return size !== undefined && size > expected.index;
  };
  return expected.peers.filter(has);
}

/** Which of the awaited trees have a newer epoch in the log. */
export function newEpochs(expected: Expected, lines: readonly Line[]): { tree: string; epoch: number }[] {
  const later = lines.slice(expected.index + 1);
  return expected.keys.flatMap(({ tree, epoch }) => {
    const found = later.find(
      ({ said }) => said.kind === 'epoch-announce' && said.tree === tree && said.epoch > epoch,
    );
    return found?.said.kind === 'epoch-announce' ? [{ tree, epoch: found.said.epoch }] : [];
  });
}

/** Whether nothing is awaited any more. */
export function isAll(expected: Expected, confirmed: Confirmed): boolean {
  return (
    confirmed.peers.length === expected.peers.length &&
    confirmed.keys.length === expected.keys.length &&
    (expected.sessions === 0 || confirmed.areSessionsCut)
  );
}
