// A node's control log, and the Merkle tree over it, for tests of what a node may not show.

import { hex } from '../src/bytes.js';
import type { Identity } from '../src/identity.js';
import type { AnswerBody, Question } from '../src/link.js';
import { encodeLogEntry } from '../src/log_entry.js';
import { Refusal } from '../src/refusal.js';
import { encodeStatement, type Statement, statementId } from '../src/statement.js';
import { formatCheckpoint, signNote } from '../src/tlog/note.js';
import { emptyRoot, leafHash, nodeHash } from '../src/tlog/tree.js';

/** A tree as RFC 9162 defines it, word by word. */
export class Tree {
  constructor(readonly leaves: Uint8Array[]) {}

  root(first = 0, end = this.leaves.length): Uint8Array {
    const count = end - first;
    if (count <= 1) {
      return (count === 1 ? this.leaves[first] : undefined) ?? emptyRoot();
    }
    const middle = first + split(count);
    return nodeHash(this.root(first, middle), this.root(middle, end));
  }

  inclusion(index: number, first = 0, end = this.leaves.length): Uint8Array[] {
    const count = end - first;
    if (count <= 1) {
      return [];
    }
    const middle = first + split(count);
    return index < middle
      ? [...this.inclusion(index, first, middle), this.root(middle, end)]
      : [...this.inclusion(index, middle, end), this.root(first, middle)];
  }

  consistency(old: number, first = 0, end = this.leaves.length, isWhole = true): Uint8Array[] {
    const count = end - first;
    if (old === count) {
      return isWhole ? [] : [this.root(first, end)];
    }
    const half = split(count);
    return old <= half
      ? [...this.consistency(old, first, first + half, isWhole), this.root(first + half, end)]
      : [...this.consistency(old - half, first + half, end, false), this.root(first, first + half)];
  }

  known(size = this.leaves.length) {
    return { size: BigInt(size), root: this.root(0, size) };
  }
}

function split(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

/** When everything is received. */
export const NOW = 1_700_000_000_000_000n;

/** A node with a control log, which shows what it is told to. */
export class LogNode {
  readonly entries: Uint8Array[] = [];
  private readonly ids = new Map<string, string>();
  seconds = NOW / 1_000_000n;
  signer: Identity;

  constructor(
    readonly key: Identity,
    readonly name = 'sekisho/fujisawa/control',
  ) {
    this.signer = key;
  }

  get tree(): Tree {
    return new Tree(this.entries.map(leafHash));
  }

  add(...statements: Statement[]): void {
    for (const statement of statements) {
      const entry = encodeLogEntry({ receivedUs: NOW, statement: encodeStatement(statement) });
      this.ids.set(hex(entry), statementId(statement));
      this.entries.push(entry);
    }
  }

  async note(): Promise<string> {
    const text = formatCheckpoint({ origin: this.name, ...this.tree.known() });
    const sign = (message: Uint8Array) => this.signer.sign(message);
    const log = await signNote(
      text,
      { name: this.name, kind: 'log', publicKey: this.signer.publicKey },
      sign,
    );
    const node = {
      name: 'sekisho/fujisawa/node',
      kind: 'cosigner',
      publicKey: this.signer.publicKey,
    } as const;
    return `${text}\n${log}${await signNote(text, node, sign, this.seconds)}`;
  }

  async query(question: Question): Promise<AnswerBody> {
    if (question.case === 'checkpoint') {
      const old = Number(question.value.oldSize ?? 0n);
      const consistency = old === 0 || old >= this.entries.length ? [] : this.tree.consistency(old);
      const value = {
        $typeName: 'sekisho.v1.CheckpointAnswer',
        note: await this.note(),
        consistency,
      } as const;
      return { case: 'checkpoint', value };
    }
    if (question.case !== 'inclusion') {
      throw new Refusal(40, 'question', 'unknown');
    }
    const wanted = hex(question.value.statement ?? new Uint8Array(0));
    const index = this.entries.findIndex((entry) => this.ids.get(hex(entry)) === wanted);
    const size = Number(question.value.size ?? 0n);
    if (index < 0 || index >= size) {
      throw new Refusal(40, 'statement', 'not in the log');
    }
    const path = new Tree(this.tree.leaves.slice(0, size)).inclusion(index);
    const entry = this.entries[index] ?? new Uint8Array(0);
    return {
      case: 'inclusion',
      value: { $typeName: 'sekisho.v1.InclusionAnswer', index: BigInt(index), entry, path },
    };
  }
}
