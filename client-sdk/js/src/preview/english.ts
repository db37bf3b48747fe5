// Previews in English.

import { momentOf, two } from './calendar.js';
import { sayTerm } from './contract_english.js';
import type { Danger } from './danger.js';
import type { Change, Deed, PassOn, Phrase, Voice, Who } from './phrase.js';
import { shown } from './phrase.js';
import { organisationOf, type PrincipalKind, type StreamClass, shortHash, shortName } from './said.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_S = 86_400;

/** English. */
export const english: Voice = {
  say,
  paragraph: (sentences) => sentences.join(' '),
};

function say(phrase: Phrase): string {
  switch (phrase.is) {
    case 'may': {
      const what = list(phrase.deeds.map(verb), 'and');
      const purpose = phrase.purpose === '' ? '' : `, for “${phrase.purpose}”`;
      const [from, until] = [since(phrase.from), ending(phrase.until)];
      return `${who(phrase.who)} can ${what} ${phrase.filter} ${from}${purpose}, ${until}.`;
    }
    case 'may-not': {
      const what = list(phrase.deeds.map(verb), 'or');
      const subject = who(phrase.who);
      return `${subject} cannot ${what} ${phrase.filter}, whatever is granted, until this is revoked.`;
    }
    case 'has-role': {
      const [from, until] = [since(phrase.from), ending(phrase.until)];
      return `${who(phrase.who)} has the role “${phrase.role}” of ${phrase.organisation} ${from}, ${until}.`;
    }
    case 'looks-back':
      if (phrase.back.is === 'not') return 'They cannot look back at what came before.';
      if (phrase.back.is === 'all') return 'They can look back at everything that is still kept.';
      return `They can look back at what was received since ${date(phrase.back.time)}.`;
    case 'passes-on':
      return PASSES_ON[phrase.passOn];
    case 'rate':
      return phrase.perS === 1
        ? 'They can send at most 1 envelope per second.'
        : `They can send at most ${phrase.perS} envelopes per second.`;
    case 'said':
      return `It said: ${say(phrase.said)}`;
    case 'reason':
      return `Reason: “${phrase.reason}”.`;
    case 'term':
      return sayTerm(phrase.term);
    case 'plain':
      return `This is a statement of the kind “${phrase.kind}”.`;
    case 'danger':
      return `Careful: ${warning(phrase.danger)}`;
    default:
      return sayThing(phrase);
  }
}

type Thing = Extract<
  Phrase,
  {
    is:
      | 'whole-tree'
      | 'ends-statement'
      | 'ends-key'
      | 'stream'
      | 'device'
      | 'carries'
      | 'kept'
      | 'opens'
      | 'closes'
      | 'changes-nothing'
      | 'attested';
  }
>;

function sayThing(phrase: Thing): string {
  switch (phrase.is) {
    case 'whole-tree':
      return (
        'Topics are sealed in trees, with one key for each tree. They get no key any more of any tree that ' +
        'this touches: what else is in it is closed to them as well, until this is revoked.'
      );
    case 'ends-statement':
      return `Statement ${shortHash(phrase.id)} ends now, and with it all that was granted from it.`;
    case 'ends-key': {
      const of = phrase.holder === undefined ? '' : ` of ${named(phrase.holder)}`;
      return (
        `The key ${shortHash(phrase.id)}${of} ends now, for good. Whoever holds it is cut off, and comes ` +
        'back only with a new token.'
      );
    }
    case 'stream':
      return `${phrase.topic} is ${PROTECTION[phrase.class]}`;
    case 'device': {
      const type = phrase.deviceType === '' ? '' : ` of the type “${phrase.deviceType}”`;
      const title = phrase.title === '' ? '' : ` called “${phrase.title}”`;
      return `It comes from a device${type}${title}${phrase.mobile ? ' that moves.' : '.'}`;
    }
    case 'carries':
      return `It carries ${list(
        phrase.all.map((one) => (one.unit === '' ? one.name : `${one.name} in ${one.unit}`)),
        'and',
      )}.`;
    case 'kept':
      return `Its records are kept for ${term(phrase.seconds)}.`;
    case 'opens':
      return opens(phrase.change);
    case 'closes':
      return closes(phrase.change);
    case 'changes-nothing':
      return 'On the topics known today it changes nothing.';
    case 'attested': {
      const [subject, home] = [`${KIND[phrase.kind]} ${named(phrase.name)}`, organisationOf(phrase.name)];
      return (
        `${subject} keeps no key: it comes with a user name and a password, and the node of ${home} ` +
        'signs in its place. What it publishes is not sealed: every node that carries it can read it, and ' +
        `whoever controls the node of ${home} can make it up.`
      );
    }
  }
}

function who(one: Who): string {
  switch (one.is) {
    case 'one':
      return one.kind === undefined ? named(one.name) : `${KIND[one.kind]} ${named(one.name)}`;
    case 'everybody':
      return `Everybody of ${one.organisation}`;
    case 'role':
      return `Whoever has the role “${one.name}” of ${one.organisation}`;
  }
}

function named(name: string): string {
  return `“${shortName(name)}” of ${organisationOf(name)}`;
}

const KIND: Record<PrincipalKind, string> = {
  device: 'Device',
  person: 'Person',
  app: 'App',
  bridge: 'Bridge',
  steward: 'Steward',
  node: 'Node',
};

/** With the object behind it. */
function verb(deed: Deed): string {
  return VERBS[deed];
}

const VERBS: Record<Deed, string> = {
  publish: 'publish to',
  read: 'read',
  receive: 'receive but not open',
  open: 'open',
  'look-back': 'look back at',
  'look-back-sealed': 'look back at but not open',
  discover: 'find',
  grant: 'grant others rights to',
  bridge: 'bridge',
  administer: 'administer',
};

const PASSES_ON: Record<PassOn, string> = {
  no: 'They cannot pass it on.',
  onward: 'Their organisation can pass it on to its own peers.',
  grant: 'They can grant it to others, never more than they hold.',
  both:
    'They can grant it to others, never more than they hold, and their organisation can pass it on to ' +
    'its own peers.',
};

const PROTECTION: Record<StreamClass, string> = {
  open:
    'open: signed but not sealed. Every node that carries it can read it, and everybody who may ' +
    'receive it.',
  restricted: 'restricted: it is sealed, and only those who were granted that can open it.',
  personal: 'personal: it is about people, it is sealed, and only those who were granted that can open it.',
};

function opens(change: Change): string {
  const [does, topics, names] = [verb(change.deed), topicsOf(change), namesOf(change)];
  if (change.people === undefined)
    return `This also opens ${topics} they could not ${does} before: ${names}.`;
  const [people, them] = [principals(change.people), themOf(change)];
  return `This also opens ${topics} to ${people} who could not ${does} ${them} before: ${names}.`;
}

function closes(change: Change): string {
  const [does, topics, names] = [verb(change.deed), topicsOf(change), namesOf(change)];
  if (change.people === undefined) return `This closes ${topics} they can ${does} today: ${names}.`;
  const [people, them] = [principals(change.people), themOf(change)];
  return `This closes ${topics} to ${people} who can ${does} ${them} today: ${names}.`;
}

function topicsOf(change: Change): string {
  return change.topics.length === 1 ? '1 topic' : `${change.topics.length} topics`;
}

function themOf(change: Change): string {
  return change.topics.length === 1 ? 'it' : 'them';
}

function principals(people: number): string {
  return people === 1 ? '1 principal' : `${people} principals`;
}

function namesOf(change: Change): string {
  const { named: names, others } = shown(change);
  const rest = others === 0 ? [] : [others === 1 ? '1 other' : `${others} others`];
  return list([...names, ...rest], 'and');
}

function warning(danger: Danger): string {
  switch (danger.danger) {
    case 'every-topic':
      return `this is about every topic of ${danger.organisation}, also of those to come.`;
    case 'everybody':
      return `this is for everybody of ${danger.organisation}, whoever joins there.`;
    case 'grant-right':
      return 'they can grant others what they may do here.';
    case 'administer-right':
      return 'they can make statements about these topics.';
    case 'onward':
      return 'their organisation can pass it on.';
    case 'all-history':
      return 'this includes everything kept so far.';
    case 'travels-on':
      return `topics of ${danger.owner} may travel on to organisations that ${danger.via} chooses.`;
    case 'third-root':
      return (
        `${danger.taker} takes ${danger.via}'s word for who ${danger.owner} is. Compare the root with what ` +
        `${danger.owner} itself says.`
      );
    case 'personal-topics':
      return `this opens data about people: ${list(few(danger.topics), 'and')}.`;
    case 'not-sealed':
      return 'what is published here from now on is not sealed: every node that carries it can read it.';
    case 'own-key':
      return 'this is your own key: you are cut off at once, and nobody can take that back.';
    case 'own-rights':
      return 'you lose the right to administer, and cannot give it back to yourself.';
    case 'steward':
      return 'this is a steward: nobody is given keys and nobody is enrolled until another one is at work.';
    case 'node':
      return 'this is a node: everybody who pins its key is cut off until they accept another.';
    case 'administrator':
      return `${named(danger.name)} loses the right to administer.`;
  }
}

function few(topics: string[]): string[] {
  return topics.length <= 5 ? topics : [...topics.slice(0, 5), `${topics.length - 5} others`];
}

/** From when on. */
export function since(from: number | undefined): string {
  return from === undefined ? 'from now on' : `from ${date(from)}`;
}

/** Until when. */
export function ending(until: number | undefined): string {
  return until === undefined ? 'until it is revoked' : `until ${date(until)}`;
}

function date(time: number): string {
  const { year, month, day, clock } = momentOf(time);
  const text = `${day} ${MONTHS[month - 1] ?? '?'} ${year}`;
  return clock === undefined ? text : `${text} at ${two(clock.hour)}:${two(clock.minute)} UTC`;
}

function term(seconds: number): string {
  const isDays = seconds % DAY_S === 0;
  const [number, unit] = isDays ? [seconds / DAY_S, 'day'] : [seconds, 'second'];
  return number === 1 ? `1 ${unit}` : `${number} ${unit}s`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(all: readonly string[], and: string): string {
  const before = all.slice(0, -1);
  const last = all.at(-1) ?? '';
  return before.length === 0 ? last : `${before.join(', ')} ${and} ${last}`;
}
