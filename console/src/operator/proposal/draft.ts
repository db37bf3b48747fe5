// From the fields of a form to what is to be signed, or to what is wrong with each field. The rules are the
// SDK's, which are the node's: what passes here is well formed, not permitted.

import {
  parseFilter,
  parseGrantee,
  parsePrincipalName,
  parseRole,
  parseTopic,
  parseTransducer,
  parseUnit,
} from '@sekisho/client';
import {
  ACTIONS,
  type DenySaid,
  type GrantSaid,
  isClass,
  type RoleSaid,
  type StreamSaid,
  type TransducerSaid,
} from '@sekisho/client/preview';

/** What stands in a form: texts as they were typed, marks as they were set. */
export type Fields = Record<string, string>;

/** What is wrong, by field. */
export type Faults = Record<string, string>;

/** A sentence, or what is wrong. */
export type Draft<T> = { said: T; faults?: undefined } | { said?: undefined; faults: Faults };

/** What is said of fields in the language of the page; what the SDK's parsers say is said as it is. */
export interface FaultWords {
  /** Of one that has to be filled in and is not. */
  empty: string;
  /** Of actions, where there are none. */
  noActions: string;
  /** Of an end that is not behind the beginning, or is over. */
  endsBefore: string;
}

/** Collects what is wrong while fields are read. */
class Reading {
  readonly faults: Faults = {};

  constructor(
    private readonly fields: Fields,
    private readonly words: FaultWords,
  ) {}

  text(name: string): string {
    return (this.fields[name] ?? '').trim();
  }

  /** A text that a parser of the SDK accepts. */
  parsed(name: string, parse: (text: string) => unknown): string {
    const text = this.text(name);
    if (text === '') {
      this.faults[name] = this.words.empty;
      return text;
    }
    try {
      parse(text);
    } catch (fault) {
      this.faults[name] = fault instanceof Error ? fault.message : String(fault);
    }
    return text;
  }

  /** A time that stands for UTC, in milliseconds; undefined where the field is empty. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === '') return undefined;
    const time = Date.parse(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
    if (Number.isFinite(time)) return time;
    this.faults[name] = `${name}: wanted a day and time, found ${text}`;
    return undefined;
  }

  /** An end that is behind the beginning, and is not over. */
  until(begin: number, now: number): number | undefined {
    const end = this.time('until');
    if (end !== undefined && end <= Math.max(begin, now)) this.faults.until = this.words.endsBefore;
    return end;
  }

  /** A number within bounds; undefined where the field is empty. */
  number(name: string, least: number, most: number, isWhole: boolean): number | undefined {
    const text = this.text(name);
    if (text === '') return undefined;
    const number = Number(text);
    const isFine = number >= least && number <= most && (!isWhole || Number.isInteger(number));
    if (isFine) return number;
    const wanted = `${isWhole ? 'a whole number' : 'a number'} from ${least} to ${most}`;
    this.faults[name] = `${name}: wanted ${wanted}, found ${text}`;
    return undefined;
  }

  isSet(name: string): boolean {
    return this.fields[name] === 'yes';
  }

  actions(): GrantSaid['actions'] {
    const chosen = ACTIONS.filter((action) => this.isSet(`action-${action}`));
    if (chosen.length === 0) this.faults.actions = this.words.noActions;
    return chosen;
  }

  end<T>(said: T): Draft<T> {
    return Object.keys(this.faults).length === 0 ? { said } : { faults: this.faults };
  }
}

/** Topics of one's own organisation: nobody grants what is another's. */
function ownFilter(organisation: string): (text: string) => void {
  return (text) => {
    parseFilter(text);
    if (text.split('/')[0] !== organisation) {
      throw new Error(`filter: wanted topics of ${organisation}, found ${text}`);
    }
  };
}

/** What is wrong with an invitation: its name, and the filters of what it may publish and read. */
export function invitationFaults(
  offer: { name: string; publish: readonly string[]; read: readonly string[] },
  organisation: string,
): Faults {
  const faults: Faults = {};
  const check = (field: string, text: string, parse: (text: string) => unknown) => {
    try {
      parse(text);
    } catch (fault) {
      faults[field] ??= fault instanceof Error ? fault.message : String(fault);
    }
  };
  check('name', offer.name, parsePrincipalName);
  for (const filter of offer.publish) check('publish', filter, ownFilter(organisation));
  for (const filter of offer.read) check('read', filter, ownFilter(organisation));
  return faults;
}

/** A grant. `now` is when it is made, milliseconds. */
export function grantOf(
  fields: Fields,
  organisation: string,
  now: number,
  words: FaultWords,
): Draft<GrantSaid> {
  const read = new Reading(fields, words);
  const actions = read.actions();
  const from = read.time('from');
  return read.end({
    kind: 'grant',
    organisation,
    grantee: read.parsed('grantee', parseGrantee),
    actions,
    filter: read.parsed('filter', ownFilter(organisation)),
    purpose: read.text('purpose'),
    issued: now,
    from: from ?? now,
    until: read.until(from ?? now, now),
    historyFrom: actions.includes('history') ? read.time('historyFrom') : undefined,
    onward: read.isSet('onward'),
    ratePerS: read.number('rate', 1, 1_000_000, true),
  });
}

/** A deny. */
export function denyOf(
  fields: Fields,
  organisation: string,
  now: number,
  words: FaultWords,
): Draft<DenySaid> {
  const read = new Reading(fields, words);
  return read.end({
    kind: 'deny',
    organisation,
    grantee: read.parsed('grantee', parseGrantee),
    actions: read.actions(),
    filter: read.parsed('filter', ownFilter(organisation)),
    reason: read.text('reason'),
    issued: now,
  });
}

/** A role as people write it: family, family@fujisawa or role/family@fujisawa. */
export function roleName(text: string, organisation: string): string {
  const short = text.trim().replace(/^role\//, '');
  return short.includes('@') ? `role/${short}` : `role/${short}@${organisation}`;
}

/** That somebody has a role. */
export function roleOf(
  fields: Fields,
  organisation: string,
  now: number,
  words: FaultWords,
): Draft<RoleSaid> {
  const read = new Reading(fields, words);
  read.parsed('role', (text) => {
    const role = parseRole(roleName(text, organisation));
    if (role.organisation !== organisation)
      throw new Error(`role: wanted one of ${organisation}, found ${text}`);
  });
  return read.end({
    kind: 'role',
    organisation,
    role: roleName(read.text('role'), organisation),
    member: read.parsed('member', (text) => {
      if (parseGrantee(text).kind === 'role') {
        throw new Error(`member: wanted a principal or an organisation, found ${text}`);
      }
    }),
    issued: now,
    until: read.until(now, now),
  });
}

/** What is to end: a statement, or everything of a name. */
export type Target = { statement: string } | { name: string };

/** What a revocation is about. */
export function targetOf(fields: Fields, words: FaultWords): Draft<Target> {
  const read = new Reading(fields, words);
  const text = read.text('target').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(text)) return read.end({ statement: text });
  const name = read.parsed('target', (one) => {
    try {
      parsePrincipalName(one);
    } catch {
      throw new Error(`target: wanted name@organisation or 64 hexadecimal digits, found ${one}`);
    }
  });
  return read.end({ name });
}

/** A description of a topic. */
export function streamOf(
  fields: Fields,
  organisation: string,
  now: number,
  words: FaultWords,
): Draft<StreamSaid> {
  const read = new Reading(fields, words);
  const mobile = read.isSet('mobile');
  const [latitude, longitude] = [
    read.number('latitude', -90, 90, false),
    read.number('longitude', -180, 180, false),
  ];
  if (
    (latitude === undefined) !== (longitude === undefined) &&
    !read.faults.latitude &&
    !read.faults.longitude
  ) {
    const missing = latitude === undefined ? 'latitude' : 'longitude';
    read.faults[missing] = `${missing}: wanted both degrees or neither, found one`;
  }
  const days = read.number('retention', 1, 36_500, true);
  const named = read.text('class');
  return read.end({
    kind: 'stream-descriptor',
    organisation,
    topic: read.parsed('topic', (text) => {
      parseTopic(text);
      ownFilter(organisation)(text);
    }),
    deviceType: read.text('deviceType'),
    title: read.text('title'),
    class: isClass(named) ? named : 'restricted',
    mobile,
    latitude: mobile ? undefined : latitude,
    longitude: mobile ? undefined : longitude,
    retentionS: days === undefined ? undefined : days * 86_400,
    transducers: transducersOf(read),
    issued: now,
  });
}

function transducersOf(read: Reading): TransducerSaid[] {
  const lines = read.text('transducers').split('\n');
  const all: TransducerSaid[] = [];
  for (const line of lines.map((one) => one.trim()).filter((one) => one !== '')) {
    const [name = '', unit] = line.split('=', 2).map((part) => part.trim());
    try {
      if (unit === undefined) throw new Error(`transducer: wanted name=unit, found ${line}`);
      parseTransducer(name);
      parseUnit(unit);
      all.push({ name, unit });
    } catch (fault) {
      read.faults.transducers ??= fault instanceof Error ? fault.message : String(fault);
    }
  }
  return all;
}
