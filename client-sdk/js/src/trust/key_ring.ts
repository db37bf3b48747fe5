// The epochs' keys that were granted to a client, shared by all of its subscriptions.

import { filterMatches } from '../filter.js';
import type { KemKeys } from '../seal/kem.js';
import type { Opener } from '../seal/opener.js';

/** Which statement gave a key. */
export interface KeyGrantSource {
  /** What it was given for. */
  readonly purpose: string;
  /** The topics of the epoch, a filter. */
  readonly tree: string;
  readonly epoch: bigint;
  /** The statement's id. */
  readonly statement: string;
}

/** What opens a stream's envelopes, and which statement gave the key. */
export interface KeySource extends KeyGrantSource {
  readonly opener: Opener;
}

/** An epoch's keys, and which statement gave them. */
export interface HeldKeys extends KeyGrantSource {
  readonly keys: KemKeys;
}

/** Epochs' keys remembered before all are asked for again; an epoch lasts hours at least. */
const KEYS_MAX = 4096;

/** See the file. */
export class KeyRing {
  private readonly held = new Map<string, HeldKeys>();

  /** Those of the epoch's number of every tree that holds the topic. */
  of(topic: string, epoch: bigint): HeldKeys[] {
    return [...this.held.values()].filter((held) => held.epoch === epoch && filterMatches(held.tree, topic));
  }

  /** Keeps keys that were granted. */
  insert(held: HeldKeys): void {
    if (this.held.size >= KEYS_MAX) {
      this.held.clear();
    }
    this.held.set(`${held.epoch} ${held.tree}`, held);
  }
}
