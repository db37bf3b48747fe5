// What a proof proves to somebody who has nothing but a root.

import { equal, hex } from '../bytes.js';
import { emptyRoot, nodeHash } from './tree.js';

/** A proof does not hold. */
export class ProofError extends Error {
  override readonly name = 'ProofError';

  constructor(
    readonly proof: 'inclusion' | 'consistency',
    readonly wanted: string,
    readonly found: string,
  ) {
    super(`${proof} proof: wanted ${wanted}, found ${found}`);
  }
}

/** A state of a log: how many entries it has, and the root over them. */
export interface Known {
  readonly size: bigint;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * Checks that a leaf is in a tree (RFC 9162 §2.1.3.2). The tree's size is to be taken from where its root
 * was: a signed checkpoint.
 *
 * @throws ProofError where the path does not lead from this leaf at this index to this root
 */
export function verifyInclusion(
  leaf: Uint8Array,
  index: bigint,
  tree: Known,
  path: readonly Uint8Array[],
): void {
  if (index < 0n || index >= tree.size) {
    throw new ProofError('inclusion', `a leaf of a log of ${tree.size} entries`, `index ${index}`);
  }
  const sides = wayUp(index, tree.size - 1n);
  checkLength('inclusion', sides.length, path);
  const hash = path.reduce((below, beside, step) => {
    return sides[step] === 'left' ? nodeHash(beside, below) : nodeHash(below, beside);
  }, leaf);
  checkRoot('inclusion', tree, hash);
}

/**
 * Checks that the new tree begins with the old one (RFC 9162 §2.1.4.2). The empty tree is the beginning of
 * every tree, with an empty proof.
 *
 * @throws ProofError where the new tree is the smaller, or the path does not lead to both roots
 */
export function verifyConsistency(old: Known, now: Known, path: readonly Uint8Array[]): void {
  if (old.size > now.size) {
    throw new ProofError('consistency', `a log of at least ${old.size} entries`, `${now.size}`);
  }
  for (const tree of [old, now]) {
    if (tree.size === 0n) {
      checkRoot('consistency', tree, emptyRoot());
    }
  }
  if (old.size === 0n || old.size === now.size) {
    checkLength('consistency', 0, path);
    if (old.size !== 0n) {
      checkRoot('consistency', now, old.root);
    }
    return;
  }
  // The last complete subtree of the old tree is where the ways to both roots begin. A tree of a power of two
  // is that subtree, so that its root need not be sent.
  const level = trailingZeros(old.size);
  const sides = wayUp((old.size - 1n) >> level, (now.size - 1n) >> level);
  const isPower = (old.size & (old.size - 1n)) === 0n;
  checkLength('consistency', sides.length + (isPower ? 0 : 1), path);
  const [start, steps] = isPower ? [old.root, path] : [path[0] ?? old.root, path.slice(1)];
  let oldHash = start;
  let newHash = start;
  for (const [step, beside] of steps.entries()) {
    if (sides[step] === 'left') {
      oldHash = nodeHash(beside, oldHash);
      newHash = nodeHash(beside, newHash);
    } else {
      newHash = nodeHash(newHash, beside);
    }
  }
  checkRoot('consistency', old, oldHash);
  checkRoot('consistency', now, newHash);
}

/** On which side of the way from a node of a level to the root each hash of a path is: RFC 9162's fn and sn. */
function wayUp(node: bigint, last: bigint): ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = [];
  let [at, end] = [node, last];
  while (end !== 0n) {
    // The last node of a level that has no right neighbour is its own parent.
    const isLeft = (at & 1n) === 1n || at === end;
    if (isLeft) {
      const skipped = trailingZeros(at);
      at >>= skipped;
      end >>= skipped;
    }
    sides.push(isLeft ? 'left' : 'right');
    at >>= 1n;
    end >>= 1n;
  }
  return sides;
}

function trailingZeros(value: bigint): bigint {
  let zeros = 0n;
  for (let rest = value; rest !== 0n && (rest & 1n) === 0n; rest >>= 1n) {
    zeros += 1n;
  }
  return zeros;
}

function checkLength(proof: ProofError['proof'], wanted: number, path: readonly Uint8Array[]): void {
  if (path.length !== wanted) {
    throw new ProofError(proof, `${wanted} hashes`, `${path.length}`);
  }
}

function checkRoot(proof: ProofError['proof'], tree: Known, found: Uint8Array): void {
  if (!equal(tree.root, found)) {
    throw new ProofError(proof, `root ${hex(tree.root)} of ${tree.size} entries`, hex(found));
  }
}
