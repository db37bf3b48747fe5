// What a node says that a statement would do: its answer to `diff`, read with care, since it is the
// node's word. Whatever is not as it should be is left out; nothing of it is believed to be a right.

import { fromHex } from '../bytes.js';
import { decodeStatement, statementId } from '../statement.js';
import type { Background, Changed, Effect } from './phrase.js';
import { isKind, type RevokeSaid, type Said } from './said.js';
import { saidOf } from './said_of.js';

/** What of a `diff` answer people are told beside the preview. */
export interface Notes {
  /** Why the node would not take the statement of whoever asks. */
  refused?: string | undefined;
  /** A grantee that has not joined, as far as the node knows. */
  unknown?: string | undefined;
  /** Topics and changes that the node did not look at or did not tell. */
  leftOut: number;
  /** Sessions that would be cut. */
  sessions: number;
  /** Topic trees that would be sealed to a new key. */
  keys: { tree: string; epoch: number }[];
}

/** One field of a document. */
export function field(document: unknown, name: string): unknown {
  return typeof document === 'object' && document !== null && !Array.isArray(document)
    ? (document as Record<string, unknown>)[name]
    : undefined;
}

function text(document: unknown, name: string): string | undefined {
  const found = field(document, name);
  return typeof found === 'string' ? found : undefined;
}

function count(document: unknown, name: string): number {
  const found = field(document, name);
  return typeof found === 'number' && Number.isFinite(found) ? found : 0;
}

function list(document: unknown, name: string): unknown[] {
  const found = field(document, name);
  return Array.isArray(found) ? found : [];
}

/** What would change for whom; undefined where the node does not say, or would refuse it. */
export function effectOf(answer: unknown): Effect | undefined {
  const isTold = Array.isArray(field(answer, 'opened')) && Array.isArray(field(answer, 'closed'));
  if (!isTold) return undefined;
  const [opened, closed] = [list(answer, 'opened').flatMap(changed), list(answer, 'closed').flatMap(changed)];
  const isNothing = opened.length === 0 && closed.length === 0;
  return isNothing && text(answer, 'refused') !== undefined ? undefined : { opened, closed };
}

function changed(entry: unknown): Changed[] {
  const [principal, actions, topic] = [
    text(entry, 'principal'),
    text(entry, 'actions'),
    text(entry, 'topic'),
  ];
  if (principal === undefined || actions === undefined || topic === undefined) return [];
  return [{ principal, actions: actions.split(','), topic }];
}

/**
 * What a preview needs to know beside the statement.
 *
 * @param said - the statement that is previewed: what it ends is told only where it is what its id names
 */
export function backgroundOf(answer: unknown, now: number, said?: Said): Background {
  const kind = text(answer, 'grantee_kind');
  return {
    now,
    kind: kind !== undefined && isKind(kind) ? kind : undefined,
    holder: text(answer, 'holder'),
    revoked: said?.kind === 'revoke' ? endedBy(answer, said) : undefined,
    effect: effectOf(answer),
  };
}

/** What the statement says that would end; undefined where the node shows another than the one that is named. */
function endedBy(answer: unknown, { target }: RevokeSaid): Said | undefined {
  const encoded = text(answer, 'ends');
  if (encoded === undefined || !('statement' in target)) return undefined;
  try {
    const statement = decodeStatement(fromHex(encoded));
    return statementId(statement) === target.statement ? saidOf(statement.body) : undefined;
  } catch {
    return undefined;
  }
}

/** What may be a slip of the pen, and what was not looked at. */
export function notesOf(answer: unknown): Notes {
  return {
    refused: text(answer, 'refused'),
    unknown: text(answer, 'unknown'),
    leftOut: count(answer, 'left_out') + count(answer, 'topics_left_out'),
    sessions: count(answer, 'sessions'),
    keys: list(answer, 'keys').flatMap((key) => {
      const tree = text(key, 'tree');
      return tree === undefined ? [] : [{ tree, epoch: count(key, 'epoch') }];
    }),
  };
}
