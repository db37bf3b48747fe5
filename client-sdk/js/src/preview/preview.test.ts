// The texts are those of the command line's own tests (cli/src/preview/tests.rs): both say the same.

import { describe, expect, test } from 'vitest';
import { dangers } from './danger.js';
import type { Background, Changed, Effect } from './phrase.js';
import { type PreviewLanguage, previewOf } from './preview.js';
import {
  ACTIONS,
  type DenySaid,
  type GrantSaid,
  KINDS,
  type PartySaid,
  type PeeringSaid,
  type RoleSaid,
  type Said,
  type StreamSaid,
} from './said.js';

const LANGUAGES: PreviewLanguage[] = ['en', 'es', 'ja'];
const now = Date.parse('2026-11-21T09:00:00Z');

function grant(grantee: string, actions: GrantSaid['actions'], filter: string): GrantSaid {
  return {
    kind: 'grant',
    organisation: 'fujisawa',
    grantee,
    actions,
    filter,
    purpose: '',
    issued: now,
    from: now,
    onward: false,
  };
}

const park: GrantSaid = {
  ...grant('park@santander', ['subscribe', 'decrypt'], 'fujisawa/truck/+/air'),
  purpose: 'air-quality',
  until: Date.parse('2026-12-20T00:00:00Z'),
};
const three = ['fujisawa/truck/1/air', 'fujisawa/truck/2/air', 'fujisawa/truck/3/air'];

function changed(principal: string, actions: string[], topics: string[]): Changed[] {
  return topics.map((topic) => ({ principal, actions, topic }));
}

function opening(opened: Changed[]): Effect {
  return { opened, closed: [] };
}

function says(said: Said, background: Background): string[] {
  return LANGUAGES.map((language) => previewOf(said, background, language).text);
}

function warns(said: Said): string[] {
  return LANGUAGES.map((language) => previewOf(said, { now }, language).warnings.join('|'));
}

describe('a preview', () => {
  test('says who may read, until when, and which topics open', () => {
    const effect = opening(changed('park@santander', ['subscribe', 'decrypt'], three));
    expect(says(park, { now, kind: 'app', effect })).toEqual([
      'App “park” of santander can read fujisawa/truck/+/air from now on, for “air-quality”, until 20 Dec ' +
        '2026. They cannot look back at what came before. They cannot pass it on. This also opens 3 topics ' +
        'they could not read before: fujisawa/truck/1/air, fujisawa/truck/2/air and fujisawa/truck/3/air.',
      'La aplicación «park» de santander puede leer fujisawa/truck/+/air desde ahora, para «air-quality», ' +
        'hasta el 20 de diciembre de 2026. No puede consultar lo anterior. No puede cederlo a otros. Además ' +
        'abre 3 temas que antes no podía leer: fujisawa/truck/1/air, fujisawa/truck/2/air y ' +
        'fujisawa/truck/3/air.',
      'santanderのアプリ「park」は、今から2026年12月20日まで、fujisawa/truck/+/airの閲覧ができます' +
        '（目的：「air-quality」）。それより前の記録は閲覧できません。他者に渡すことはできません。' +
        'さらに、これまで閲覧できなかったトピック3件が開かれます：fujisawa/truck/1/air、' +
        'fujisawa/truck/2/air、fujisawa/truck/3/air。',
    ]);
  });

  test('says how far back somebody may look', () => {
    const since: GrantSaid = {
      ...park,
      purpose: '',
      until: undefined,
      actions: ['subscribe', 'history', 'decrypt', 'discover'],
      from: Date.parse('2026-12-01T14:30:00Z'),
      historyFrom: Date.parse('2026-11-01T01:05:00Z'),
    };
    expect(says(since, { now, kind: 'person' })).toEqual([
      'Person “park” of santander can read fujisawa/truck/+/air from 1 Dec 2026 at 14:30 UTC, until it is ' +
        'revoked. They can look back at what was received since 1 Nov 2026 at 01:05 UTC. They cannot pass ' +
        'it on.',
      'La persona «park» de santander puede leer fujisawa/truck/+/air desde el 1 de diciembre de 2026 a las ' +
        '14:30 UTC, hasta que se revoque. Puede consultar lo recibido desde el 1 de noviembre de 2026 a la ' +
        '1:05 UTC. No puede cederlo a otros.',
      'santanderの利用者「park」は、2026年12月1日14時30分（UTC）から取り消されるまで、' +
        'fujisawa/truck/+/airの閲覧ができます。2026年11月1日1時5分（UTC）以降に受信された記録も閲覧できます。' +
        '他者に渡すことはできません。',
    ]);
  });

  test('warns of everything for everybody', () => {
    const wide: GrantSaid = {
      ...grant('*@santander', ['publish', 'discover', 'grant', 'bridge', 'administer'], 'fujisawa/+/#'),
      onward: true,
    };
    expect(warns(wide)).toEqual([
      'Careful: this is about every topic of fujisawa, also of those to come.' +
        '|Careful: this is for everybody of santander, whoever joins there.' +
        '|Careful: they can grant others what they may do here.' +
        '|Careful: they can make statements about these topics.' +
        '|Careful: their organisation can pass it on.',
      'Atención: se trata de todos los temas de fujisawa, también de los futuros.' +
        '|Atención: vale para cualquiera de santander, también para quien se una después.' +
        '|Atención: podrá conceder a otros lo que aquí se le permite.' +
        '|Atención: podrá hacer declaraciones sobre estos temas.' +
        '|Atención: su organización podrá cederlo.',
      '注意：今後のものも含め、fujisawaのすべてのトピックが対象です。' +
        '|注意：今後加わる者も含め、santanderに属する全員が対象です。' +
        '|注意：ここで許可されたことを他者にも許可できます。' +
        '|注意：これらのトピックについて宣言できます。' +
        '|注意：その組織は、これを他の組織に渡すことができます。',
    ]);
    expect(dangers(park)).toEqual([]);
    expect(dangers(grant('*@fujisawa', ['subscribe'], 'fujisawa/truck/#'))).toEqual([]);
  });

  test('says of a role who has it and of how many it opens what', () => {
    const role: RoleSaid = {
      kind: 'role',
      organisation: 'fujisawa',
      role: 'role/family@fujisawa',
      member: 'hanako@fujisawa',
      issued: now,
      until: Date.parse('2026-12-20T00:00:00Z'),
    };
    expect(says(role, { now, kind: 'person', effect: opening([]) })).toEqual([
      'Person “hanako” of fujisawa has the role “family” of fujisawa from now on, until 20 Dec 2026. On the ' +
        'topics known today it changes nothing.',
      'La persona «hanako» de fujisawa tiene el rol «family» de fujisawa desde ahora, hasta el 20 de ' +
        'diciembre de 2026. En los temas que hoy se conocen no cambia nada.',
      'fujisawaの利用者「hanako」は、今から2026年12月20日まで、fujisawaの役割「family」を持ちます。' +
        '現在知られているトピックについては何も変わりません。',
    ]);
    const opened = ['hanako@fujisawa', 'jiro@fujisawa'].flatMap((who) =>
      changed(who, ['subscribe', 'history', 'decrypt'], three.slice(0, 1)),
    );
    const granted = grant('role/family@fujisawa', ['subscribe', 'decrypt'], 'fujisawa/truck/1/air');
    const [english, spanish, japanese] = says(granted, { now, effect: opening(opened) });
    expect(english).toContain('1 topic to 2 principals who could not read it before: fujisawa/truck/1/air.');
    expect(spanish).toContain('abre 1 tema que 2 participantes antes no podían leer: fujisawa/truck/1/air.');
    expect(japanese).toContain(
      '2者がこれまで閲覧できなかったトピック1件が開かれます：fujisawa/truck/1/air。',
    );
  });

  test('of many topics names the first and counts the others', () => {
    const topics = Array.from({ length: 12 }, (_, at) => `fujisawa/t${String(at + 1).padStart(2, '0')}/air`);
    const effect = opening(changed('park@santander', ['publish'], topics));
    const [english, spanish, japanese] = says(park, { now, effect });
    expect(english).toMatch(/t05\/air and 7 others\.$/);
    expect(spanish).toMatch(/t05\/air y 7 más\.$/);
    expect(japanese).toMatch(/t05\/air、ほか7件。$/);
  });

  test('describes a stream, and knows when y becomes e', () => {
    const tide: StreamSaid = {
      kind: 'stream-descriptor',
      organisation: 'fujisawa',
      topic: 'fujisawa/tide',
      deviceType: 'weather',
      title: 'Truck 17',
      class: 'restricted',
      mobile: true,
      retentionS: 30 * 86_400,
      transducers: [
        { name: 'pm2_5', unit: 'ug/m3' },
        { name: 'inclination', unit: 'deg' },
      ],
      issued: now,
    };
    expect(says(tide, { now })).toEqual([
      'fujisawa/tide is restricted: it is sealed, and only those who were granted that can open it. It comes ' +
        'from a device of the type “weather” called “Truck 17” that moves. It carries pm2_5 in ug/m3 and ' +
        'inclination in deg. Its records are kept for 30 days.',
      'fujisawa/tide es restringido: va sellado y solo lo puede abrir quien tenga permiso para ello. Procede ' +
        'de un dispositivo de tipo «weather» llamado «Truck 17» que se mueve. Lleva pm2_5 en ug/m3 e ' +
        'inclination en deg. Sus registros se conservan 30 días.',
      'fujisawa/tideは制限付きデータです。封がされ、許可された者だけが開封できます。種類「weather」、' +
        '名称「Truck 17」の移動するデバイスが送信します。測定項目はpm2_5（ug/m3）、inclination（deg）です。' +
        '記録は30日間保存されます。',
    ]);
  });

  test('tells a transducer without a unit without one', () => {
    const gate: StreamSaid = {
      kind: 'stream-descriptor',
      organisation: 'fujisawa',
      topic: 'fujisawa/gate',
      deviceType: '',
      title: '',
      class: 'open',
      mobile: false,
      transducers: [
        { name: 'level', unit: 'm' },
        { name: 'state', unit: '' },
      ],
      issued: now,
    };
    const wanted = [
      'It carries level in m and state.',
      'Lleva level en m y state.',
      '測定項目はlevel（m）、stateです。',
    ];
    for (const [index, text] of says(gate, { now }).entries()) {
      expect(text).toMatch(new RegExp(`${wanted[index]?.replace(/[.]/g, '[.]')}$`));
    }
  });

  test('says of a deny of keys that it takes the key of the whole tree', () => {
    const deny: DenySaid = {
      kind: 'deny',
      organisation: 'fujisawa',
      grantee: 'truck-17@fujisawa',
      actions: ['decrypt'],
      filter: 'fujisawa/truck/17/#',
      reason: '',
      issued: now,
    };
    const [english, spanish, japanese] = says(deny, { now });
    expect(english).toContain(
      'They get no key any more of any tree that this touches: what else is in it is closed to them as well',
    );
    expect(spanish).toContain('No recibirá más claves de ningún árbol al que esto toque');
    expect(japanese).toContain('そのツリーの他のトピックも開封できません。');
    for (const text of says({ ...deny, actions: ['publish', 'subscribe'] }, { now })) {
      expect(text).not.toMatch(/sealed in trees|por árboles|ツリー/);
    }
  });

  test('of a contract says what each side offers, takes, passes on and may send', () => {
    const [english, spanish, japanese] = says(passage(), { now });
    const root = 'ab'.repeat(32);
    expect(english).toBe(
      'kyoto and santander make a contract from now on, until 21 Nov 2027. kyoto passes on to santander what ' +
        'fujisawa states, and fujisawa/truck/#. santander knows fujisawa from then on by the root ' +
        `${root}. kyoto carries envelopes of santander's publishers on santander/bus/# home to it. santander ` +
        'may send kyoto at most 250000 bytes per second.',
    );
    expect(spanish).toContain(
      'kyoto lleva hasta santander los sobres que esta publique en santander/bus/#. santander puede enviar a ' +
        'kyoto como máximo 250000 bytes por segundo.',
    );
    expect(japanese).toContain('santanderは以後、fujisawaをルート');
    expect(dangers(passage())).toEqual([
      { danger: 'third-root', owner: 'fujisawa', via: 'kyoto', taker: 'santander' },
    ]);
  });
});

function party(organisation: string): PartySaid {
  return { organisation, exports: [], imports: [], onward: false, passesOn: [], carriesHome: [] };
}

function passage(): PeeringSaid {
  const transit = { organisation: 'fujisawa', root: 'ab'.repeat(32), filters: ['fujisawa/truck/#'] };
  return {
    kind: 'peering',
    parties: [
      { ...party('kyoto'), passesOn: [transit], carriesHome: ['santander/bus/#'] },
      { ...party('santander'), bytesPerS: 250_000 },
    ],
    purposes: [],
    issued: now,
    from: now,
    until: Date.parse('2027-11-21T00:00:00Z'),
  };
}

describe('what is dangerous here and now', () => {
  const around = {
    self: { name: 'mayor@fujisawa', id: 'aa' },
    personal: new Set(['fujisawa/home/1']),
    kindOf: (id: string) => (id === 'bb' ? ('steward' as const) : undefined),
  };
  const kinds = (said: Said, extra = {}) =>
    LANGUAGES.map((language) => previewOf(said, { now }, language, { ...around, ...extra }).warnings);
  const revoke = (principal: string): Said => ({
    kind: 'revoke',
    organisation: 'fujisawa',
    target: { principal },
    reason: '',
    issued: now,
  });

  test('is what opens data about people', () => {
    const effect = opening(changed('park@santander', ['decrypt'], ['fujisawa/home/1', 'fujisawa/tide']));
    const [english] = kinds(park, { effect });
    expect(english).toEqual(['Careful: this opens data about people: fujisawa/home/1.']);
  });

  test('is the end of a steward, of oneself and of an administrator', () => {
    expect(kinds(revoke('bb'))[0]?.[0]).toContain('this is a steward');
    expect(kinds(revoke('aa'))[1]?.[0]).toContain('es su propia clave');
    const effect = { opened: [], closed: changed('chief@fujisawa', ['administer'], ['fujisawa/tide']) };
    expect(kinds(revoke('cc'), { effect })[2]).toEqual([
      '注意：fujisawaの「chief」は管理する権限を失います。',
    ]);
    const own = { opened: [], closed: changed('mayor@fujisawa', ['administer'], ['fujisawa/tide']) };
    const deny: DenySaid = {
      kind: 'deny',
      organisation: 'fujisawa',
      grantee: '*@fujisawa',
      actions: ['administer'],
      filter: 'fujisawa/tide',
      reason: '',
      issued: now,
    };
    expect(kinds(deny, { effect: own })[0]?.[0]).toContain('you lose the right to administer');
  });
});

test('no statement and no kind of principal is without words', () => {
  for (const kind of [...KINDS, undefined]) {
    for (const action of ACTIONS) {
      for (const who of ['a@fujisawa', '*@fujisawa', 'role/family@fujisawa']) {
        const granted = grant(who, [action], 'fujisawa/tide');
        const denied: Said = { ...granted, kind: 'deny', reason: '' };
        for (const text of [...says(granted, { now, kind }), ...says(denied, { now, kind })]) {
          expect(text).not.toMatch(/ {2}| ,|、、|«»|“”|「」|\?|undefined/);
          expect(text).toMatch(/[.。]$/);
        }
      }
    }
  }
});
