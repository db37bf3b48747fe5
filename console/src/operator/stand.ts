// What stands in the control log, read from the statements themselves: who has joined, which grants,
// roles and descriptions there are, and which of them have ended. Whether a right holds at this moment is
// for `who` and `why`: a grant may also end with whoever gave it.

import type {
  DenySaid,
  GrantSaid,
  PeeringSaid,
  PrincipalSaid,
  RoleSaid,
  Said,
  StreamSaid,
} from '@sekisho/client/preview';

/** A statement in the log. */
export interface Line {
  index: number;
  /** The statement's id. */
  id: string;
  said: Said;
  /** When it was logged, milliseconds. */
  received: number;
  /** Whose keys signed it. */
  signers: string[];
}

/** A principal's key. */
export interface Key {
  id: string;
  said: PrincipalSaid;
  index: number;
  statement: string;
  /** The index of the statement that ended it. */
  endedBy?: number | undefined;
}

/** What stands. */
export interface Stand {
  lines: Line[];
  /** By a statement's id, the index of what ended it. */
  ended: Map<string, number>;
  /** By a key's fingerprint. */
  keys: Map<string, Key>;
  /** Of each topic, the newest description. */
  streams: Map<string, StreamSaid>;
}

/** Nothing yet. */
export function emptyStand(): Stand {
  return { lines: [], ended: new Map(), keys: new Map(), streams: new Map() };
}

/** Takes in more of the log, in place: a long log is read page by page. Repetitions are passed over. */
export function takeIn(stand: Stand, lines: readonly Line[]): void {
  for (const line of lines) {
    if (line.index < stand.lines.length) continue;
    stand.lines.push(line);
    const { said } = line;
    if (said.kind === 'principal') {
      stand.keys.set(said.id, { id: said.id, said, index: line.index, statement: line.id });
    } else if (said.kind === 'stream-descriptor') {
      stand.streams.set(said.topic, said);
    } else if (said.kind === 'revoke') {
      takeBack(stand, said.target, line.index);
    }
  }
}

function takeBack(stand: Stand, target: { statement: string } | { principal: string }, index: number): void {
  if ('statement' in target) {
    stand.ended.set(target.statement, index);
    const key = [...stand.keys.values()].find((one) => one.statement === target.statement);
    if (key !== undefined) key.endedBy = index;
    return;
  }
  const key = stand.keys.get(target.principal);
  if (key !== undefined) key.endedBy = index;
}

/** Whether a statement was taken back or has run out. */
export function hasEnded(stand: Stand, line: Line, now: number): boolean {
  const until = 'until' in line.said ? line.said.until : undefined;
  return stand.ended.has(line.id) || (until !== undefined && until <= now);
}

/** The statements of one kind, newest first. */
function ofKind<K extends Said['kind']>(
  stand: Stand,
  kind: K,
): (Line & { said: Extract<Said, { kind: K }> })[] {
  const all = stand.lines.filter(
    (line): line is Line & { said: Extract<Said, { kind: K }> } => line.said.kind === kind,
  );
  return all.reverse();
}

/** Grants and denies that were neither taken back nor have run out, newest first. */
export function standing(stand: Stand, now: number): (Line & { said: GrantSaid | DenySaid })[] {
  const all: (Line & { said: GrantSaid | DenySaid })[] = [
    ...ofKind(stand, 'grant'),
    ...ofKind(stand, 'deny'),
  ];
  return all.filter((line) => !hasEnded(stand, line, now)).sort((one, other) => other.index - one.index);
}

/** Who has which role, by what was neither taken back nor has run out. */
export function members(stand: Stand, now: number): (Line & { said: RoleSaid })[] {
  return ofKind(stand, 'role').filter((line) => !hasEnded(stand, line, now));
}

/** Contracts that were neither taken back nor have run out. */
export function contracts(stand: Stand, now: number): (Line & { said: PeeringSaid })[] {
  return ofKind(stand, 'peering').filter((line) => !hasEnded(stand, line, now));
}

/** Every key in force, by name. */
export function present(stand: Stand, now: number): Key[] {
  const all = [...stand.keys.values()].filter((key) => {
    const { until } = key.said;
    return key.endedBy === undefined && (until === undefined || until > now);
  });
  return all.sort((one, other) => one.said.name.localeCompare(other.said.name, 'en', { numeric: true }));
}

/** Every role that anything speaks of, sorted. */
export function roles(stand: Stand): string[] {
  const names = new Set<string>();
  for (const { said } of stand.lines) {
    if (said.kind === 'role') names.add(said.role);
    const grantee = said.kind === 'grant' || said.kind === 'deny' ? said.grantee : '';
    if (grantee.startsWith('role/')) names.add(grantee);
  }
  return [...names].sort();
}

/** The name of a key's holder, where it has joined here. */
export function holderOf(stand: Stand, id: string): string | undefined {
  return stand.keys.get(id)?.said.name;
}

/** Topics of class personal, by their newest descriptions. */
export function personalTopics(stand: Stand): Set<string> {
  const personal = [...stand.streams.values()].filter((stream) => stream.class === 'personal');
  return new Set(personal.map((stream) => stream.topic));
}
