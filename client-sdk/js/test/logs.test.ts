// Holding a node to one history: proofs, signed notes, and what a node may not show.

import { beforeEach, describe, expect, test } from 'vitest';
import { hex, utf8 } from '../src/bytes.js';
import { ParseError } from '../src/decode_error.js';
import type { AnswerBody, Question } from '../src/link.js';
import { Refusal } from '../src/refusal.js';
import { type Statement, statementId } from '../src/statement.js';
import {
  checkpointOf,
  formatCheckpoint,
  fromBase64,
  type NoteKey,
  parseCheckpoint,
  parseNote,
  signNote,
  toBase64,
  verifyNote,
} from '../src/tlog/note.js';
import { ProofError, verifyConsistency, verifyInclusion } from '../src/tlog/proof.js';
import { emptyRoot, Frontier, leafHash } from '../src/tlog/tree.js';
import { Logs, MemoryNotebook } from '../src/trust/logs.js';
import { LogNode, NOW, Tree } from './log_node.js';
import { identity, Organisation } from './world.js';

const grown = (size: number) => new Tree(Array.from({ length: size }, (_, at) => leafHash(utf8(`${at}`))));

describe('proofs', () => {
  test('of every leaf in every tree hold, and of no other place or tree', () => {
    for (let size = 1; size <= 33; size += 1) {
      const tree = grown(size);
      for (let index = 0; index < size; index += 1) {
        const leaf = tree.leaves[index] ?? emptyRoot();
        const path = tree.inclusion(index);
        verifyInclusion(leaf, BigInt(index), tree.known(), path);
        const wrong = [
          () => verifyInclusion(leaf, BigInt(index), tree.known(), [...path, leaf]),
          () => verifyInclusion(leafHash(utf8('other')), BigInt(index), tree.known(), path),
          () =>
            verifyInclusion(leaf, BigInt(index), { ...tree.known(), root: leafHash(utf8('other')) }, path),
          () => verifyInclusion(leaf, BigInt(size), tree.known(), path),
        ];
        for (const attempt of wrong) {
          expect(attempt).toThrow(ProofError);
        }
      }
    }
  });

  test('that a tree begins with another hold for every two sizes, and for no others', () => {
    for (let size = 0; size <= 33; size += 1) {
      const tree = grown(size);
      for (let old = 0; old <= size; old += 1) {
        const path = old === 0 ? [] : tree.consistency(old);
        verifyConsistency(tree.known(old), tree.known(), path);
        const other = { size: BigInt(old), root: leafHash(utf8('other')) };
        expect(() => verifyConsistency(other, tree.known(), path)).toThrow(ProofError);
        expect(() => verifyConsistency(tree.known(old), tree.known(), [...path, emptyRoot()])).toThrow(
          ProofError,
        );
      }
      expect(() => verifyConsistency(grown(size + 1).known(), tree.known(), [])).toThrow(ProofError);
    }
  });

  test('a frontier has the root of the tree', () => {
    const frontier = new Frontier();
    for (let size = 0; size <= 70; size += 1) {
      expect(hex(frontier.root())).toBe(hex(grown(size).root()));
      expect(frontier.size).toBe(BigInt(size));
      frontier.append(utf8(`${size}`));
    }
  });
});

describe('signed notes', () => {
  test('of others are read: the vector of C2SP signed-note', async () => {
    const text = 'This is an example message.\n';
    const signer = await identity();
    const key: NoteKey = { name: 'example.com/foo', kind: 'log', publicKey: signer.publicKey };
    const note = parseNote(`${text}\n${await signNote(text, key, (message) => signer.sign(message))}`);
    expect(await verifyNote(note, key)).toEqual({ timeUs: undefined });
    await expect(verifyNote({ ...note, text: 'Another.\n' }, key)).rejects.toThrow(ParseError);
    await expect(verifyNote(note, { ...key, name: 'example.com/bar' })).rejects.toThrow(/none/);
    await expect(verifyNote(note, { ...key, publicKey: new Uint8Array(32) })).rejects.toThrow(ParseError);
  });

  test('that are none are refused', () => {
    const line = `— a ${toBase64(new Uint8Array(68))}\n`;
    const bad = [
      '',
      'a',
      'a\n',
      'a\n\n',
      'a\n\n— a',
      `a\n\n${line.slice(0, -1)}`,
      `a\n\n${line}x`,
      `\u0001\n\n${line}`,
      `a\n\n— a+b ${toBase64(new Uint8Array(68))}\n`,
      'a\n\n— a AAAA\n',
      'a\n\n— a AAAAAA\n',
    ];
    for (const text of bad) {
      expect(() => parseNote(text), JSON.stringify(text)).toThrow(ParseError);
    }
    expect(parseNote(`a\n\n${line}`).text).toBe('a\n');
  });

  test('hold a checkpoint of one form only', () => {
    const root = new Uint8Array(32).fill(3);
    const checkpoint = { origin: 'sekisho/a/control', size: 17n, root };
    expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    const encoded = toBase64(root);
    for (const text of [
      '',
      'a\n',
      'a\n1\n',
      `\n1\n${encoded}\n`,
      `a\n01\n${encoded}\n`,
      `a\n-1\n${encoded}\n`,
      `a\n1\n${encoded}`,
      `a\n18446744073709551616\n${encoded}\n`,
      `a\n1\n${encoded}\n\n`,
    ]) {
      expect(() => parseCheckpoint(text), JSON.stringify(text)).toThrow(ParseError);
    }
    expect(fromBase64('AAB=')).toBeUndefined();
  });
});

describe('a node', () => {
  let city: Organisation;
  let node: LogNode;
  let notebook: MemoryNotebook;
  let logs: Logs;
  let statements: Statement[];

  beforeEach(async () => {
    city = await Organisation.found('fujisawa');
    node = new LogNode(city.node);
    notebook = new MemoryNotebook();
    logs = new Logs({ organisation: 'fujisawa', nodeKey: city.node.publicKey, notebook, now: () => NOW });
    statements = [...city.beginnings];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      statements.push(await city.principal(name, await identity()));
    }
    node.add(...statements.slice(0, 4));
  });

  test('is believed as its log grows, and what is believed is kept', async () => {
    expect((await logs.checkOwn(node)).size).toBe(4n);
    node.add(...statements.slice(4, 6));
    expect((await logs.checkOwn(node)).size).toBe(6n);
    expect(parseCheckpoint(parseNote((await notebook.last(node.name)) ?? '').text).size).toBe(6n);
    expect(await logs.trusted(logs.own)).toMatchObject({ size: 6n });
  });

  test('is not believed where the log was rolled back', async () => {
    await logs.checkOwn(node);
    node.entries.pop();
    await expect(logs.checkOwn(node)).rejects.toMatchObject({ fault: 'rolled-back', isRewritten: true });
  });

  test('is not believed where the log was forked', async () => {
    await logs.checkOwn(node);
    node.entries[1] = utf8('another');
    await expect(logs.checkOwn(node)).rejects.toMatchObject({ fault: 'forked', isRewritten: true });
  });

  test('is not believed where the log was rewritten and has grown', async () => {
    await logs.checkOwn(node);
    node.entries[1] = utf8('another');
    node.add(...statements.slice(4));
    await expect(logs.checkOwn(node)).rejects.toMatchObject({ fault: 'inconsistent', isRewritten: true });
  });

  test('is not believed where it shows the log as it was long ago, or does not say when', async () => {
    node.seconds -= 15n * 60n + 1n;
    await expect(logs.checkOwn(node)).rejects.toMatchObject({ fault: 'frozen', isRewritten: false });
    node.seconds += 1n;
    expect((await logs.checkOwn(node)).size).toBe(4n);
    const undated = new LogNode(city.node);
    undated.add(...statements);
    const note = await undated.note();
    const cut = {
      query: async (question: Question): Promise<AnswerBody> => {
        const answer = await undated.query(question);
        if (answer.case !== 'checkpoint') {
          return answer;
        }
        const withoutTime = note.split('\n').slice(0, -2).join('\n');
        return { case: 'checkpoint', value: { ...answer.value, note: `${withoutTime}\n` } };
      },
    };
    await expect(logs.checkOwn(cut)).rejects.toMatchObject({ fault: 'undated' });
  });

  test('is not believed where another key signed, or it is another log', async () => {
    node.signer = await identity();
    await expect(logs.checkOwn(node)).rejects.toMatchObject({ fault: 'checkpoint' });
    const other = new LogNode(city.node, 'sekisho/fujisawa/access');
    other.add(...statements);
    await expect(logs.checkOwn(other)).rejects.toMatchObject({ fault: 'checkpoint' });
    const key: NoteKey = { name: node.name, kind: 'log', publicKey: city.node.publicKey };
    await expect(checkpointOf(parseNote(await other.note()), key)).rejects.toThrow(ParseError);
  });

  test('proves that a statement is in the log, also when that grew a moment ago', async () => {
    await logs.checkOwn(node);
    const id = (at: number) => statementId(statements[at] as Statement);
    expect(await logs.includes(logs.own, id(2), node)).toBe(2n);
    node.add(...statements.slice(4));
    expect(await logs.includes(logs.own, id(5), node)).toBe(5n);
  });

  test('cannot prove what is not there with something else', async () => {
    await logs.checkOwn(node);
    const wanted = statementId(statements[2] as Statement);
    const lying = {
      query: async (question: Question): Promise<AnswerBody> => {
        const other = statements[1] as Statement;
        if (question.case !== 'inclusion') {
          return node.query(question);
        }
        const id = Uint8Array.from(Buffer.from(statementId(other), 'hex'));
        return node.query({ case: 'inclusion', value: { ...question.value, statement: id } });
      },
    };
    await expect(logs.includes(logs.own, wanted, lying)).rejects.toMatchObject({ fault: 'other-entry' });
    const elsewhere = {
      query: async (question: Question): Promise<AnswerBody> => {
        const answer = await node.query(question);
        return answer.case === 'inclusion'
          ? { case: 'inclusion', value: { ...answer.value, index: answer.value.index + 1n } }
          : answer;
      },
    };
    await expect(logs.includes(logs.own, wanted, elsewhere)).rejects.toMatchObject({ fault: 'inclusion' });
  });

  test('says that it is busy, which is no answer', async () => {
    const busy = { query: () => Promise.reject(new Refusal(44, 'question', 'too many')) };
    await expect(logs.checkOwn(busy)).rejects.toBeInstanceOf(Refusal);
    const refusing = { query: () => Promise.reject(new Refusal(14, 'question', 'no right')) };
    await expect(logs.checkOwn(refusing)).rejects.toMatchObject({ fault: 'no-checkpoint' });
  });
});
