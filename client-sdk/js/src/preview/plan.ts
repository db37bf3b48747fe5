// Which facts there are to tell about a statement, and in which order.

import {
  type Back,
  type Background,
  type Change,
  type Changed,
  type Deed,
  type Effect,
  type Most,
  type PassOn,
  type Phrase,
  type Term,
  whoOf,
} from './phrase.js';
import {
  ACTIONS,
  type Action,
  type DenySaid,
  type GrantSaid,
  type PartySaid,
  type PeeringSaid,
  type RevokeSaid,
  type RoleSaid,
  type Said,
  type StreamSaid,
  shortName,
} from './said.js';

/** What the statement says. */
export function phrases(said: Said, background: Background): Phrase[] {
  switch (said.kind) {
    case 'grant':
      return ofGrant(said, background);
    case 'deny':
      return ofDeny(said, background);
    case 'role':
      return [ofRole(said, background)];
    case 'revoke':
      return ofRevoke(said, background);
    case 'stream-descriptor':
      return ofStream(said);
    case 'peering':
      return terms(said, background.now).map((term) => ({ is: 'term', term }));
    case 'principal':
      return said.attested
        ? [{ is: 'attested', name: said.name, kind: said.principalKind }]
        : [{ is: 'plain', kind: said.kind }];
    default:
      return [{ is: 'plain', kind: said.kind }];
  }
}

function ofGrant(grant: GrantSaid, background: Background): Phrase[] {
  const done = deeds(grant.actions);
  const all: Phrase[] = [
    {
      is: 'may',
      who: whoOf(grant.grantee, background.kind),
      deeds: done,
      filter: grant.filter,
      from: grant.from > background.now ? grant.from : undefined,
      until: grant.until,
      purpose: grant.purpose,
    },
  ];
  if (grant.ratePerS !== undefined) all.push({ is: 'rate', perS: grant.ratePerS });
  const back = backOf(grant);
  const reads = done.some((deed) => deed === 'read' || deed === 'receive');
  if (reads || back.is !== 'not') all.push({ is: 'looks-back', back });
  all.push({ is: 'passes-on', passOn: passOnOf(grant) });
  return all;
}

function backOf(grant: GrantSaid): Back {
  if (!grant.actions.includes('history')) return { is: 'not' };
  return grant.historyFrom === undefined ? { is: 'all' } : { is: 'since', time: grant.historyFrom };
}

function passOnOf(grant: GrantSaid): PassOn {
  const grants = grant.actions.includes('grant');
  if (grants) return grant.onward ? 'both' : 'grant';
  return grant.onward ? 'onward' : 'no';
}

function ofDeny(deny: DenySaid, background: Background): Phrase[] {
  const who = whoOf(deny.grantee, background.kind);
  const wholeTree: Phrase[] = deny.actions.includes('decrypt') ? [{ is: 'whole-tree' }] : [];
  const mayNot: Phrase = { is: 'may-not', who, deeds: denied(deny.actions), filter: deny.filter };
  return [mayNot, ...wholeTree, ...reason(deny.reason)];
}

function ofRole(role: RoleSaid, background: Background): Phrase {
  return {
    is: 'has-role',
    who: whoOf(role.member, background.kind),
    role: shortName(role.role).replace(/^role\//, ''),
    organisation: role.organisation,
    from: role.issued > background.now ? role.issued : undefined,
    until: role.until,
  };
}

function ofRevoke(revoke: RevokeSaid, background: Background): Phrase[] {
  const all: Phrase[] = [
    'statement' in revoke.target
      ? { is: 'ends-statement', id: revoke.target.statement }
      : { is: 'ends-key', id: revoke.target.principal, holder: background.holder },
  ];
  if (background.revoked) {
    // As it was said when it was made: then, its beginning was still to come.
    const then: Background = { now: Number.NEGATIVE_INFINITY, kind: background.kind };
    const [said] = phrases(background.revoked, then);
    if (said) all.push({ is: 'said', said });
  }
  return [...all, ...reason(revoke.reason)];
}

function ofStream(stream: StreamSaid): Phrase[] {
  const all: Phrase[] = [{ is: 'stream', topic: stream.topic, class: stream.class }];
  const { deviceType, title, mobile } = stream;
  if (deviceType !== '' || title !== '' || mobile) all.push({ is: 'device', deviceType, title, mobile });
  if (stream.transducers.length > 0) all.push({ is: 'carries', all: stream.transducers });
  if (stream.retentionS !== undefined) all.push({ is: 'kept', seconds: stream.retentionS });
  return all;
}

function reason(text: string): Phrase[] {
  return text === '' ? [] : [{ is: 'reason', reason: text }];
}

/** What a set of actions amounts to. Who may subscribe may discover; that is not told apart. */
export function deeds(actions: readonly Action[]): Deed[] {
  const has = (action: Action) => actions.includes(action);
  const [subscribe, history, opens] = [has('subscribe'), has('history'), has('decrypt')];
  const all: [boolean, Deed][] = [
    [has('publish'), 'publish'],
    [subscribe && opens, 'read'],
    [subscribe && !opens, 'receive'],
    [!subscribe && history && opens, 'look-back'],
    [!subscribe && history && !opens, 'look-back-sealed'],
    [!subscribe && !history && opens, 'open'],
    [has('discover') && !subscribe, 'discover'],
    [has('grant'), 'grant'],
    [has('bridge'), 'bridge'],
    [has('administer'), 'administer'],
  ];
  return all.filter(([is]) => is).map(([, deed]) => deed);
}

const DENIED: Record<Action, Deed> = {
  publish: 'publish',
  // Nobody reads who may not receive; and history goes with it.
  subscribe: 'read',
  history: 'look-back',
  decrypt: 'open',
  discover: 'discover',
  grant: 'grant',
  bridge: 'bridge',
  administer: 'administer',
};

/** What is forbidden: each action by itself, for a deny of one part takes the whole deed away. */
export function denied(actions: readonly Action[]): Deed[] {
  const reads = actions.includes('subscribe');
  const within = (action: Action) => action === 'history' || action === 'decrypt';
  return ACTIONS.filter((action) => actions.includes(action) && !(reads && within(action))).map(
    (action) => DENIED[action],
  );
}

/** What changes on the topics of today. */
export function effects(said: Said, background: Background, effect: Effect): Phrase[] {
  if (effect.opened.length === 0 && effect.closed.length === 0) return [{ is: 'changes-nothing' }];
  const named = namedBy(background.revoked ?? said) ?? background.holder;
  return [
    ...changes(effect.opened, named).map((change): Phrase => ({ is: 'opens', change })),
    ...changes(effect.closed, named).map((change): Phrase => ({ is: 'closes', change })),
  ];
}

/** The one principal that a statement names, if it does. */
function namedBy(said: Said): string | undefined {
  const grantee =
    said.kind === 'grant' || said.kind === 'deny'
      ? said.grantee
      : said.kind === 'role'
        ? said.member
        : undefined;
  return grantee !== undefined && whoOf(grantee).is === 'one' ? grantee : undefined;
}

/** The deeds by which changes are told, and the actions of each: a change counts under the first. */
const TOLD: [Deed, Action[]][] = [
  ['read', ['subscribe', 'decrypt']],
  ['look-back', ['history']],
  ['publish', ['publish']],
  ['bridge', ['bridge']],
  ['grant', ['grant']],
  ['administer', ['administer']],
];

function changes(changed: Changed[], named: string | undefined): Change[] {
  const hasAny = (change: Changed, actions: Action[]) =>
    actions.some((action) => change.actions.includes(action));
  const told: Change[] = [];
  for (const [deed, actions] of TOLD) {
    // Whoever may read anew may as well look back: that is said in a sentence of its own.
    const among = changed.filter(
      (change) =>
        hasAny(change, actions) && (deed !== 'look-back' || !hasAny(change, ['subscribe', 'decrypt'])),
    );
    if (among.length > 0) told.push(changeOf(deed, among, named));
  }
  if (told.length === 0 && changed.length > 0) told.push(changeOf('discover', changed, named));
  return told;
}

function changeOf(deed: Deed, among: Changed[], named: string | undefined): Change {
  const topics = [...new Set(among.map((change) => change.topic))].sort(byBytes);
  const people = new Set(among.map((change) => change.principal));
  const isNamed = people.size === 1 && named !== undefined && people.has(named);
  return { deed, topics, people: isNamed ? undefined : people.size };
}

const ENCODER = new TextEncoder();

/** As the command line orders topics: by their bytes, not by a language. */
function byBytes(left: string, right: string): number {
  const [one, other] = [ENCODER.encode(left), ENCODER.encode(right)];
  for (let place = 0; place < Math.min(one.length, other.length); place += 1) {
    const difference = (one[place] ?? 0) - (other[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Everything a contract says, of one party after the other. */
export function terms(contract: PeeringSaid, now: number): Term[] {
  const [left, right] = contract.parties;
  const all: Term[] = [
    {
      term: 'between',
      parties: [left.organisation, right.organisation],
      from: contract.from > now ? contract.from : undefined,
      until: contract.until,
      purposes: contract.purposes,
    },
  ];
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    all.push(...termsOf(one, other));
  }
  return all;
}

function termsOf(one: PartySaid, other: PartySaid): Term[] {
  const [owner, taker] = [one.organisation, other.organisation];
  const all: Term[] = shared(one, other);
  for (const transit of one.passesOn) {
    const { organisation, root, filters } = transit;
    all.push({ term: 'passes-on', via: owner, taker, owner: organisation, root, filters });
  }
  if (one.carriesHome.length > 0) {
    all.push({ term: 'carries-home', carrier: owner, home: taker, filters: one.carriesHome });
  }
  for (const most of limits(one)) all.push({ term: 'limit', of: owner, by: taker, most });
  return all;
}

/** What one offers and the other takes of it. */
function shared(one: PartySaid, other: PartySaid): Term[] {
  const [offered, taken] = [one.exports, other.imports];
  if (offered.length === 0 && taken.length === 0) return [];
  const [owner, taker] = [one.organisation, other.organisation];
  const all: Term[] = [{ term: 'offers', owner, taker, filters: offered }];
  const isSame = offered.length === taken.length && offered.every((filter, at) => filter === taken[at]);
  if (!isSame) all.push({ term: 'takes', owner, taker, filters: taken });
  if (offered.length > 0) all.push({ term: 'onward', taker, onward: one.onward });
  return all;
}

function limits(party: PartySaid): Most[] {
  const all: [Most['of'], number | undefined][] = [
    ['bytes', party.bytesPerS],
    ['envelopes', party.envelopesPerS],
    ['interests', party.interests],
    ['history-bytes', party.historyBytesPerS],
  ];
  return all.flatMap(([of, number]) => (number === undefined ? [] : [{ of, number }]));
}
