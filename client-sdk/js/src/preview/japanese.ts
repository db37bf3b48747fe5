// Previews in Japanese.

import { momentOf } from './calendar.js';
import { sayTerm } from './contract_japanese.js';
import type { Danger } from './danger.js';
import type { Change, Deed, PassOn, Phrase, Voice, Who } from './phrase.js';
import { shown } from './phrase.js';
import { organisationOf, type PrincipalKind, type StreamClass, shortHash, shortName } from './said.js';

const DAY_S = 86_400;

/** Japanese. */
export const japanese: Voice = {
  say,
  paragraph: (sentences) => sentences.join(''),
};

function say(phrase: Phrase): string {
  switch (phrase.is) {
    case 'may': {
      const [what, term] = [ofTopics(phrase.filter, phrase.deeds), span(phrase.from, phrase.until)];
      const purpose = phrase.purpose === '' ? '' : `（目的：「${phrase.purpose}」）`;
      return `${who(phrase.who)}は、${term}、${what}ができます${purpose}。`;
    }
    case 'may-not': {
      const [subject, what] = [who(phrase.who), ofTopics(phrase.filter, phrase.deeds)];
      return `${subject}は、これが取り消されるまで、許可があっても${what}ができません。`;
    }
    case 'has-role': {
      const term = span(phrase.from, phrase.until);
      return `${who(phrase.who)}は、${term}、${phrase.organisation}の役割「${phrase.role}」を持ちます。`;
    }
    case 'looks-back':
      if (phrase.back.is === 'not') return 'それより前の記録は閲覧できません。';
      if (phrase.back.is === 'all') return '保存されている過去の記録もすべて閲覧できます。';
      return `${date(phrase.back.time)}以降に受信された記録も閲覧できます。`;
    case 'passes-on':
      return PASSES_ON[phrase.passOn];
    case 'rate':
      return `送信できるのは毎秒${phrase.perS}通までです。`;
    case 'said':
      return `その内容：${say(phrase.said)}`;
    case 'reason':
      return `理由：「${phrase.reason}」。`;
    case 'term':
      return sayTerm(phrase.term);
    case 'plain':
      return `これは種類「${phrase.kind}」のステートメントです。`;
    case 'danger':
      return `注意：${warning(phrase.danger)}`;
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
        'トピックはツリーごとに一つの鍵で封がされます。これが及ぶツリーの鍵は一切渡されなくなり、' +
        '取り消されるまで、そのツリーの他のトピックも開封できません。'
      );
    case 'ends-statement':
      return (
        `ステートメント${shortHash(phrase.id)}は直ちに終了し、` +
        'それに基づいて与えられた権限もすべて終了します。'
      );
    case 'ends-key': {
      const of = phrase.holder === undefined ? '' : `${named(phrase.holder, '')}の`;
      return (
        `${of}鍵${shortHash(phrase.id)}は直ちに失効し、元には戻りません。` +
        'この鍵を持つ者は切断され、新しいトークンなしには戻れません。'
      );
    }
    case 'stream':
      return `${phrase.topic}は${PROTECTION[phrase.class]}`;
    case 'device':
      return device(phrase.deviceType, phrase.title, phrase.mobile);
    case 'carries':
      return `測定項目は${phrase.all
        .map((one) => (one.unit === '' ? one.name : `${one.name}（${one.unit}）`))
        .join('、')}です。`;
    case 'kept':
      return `記録は${term(phrase.seconds)}保存されます。`;
    case 'opens':
      return changes(phrase.change, ['さらに、', 'これまで', 'できなかった', '開かれます']);
    case 'closes':
      return changes(phrase.change, ['', '現在', 'できる', '閉じられます']);
    case 'changes-nothing':
      return '現在知られているトピックについては何も変わりません。';
    case 'attested': {
      const [subject, home] = [named(phrase.name, KIND[phrase.kind]), organisationOf(phrase.name)];
      return (
        `${subject}は鍵を持たず、ユーザー名とパスワードで接続し、${home}のノードが代わりに署名します。` +
        `発行するデータには封がされません。中継するすべてのノードが読むことができ、` +
        `${home}のノードを支配する者は偽造できます。`
      );
    }
  }
}

function who(one: Who): string {
  switch (one.is) {
    case 'one':
      return named(one.name, one.kind === undefined ? '' : KIND[one.kind]);
    case 'everybody':
      return `${one.organisation}に属する全員`;
    case 'role':
      return `${one.organisation}の役割「${one.name}」を持つ者`;
  }
}

function named(name: string, kind: string): string {
  return `${organisationOf(name)}の${kind}「${shortName(name)}」`;
}

const KIND: Record<PrincipalKind, string> = {
  device: 'デバイス',
  person: '利用者',
  app: 'アプリ',
  bridge: 'ブリッジ',
  steward: '鍵管理者',
  node: 'ノード',
};

/** What joins it to the topics, and what is done, as a noun. */
const NOUNS: Record<Deed, [string, string]> = {
  publish: ['への', '発行'],
  read: ['の', '閲覧'],
  receive: ['の', '受信（開封は不可）'],
  open: ['の', '開封'],
  'look-back': ['の', '履歴の閲覧'],
  'look-back-sealed': ['の', '履歴の受信（開封は不可）'],
  discover: ['の', '検索'],
  grant: ['に関する', '他者への権限の付与'],
  bridge: ['の', '他システムとの中継'],
  administer: ['の', '管理'],
};

/** The stem before できる. */
const ABLE: Record<Deed, string> = {
  publish: '発行',
  read: '閲覧',
  receive: '受信',
  open: '開封',
  'look-back': '履歴を閲覧',
  'look-back-sealed': '履歴を受信',
  discover: '検索',
  grant: '権限を付与',
  bridge: '中継',
  administer: '管理',
};

function ofTopics(filter: string, deeds: Deed[]): string {
  const [only] = deeds;
  if (deeds.length === 1 && only !== undefined) {
    const [joint, noun] = NOUNS[only];
    return `${filter}${joint}${noun}`;
  }
  return `${filter}について、${deeds.map((deed) => NOUNS[deed][1]).join('、')}`;
}

const PASSES_ON: Record<PassOn, string> = {
  no: '他者に渡すことはできません。',
  onward: 'その組織は、これを提携先の組織に渡すことができます。',
  grant: '自らの権限の範囲内で、他者にも許可できます。',
  both:
    '自らの権限の範囲内で、他者にも許可できます。' + 'その組織は、これを提携先の組織に渡すことができます。',
};

const PROTECTION: Record<StreamClass, string> = {
  open:
    '公開データです。署名されますが封はされません。' +
    '中継するすべてのノードと、受信を許可されたすべての者が読めます。',
  restricted: '制限付きデータです。封がされ、許可された者だけが開封できます。',
  personal: '個人に関するデータです。封がされ、許可された者だけが開封できます。',
};

function device(deviceType: string, title: string, mobile: boolean): string {
  const about: string[] = [];
  if (deviceType !== '') about.push(`種類「${deviceType}」`);
  if (title !== '') about.push(`名称「${title}」`);
  const joint = about.length === 0 ? '' : 'の';
  return `${about.join('、')}${joint}${mobile ? '移動する' : ''}デバイスが送信します。`;
}

function changes(change: Change, [also, when, able, happens]: [string, string, string, string]): string {
  const { named: names, others } = shown(change);
  const rest = others > 0 ? `、ほか${others}件` : '';
  const people = change.people === undefined ? '' : `${change.people}者が`;
  const number = change.topics.length;
  const what = `${also}${people}${when}${ABLE[change.deed]}${able}トピック${number}件が${happens}`;
  return `${what}：${names.join('、')}${rest}。`;
}

function warning(danger: Danger): string {
  switch (danger.danger) {
    case 'every-topic':
      return `今後のものも含め、${danger.organisation}のすべてのトピックが対象です。`;
    case 'everybody':
      return `今後加わる者も含め、${danger.organisation}に属する全員が対象です。`;
    case 'grant-right':
      return 'ここで許可されたことを他者にも許可できます。';
    case 'administer-right':
      return 'これらのトピックについて宣言できます。';
    case 'onward':
      return 'その組織は、これを他の組織に渡すことができます。';
    case 'all-history':
      return 'これまでに保存されたものすべてを含みます。';
    case 'travels-on':
      return `${danger.owner}のトピックは、${danger.via}が選ぶ組織にも渡り得ます。`;
    case 'third-root':
      return (
        `${danger.taker}は${danger.owner}が誰であるかについて${danger.via}の言葉を信じることになります。` +
        `ルートを${danger.owner}自身の言うものと照合してください。`
      );
    case 'personal-topics':
      return `個人に関するデータが開かれます：${few(danger.topics)}。`;
    case 'not-sealed':
      return '今後ここに発行されるものには封がされません。中継するすべてのノードが読むことができます。';
    case 'own-key':
      return 'これはあなた自身の鍵です。直ちに切断され、誰にも取り消せません。';
    case 'own-rights':
      return 'あなたは管理する権限を失い、自分に戻すことはできません。';
    case 'steward':
      return '鍵管理者です。別の鍵管理者が動くまで、誰にも鍵が渡されず、誰も登録されません。';
    case 'node':
      return 'ノードです。この鍵を登録している全員が、別の鍵を受け入れるまで切断されます。';
    case 'administrator':
      return `${named(danger.name, '')}は管理する権限を失います。`;
  }
}

function few(topics: string[]): string {
  const rest = topics.length > 5 ? `、ほか${topics.length - 5}件` : '';
  return `${topics.slice(0, 5).join('、')}${rest}`;
}

/** From when until when. */
export function span(from: number | undefined, until: number | undefined): string {
  const start = from === undefined ? '今' : date(from);
  const end = until === undefined ? '取り消される' : date(until);
  return `${start}から${end}まで`;
}

function date(time: number): string {
  const { year, month, day, clock } = momentOf(time);
  const text = `${year}年${month}月${day}日`;
  return clock === undefined ? text : `${text}${clock.hour}時${clock.minute}分（UTC）`;
}

function term(seconds: number): string {
  return seconds % DAY_S === 0 ? `${seconds / DAY_S}日間` : `${seconds}秒間`;
}
