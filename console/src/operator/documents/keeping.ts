// What is kept and under which keys: the node's answers to `epochs` and `storage`.

import { doc, docs, figure, text, time } from './read';

/** A topic tree's epochs. */
export interface TreeEpochs {
  tree: string;
  epoch?: number | undefined;
  suite?: string | undefined;
  notBefore?: number | undefined;
  notAfter?: number | undefined;
  minEpoch?: number | undefined;
  epochs: number;
  keyHolders: number;
  erased: { epoch: number; time?: number | undefined; reason: string }[];
  erasedCount: number;
}

/** Reads a page of epochs. */
export function epochsOf(value: unknown): { trees: TreeEpochs[]; next?: string | undefined } {
  const page = doc(value);
  const trees = docs(page.trees).map((tree) => ({
    tree: text(tree.tree) ?? '',
    epoch: figure(tree.epoch),
    suite: text(tree.suite),
    notBefore: time(tree.not_before),
    notAfter: time(tree.not_after),
    minEpoch: figure(tree.min_epoch),
    epochs: figure(tree.epochs) ?? 0,
    keyHolders: figure(tree.key_holders) ?? 0,
    erased: docs(tree.erased).map((one) => ({
      epoch: figure(one.epoch) ?? 0,
      time: time(one.time),
      reason: text(one.reason) ?? '',
    })),
    erasedCount: figure(tree.erased_count) ?? 0,
  }));
  return { trees, next: text(page.next) };
}

/** What a topic tree takes. */
export interface TreeStorage {
  tree: string;
  topics: number;
  records: number;
  lastReceived?: number | undefined;
  retentionS?: number | undefined;
}

/** What is kept, and how much may be. */
export interface Storage {
  limits: { name: string; value: number | string }[];
  freeBytes?: number | undefined;
  dataBytes?: number | undefined;
  first?: number | undefined;
  head?: number | undefined;
  controlEntries?: number | undefined;
  accessEntries?: number | undefined;
  trees: TreeStorage[];
  next?: string | undefined;
}

/** Reads a page of storage. */
export function storageOf(value: unknown): Storage {
  const page = doc(value);
  const [disk, logs] = [doc(page.disk), doc(page.logs)];
  const records = doc(logs.records);
  return {
    limits: Object.entries(doc(page.limits)).flatMap(([name, found]) => {
      const isShown = typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean';
      return isShown ? [{ name, value: typeof found === 'number' ? found : String(found) }] : [];
    }),
    freeBytes: figure(disk.free_bytes),
    dataBytes: figure(disk.data_bytes),
    first: figure(records.first),
    head: figure(records.head),
    controlEntries: figure(doc(logs.control).entries),
    accessEntries: figure(doc(logs.access).entries),
    trees: docs(page.trees).map((tree) => ({
      tree: text(tree.tree) ?? '',
      topics: figure(tree.topics) ?? 0,
      records: figure(tree.records) ?? 0,
      lastReceived: time(tree.last_received),
      retentionS: figure(tree.retention_s),
    })),
    next: text(page.next),
  };
}
