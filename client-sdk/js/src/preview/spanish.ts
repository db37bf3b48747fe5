// Previews in Spanish. Subjects are chosen so that the verb stays in the singular.

import { momentOf, two } from './calendar.js';
import { sayTerm } from './contract_spanish.js';
import type { Danger } from './danger.js';
import type { Change, Deed, PassOn, Phrase, Voice, Who } from './phrase.js';
import { shown } from './phrase.js';
import { organisationOf, type PrincipalKind, type StreamClass, shortHash, shortName } from './said.js';

const MONTHS = [
  'enero',
  'febrero',
  'marzo',
  'abril',
  'mayo',
  'junio',
  'julio',
  'agosto',
  'septiembre',
  'octubre',
  'noviembre',
  'diciembre',
];
const DAY_S = 86_400;

/** Spanish. */
export const spanish: Voice = {
  say,
  paragraph: (sentences) => sentences.join(' '),
};

function say(phrase: Phrase): string {
  switch (phrase.is) {
    case 'may': {
      const purpose = phrase.purpose === '' ? '' : `, para «${phrase.purpose}»`;
      const [from, until] = [since(phrase.from), ending(phrase.until)];
      const what = list(phrase.deeds.map((deed) => VERBS[deed]));
      return `${who(phrase.who)} puede ${what} ${phrase.filter} ${from}${purpose}, ${until}.`;
    }
    case 'may-not': {
      const what = joined(
        phrase.deeds.map((deed) => VERBS[deed]),
        'ni',
      );
      const subject = who(phrase.who);
      return `${subject} no puede ${what} ${phrase.filter}, aunque se le conceda, hasta que esto se revoque.`;
    }
    case 'has-role': {
      const [from, until] = [since(phrase.from), ending(phrase.until)];
      return `${who(phrase.who)} tiene el rol «${phrase.role}» de ${phrase.organisation} ${from}, ${until}.`;
    }
    case 'looks-back':
      if (phrase.back.is === 'not') return 'No puede consultar lo anterior.';
      if (phrase.back.is === 'all') return 'Puede consultar todo lo que aún se conserva.';
      return `Puede consultar lo recibido desde el ${date(phrase.back.time)}.`;
    case 'passes-on':
      return PASSES_ON[phrase.passOn];
    case 'rate':
      return phrase.perS === 1
        ? 'Puede enviar como máximo 1 sobre por segundo.'
        : `Puede enviar como máximo ${phrase.perS} sobres por segundo.`;
    case 'said':
      return `Decía: ${say(phrase.said)}`;
    case 'reason':
      return `Motivo: «${phrase.reason}».`;
    case 'term':
      return sayTerm(phrase.term);
    case 'plain':
      return `Es una declaración de la clase «${phrase.kind}».`;
    case 'danger':
      return `Atención: ${warning(phrase.danger)}`;
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
        'Los temas se sellan por árboles, con una clave para cada uno. No recibirá más claves de ningún árbol ' +
        'al que esto toque: también lo demás que hay en él le queda cerrado, hasta que esto se revoque.'
      );
    case 'ends-statement':
      return (
        `La declaración ${shortHash(phrase.id)} termina ahora, y con ella todo lo que se concedió a partir ` +
        'de ella.'
      );
    case 'ends-key': {
      const of = phrase.holder === undefined ? '' : ` de ${named(phrase.holder)}`;
      return (
        `La clave ${shortHash(phrase.id)}${of} termina ahora y para siempre. Quien la tenga queda ` +
        'desconectado y solo vuelve con un token nuevo.'
      );
    }
    case 'stream':
      return `${phrase.topic} es ${PROTECTION[phrase.class]}`;
    case 'device': {
      const type = phrase.deviceType === '' ? '' : ` de tipo «${phrase.deviceType}»`;
      const title = phrase.title === '' ? '' : ` llamado «${phrase.title}»`;
      return `Procede de un dispositivo${type}${title}${phrase.mobile ? ' que se mueve.' : '.'}`;
    }
    case 'carries':
      return `Lleva ${list(
        phrase.all.map((one) => (one.unit === '' ? one.name : `${one.name} en ${one.unit}`)),
      )}.`;
    case 'kept':
      return `Sus registros se conservan ${term(phrase.seconds)}.`;
    case 'opens':
      return opens(phrase.change);
    case 'closes':
      return closes(phrase.change);
    case 'changes-nothing':
      return 'En los temas que hoy se conocen no cambia nada.';
    case 'attested': {
      const [subject, home] = [`${KIND[phrase.kind]} ${named(phrase.name)}`, organisationOf(phrase.name)];
      return (
        `${subject} no guarda ninguna clave: entra con un nombre de usuario y una contraseña, y el nodo de ` +
        `${home} firma en su lugar. Lo que publica no va sellado: lo puede leer cada nodo que lo lleva, y ` +
        `quien controle el nodo de ${home} puede inventarlo.`
      );
    }
  }
}

function who(one: Who): string {
  switch (one.is) {
    case 'one':
      return one.kind === undefined ? named(one.name) : `${KIND[one.kind]} ${named(one.name)}`;
    case 'everybody':
      return `Cualquiera de ${one.organisation}`;
    case 'role':
      return `Quien tenga el rol «${one.name}» de ${one.organisation}`;
  }
}

function named(name: string): string {
  return `«${shortName(name)}» de ${organisationOf(name)}`;
}

const KIND: Record<PrincipalKind, string> = {
  device: 'El dispositivo',
  person: 'La persona',
  app: 'La aplicación',
  bridge: 'El puente',
  steward: 'El custodio de claves',
  node: 'El nodo',
};

/** With the object behind it. */
const VERBS: Record<Deed, string> = {
  publish: 'publicar en',
  read: 'leer',
  receive: 'recibir sin abrir',
  open: 'abrir',
  'look-back': 'consultar el historial de',
  'look-back-sealed': 'recibir sin abrir el historial de',
  discover: 'encontrar',
  grant: 'conceder a otros derechos sobre',
  bridge: 'hacer de puente para',
  administer: 'administrar',
};

/** What joins a topic, or several, to what is done with it; and the verb without an object. */
function relative(deed: Deed, many: boolean): [string, string] {
  const number = (one: string, more: string) => (many ? more : one);
  switch (deed) {
    case 'publish':
      return [number('en el que', 'en los que'), 'publicar'];
    case 'read':
      return ['que', 'leer'];
    case 'receive':
      return ['que', 'recibir'];
    case 'open':
      return ['que', 'abrir'];
    case 'look-back':
      return ['cuyo historial', 'consultar'];
    case 'look-back-sealed':
      return ['cuyo historial', 'recibir'];
    case 'discover':
      return ['que', 'encontrar'];
    case 'grant':
      return [number('sobre el que', 'sobre los que'), 'conceder derechos'];
    case 'bridge':
      return [number('para el que', 'para los que'), 'hacer de puente'];
    case 'administer':
      return ['que', 'administrar'];
  }
}

const PASSES_ON: Record<PassOn, string> = {
  no: 'No puede cederlo a otros.',
  onward: 'Su organización puede cederlo a las que estén asociadas con ella.',
  grant: 'Puede concederlo a otros, nunca más de lo que tiene.',
  both:
    'Puede concederlo a otros, nunca más de lo que tiene, y su organización puede cederlo a las que estén ' +
    'asociadas con ella.',
};

const PROTECTION: Record<StreamClass, string> = {
  open:
    'abierto: va firmado pero no sellado. Lo puede leer cada nodo que lo lleva y todo el que pueda ' +
    'recibirlo.',
  restricted: 'restringido: va sellado y solo lo puede abrir quien tenga permiso para ello.',
  personal: 'personal: trata de personas, va sellado y solo lo puede abrir quien tenga permiso para ello.',
};

function opens(change: Change): string {
  const [that, verb] = relative(change.deed, change.topics.length > 1);
  const [topics, names] = [topicsOf(change), namesOf(change)];
  if (change.people === undefined) return `Además abre ${topics} ${that} antes no podía ${verb}: ${names}.`;
  if (change.people === 1) {
    return `Además abre ${topics} ${that} 1 participante antes no podía ${verb}: ${names}.`;
  }
  return `Además abre ${topics} ${that} ${change.people} participantes antes no podían ${verb}: ${names}.`;
}

function closes(change: Change): string {
  const [that, verb] = relative(change.deed, change.topics.length > 1);
  const [topics, names] = [topicsOf(change), namesOf(change)];
  if (change.people === undefined) return `Cierra ${topics} ${that} hoy puede ${verb}: ${names}.`;
  if (change.people === 1) return `Cierra ${topics} ${that} 1 participante hoy puede ${verb}: ${names}.`;
  return `Cierra ${topics} ${that} ${change.people} participantes hoy pueden ${verb}: ${names}.`;
}

function topicsOf(change: Change): string {
  return change.topics.length === 1 ? '1 tema' : `${change.topics.length} temas`;
}

function namesOf(change: Change): string {
  const { named: names, others } = shown(change);
  return list(others === 0 ? names : [...names, `${others} más`]);
}

function warning(danger: Danger): string {
  switch (danger.danger) {
    case 'every-topic':
      return `se trata de todos los temas de ${danger.organisation}, también de los futuros.`;
    case 'everybody':
      return `vale para cualquiera de ${danger.organisation}, también para quien se una después.`;
    case 'grant-right':
      return 'podrá conceder a otros lo que aquí se le permite.';
    case 'administer-right':
      return 'podrá hacer declaraciones sobre estos temas.';
    case 'onward':
      return 'su organización podrá cederlo.';
    case 'all-history':
      return 'incluye todo lo conservado hasta ahora.';
    case 'travels-on':
      return `los temas de ${danger.owner} pueden llegar a organizaciones que ${danger.via} elija.`;
    case 'third-root':
      return (
        `${danger.taker} cree a ${danger.via} quién es ${danger.owner}. Compare la raíz con lo que diga la ` +
        `propia ${danger.owner}.`
      );
    case 'personal-topics':
      return `esto abre datos sobre personas: ${list(few(danger.topics))}.`;
    case 'not-sealed':
      return 'lo que se publique aquí desde ahora no va sellado: lo puede leer cada nodo que lo lleve.';
    case 'own-key':
      return 'es su propia clave: queda desconectado al momento y nadie puede deshacerlo.';
    case 'own-rights':
      return 'usted pierde el derecho de administrar y no puede devolvérselo.';
    case 'steward':
      return (
        'es un custodio de claves: hasta que otro esté en marcha, nadie recibe claves ni se da de alta a ' +
        'nadie.'
      );
    case 'node':
      return 'es un nodo: quien tenga fijada su clave queda desconectado hasta que acepte otra.';
    case 'administrator':
      return `${named(danger.name)} pierde el derecho de administrar.`;
  }
}

function few(topics: string[]): string[] {
  return topics.length <= 5 ? topics : [...topics.slice(0, 5), `${topics.length - 5} más`];
}

/** From when on. */
export function since(from: number | undefined): string {
  return from === undefined ? 'desde ahora' : `desde el ${date(from)}`;
}

/** Until when. */
export function ending(until: number | undefined): string {
  return until === undefined ? 'hasta que se revoque' : `hasta el ${date(until)}`;
}

function date(time: number): string {
  const { year, month, day, clock } = momentOf(time);
  const text = `${day} de ${MONTHS[month - 1] ?? '?'} de ${year}`;
  if (clock === undefined) return text;
  const article = clock.hour === 1 ? 'a la' : 'a las';
  return `${text} ${article} ${clock.hour}:${two(clock.minute)} UTC`;
}

function term(seconds: number): string {
  const [number, unit] = seconds % DAY_S === 0 ? [seconds / DAY_S, 'día'] : [seconds, 'segundo'];
  return number === 1 ? `1 ${unit}` : `${number} ${unit}s`;
}

/** `a`, `a y b`, `a, b y c`; before the sound of an i, `e`. */
export function list(all: readonly string[]): string {
  const last = all.at(-1) ?? '';
  const isDiphthong = ['hia', 'hie', 'hio'].some((start) => last.startsWith(start));
  const soundsI = (last.startsWith('i') || last.startsWith('hi')) && !isDiphthong;
  return joined(all, soundsI ? 'e' : 'y');
}

function joined(all: readonly string[], and: string): string {
  const before = all.slice(0, -1);
  const last = all.at(-1) ?? '';
  return before.length === 0 ? last : `${before.join(', ')} ${and} ${last}`;
}
