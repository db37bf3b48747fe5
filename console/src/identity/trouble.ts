// What went wrong, in words for whoever sits in front of the page, and what to do about it.

import { catalogue } from '../words/catalogue';
import { clockAheadMs, isClockWrong } from './node';

/** An error in plain words. */
export interface Trouble {
  title: string;
  text: string;
  /** Whether trying again may help, without anything being changed. */
  mayPass: boolean;
}

/** Errors as they come, from this page or out of a worker. */
export interface Faulty {
  name: string;
  message: string;
  what?: string | undefined;
  why?: string | undefined;
}

const en = {
  revoked: 'Your access was revoked',
  revokedText:
    'An administrator ended your access to this node. What was shown here has been removed. If you think this is a mistake, ask whoever runs the node.',
  unknown: 'This node does not know you',
  unknownText:
    'The keys in this browser are not known at the node any more. Log out and join again with a new token.',
  notPermitted: 'You have no right to this any more',
  notPermittedText:
    'The right to see these readings was taken back, or has run out. What was shown here has been removed.',
  tokenUsed: 'This join token cannot be used',
  tokenUsedText: 'It has been used already, has run out, or was not made by this node. Ask for a new one.',
  tokenExpired: 'This join token has run out',
  tokenExpiredText: 'Ask whoever gave it to you for a new one.',
  tokenExpiredClock:
    'By the clock of this device the token has run out, but that clock is wrong: set it and try again.',
  tokenBroken: 'This is not a join token',
  tokenBrokenText: 'Copy the whole text, from the first character to the last, and try again.',
  tokenElsewhere: (wanted: string, found: string) => `This token is for ${wanted}, and this is ${found}`,
  tokenElsewhereText:
    'Open the page of the organisation that gave you the token, and use it there. It was shown to nobody, and is still good.',
  tokenTakenBack: 'This join token was taken back',
  refusedEnrol: 'You were not admitted',
  notSignedIn: 'You are not signed in',
  notSignedInText: (provider: string, why: string) =>
    `${provider} did not say who you are: ${why}. You can try again.`,
  wrongNode: 'This is not the node it says it is',
  wrongNodeText:
    'Whoever answers cannot prove the key that your token names. Somebody may stand between you and the node. Nothing was shown and nothing was sent. Tell whoever runs the node.',
  log: 'The node shows another history than before',
  logText:
    'What the node says about who may do what contradicts what it signed earlier, or cannot be proven. Readings cannot be trusted until this is explained, so none are shown. Tell whoever runs the node.',
  protocol: 'The node does not keep to the protocol',
  protocolText: 'What it sends cannot be understood, so nothing of it is shown. Tell whoever runs the node.',
  unreachable: 'The node cannot be reached',
  unreachableText: 'Check your connection. This page goes on by itself as soon as the node answers.',
  busy: 'The node is busy',
  busyText: 'It asks to be left alone for a moment. This page tries again by itself.',
  browser: 'This browser lacks something',
  browserText:
    'Keys must be kept so that no page can read them (WebCrypto with Ed25519 and X25519, and IndexedDB). Use a current browser, and not a private window.',
  other: 'Something went wrong',
};

const es: typeof en = {
  revoked: 'Su acceso ha sido revocado',
  revokedText:
    'Un administrador ha terminado su acceso a este nodo. Lo que se mostraba aquí se ha retirado. Si cree que es un error, pregunte a quien administra el nodo.',
  unknown: 'Este nodo no le conoce',
  unknownText:
    'El nodo ya no conoce las claves de este navegador. Cierre sesión y entre con un nuevo código.',
  notPermitted: 'Ya no tiene derecho a ver esto',
  notPermittedText:
    'El derecho a ver estas lecturas se ha retirado o ha caducado. Lo que se mostraba aquí se ha retirado.',
  tokenUsed: 'Este código de acceso no se puede usar',
  tokenUsedText: 'Ya se ha usado, ha caducado o no lo hizo este nodo. Pida uno nuevo.',
  tokenExpired: 'Este código de acceso ha caducado',
  tokenExpiredText: 'Pida uno nuevo a quien se lo dio.',
  tokenExpiredClock:
    'Según el reloj de este dispositivo el código ha caducado, pero ese reloj no va bien: ajústelo y reinténtelo.',
  tokenBroken: 'Esto no es un código de acceso',
  tokenBrokenText: 'Copie el texto completo, del primer carácter al último, y reinténtelo.',
  tokenElsewhere: (wanted, found) => `Este código es para ${wanted}, y esto es ${found}`,
  tokenElsewhereText:
    'Abra la página de la organización que le dio el código y úselo allí. No se ha mostrado a nadie y sigue siendo válido.',
  tokenTakenBack: 'Este código de acceso ha sido retirado',
  refusedEnrol: 'No ha sido admitido',
  notSignedIn: 'No ha iniciado sesión',
  notSignedInText: (provider, why) =>
    `${provider} no ha dicho quién es usted: ${why}. Puede volver a intentarlo.`,
  wrongNode: 'Este no es el nodo que dice ser',
  wrongNodeText:
    'Quien responde no puede demostrar la clave que nombra su código. Puede que haya alguien entre usted y el nodo. No se ha mostrado ni enviado nada. Avise a quien administra el nodo.',
  log: 'El nodo muestra una historia distinta de la anterior',
  logText:
    'Lo que el nodo dice sobre quién puede hacer qué contradice lo que firmó antes, o no se puede demostrar. Hasta que se explique no se puede confiar en las lecturas y no se muestra ninguna. Avise a quien administra el nodo.',
  protocol: 'El nodo no respeta el protocolo',
  protocolText: 'Lo que envía no se entiende, así que no se muestra nada. Avise a quien administra el nodo.',
  unreachable: 'No se puede contactar con el nodo',
  unreachableText: 'Compruebe su conexión. La página continúa sola en cuanto el nodo responda.',
  busy: 'El nodo está ocupado',
  busyText: 'Pide que se espere un momento. La página lo reintenta sola.',
  browser: 'A este navegador le falta algo',
  browserText:
    'Las claves deben guardarse de modo que ninguna página pueda leerlas (WebCrypto con Ed25519 y X25519, e IndexedDB). Use un navegador actual, sin ventana privada.',
  other: 'Algo ha fallado',
};

const ja: typeof en = {
  revoked: 'アクセス権が取り消されました',
  revokedText:
    '管理者がこのノードへのあなたのアクセスを終了しました。表示していた内容は消去しました。心当たりがない場合は、ノードの管理者に問い合わせてください。',
  unknown: 'このノードに登録されていません',
  unknownText:
    'このブラウザーの鍵は、もうノードに登録されていません。ログアウトして新しいトークンで参加してください。',
  notPermitted: '見る権限がなくなりました',
  notPermittedText:
    'この測定値を見る権限が取り消されたか、期限が切れました。表示していた内容は消去しました。',
  tokenUsed: 'この参加トークンは使えません',
  tokenUsedText:
    'すでに使われたか、期限が切れたか、このノードのものではありません。新しいものを受け取ってください。',
  tokenExpired: 'この参加トークンは期限切れです',
  tokenExpiredText: '渡してくれた人に新しいものを頼んでください。',
  tokenExpiredClock:
    'この端末の時計では期限切れですが、時計が合っていません。時計を合わせてもう一度試してください。',
  tokenBroken: '参加トークンではありません',
  tokenBrokenText: '最初の文字から最後の文字まで、全体をコピーしてもう一度試してください。',
  tokenElsewhere: (wanted, found) => `このトークンは ${wanted} のもので、ここは ${found} です`,
  tokenElsewhereText:
    'トークンを渡した組織のページを開いて、そこで使ってください。トークンは誰にも見せておらず、まだ使えます。',
  tokenTakenBack: 'この参加トークンは取り消されました',
  refusedEnrol: '参加は認められませんでした',
  notSignedIn: 'サインインできませんでした',
  notSignedInText: (provider, why) =>
    `${provider} から本人確認を得られませんでした（${why}）。もう一度試せます。`,
  wrongNode: '名乗っているノードではありません',
  wrongNodeText:
    '応答した相手は、トークンに記された鍵を証明できません。あなたとノードの間に誰かがいるおそれがあります。何も表示せず、何も送っていません。ノードの管理者に知らせてください。',
  log: 'ノードが示す履歴が以前と違います',
  logText:
    '誰が何をしてよいかについてのノードの説明が、以前に署名したものと矛盾しているか、証明できません。説明がつくまで測定値は信頼できないため、表示しません。ノードの管理者に知らせてください。',
  protocol: 'ノードが規約どおりに応答しません',
  protocolText: '送られてきたものを理解できないため、何も表示しません。ノードの管理者に知らせてください。',
  unreachable: 'ノードに接続できません',
  unreachableText: '接続を確かめてください。ノードが応答すれば、自動的に再開します。',
  busy: 'ノードが混み合っています',
  busyText: 'しばらく待つよう求められています。自動的に再試行します。',
  browser: 'このブラウザーには必要な機能がありません',
  browserText:
    '鍵は、どのページからも読めない形で保管する必要があります（Ed25519 と X25519 に対応した WebCrypto と IndexedDB）。新しいブラウザーを、プライベートウィンドウではなくお使いください。',
  other: '問題が起きました',
};

const words = catalogue({ en, es, ja });

type Said = (w: ReturnType<typeof words>) => Omit<Trouble, 'mayPass'>;

/** What stays as it is until somebody changes something. */
const LASTING: Record<string, Said> = {
  revoked: (w) => ({ title: w.revoked, text: w.revokedText }),
  'unknown-key': (w) => ({ title: w.unknown, text: w.unknownText }),
  'not-permitted': (w) => ({ title: w.notPermitted, text: w.notPermittedText }),
  'bad-enrolment': (w) => ({ title: w.tokenUsed, text: w.tokenUsedText }),
  'node-not-proven': (w) => ({ title: w.wrongNode, text: w.wrongNodeText }),
  TrustError: (w) => ({ title: w.log, text: w.logText }),
  'protocol-violation': (w) => ({ title: w.protocol, text: w.protocolText }),
  DecodeError: (w) => ({ title: w.protocol, text: w.protocolText }),
  ParseError: (w) => ({ title: w.tokenBroken, text: w.tokenBrokenText }),
};

/** What passes by itself. */
const PASSING: Record<string, Said> = {
  disconnected: (w) => ({ title: w.unreachable, text: w.unreachableText }),
  'timed-out': (w) => ({ title: w.unreachable, text: w.unreachableText }),
  TypeError: (w) => ({ title: w.unreachable, text: w.unreachableText }),
  draining: (w) => ({ title: w.busy, text: w.busyText }),
  'too-many': (w) => ({ title: w.busy, text: w.busyText }),
  'rate-limited': (w) => ({ title: w.busy, text: w.busyText }),
  'storage-full': (w) => ({ title: w.busy, text: w.busyText }),
  internal: (w) => ({ title: w.busy, text: w.busyText }),
};

/** Says what an error means and what helps. */
export function explain(error: Faulty): Trouble {
  const w = words();
  if (error.name === 'not-enrolled') return { ...notEnrolled(error), mayPass: false };
  const passing = Object.hasOwn(PASSING, error.name) ? PASSING[error.name] : undefined;
  if (passing !== undefined) return { ...passing(w), mayPass: true };
  const lasting = Object.hasOwn(LASTING, error.name) ? LASTING[error.name] : undefined;
  if (lasting !== undefined) return { ...lasting(w), mayPass: false };
  if (error.name === 'other-organisation') {
    const title = w.tokenElsewhere(error.what ?? '', error.why ?? '');
    return { title, text: w.tokenElsewhereText, mayPass: false };
  }
  if (error.name === 'not-signed-in') {
    const text = w.notSignedInText(error.what ?? '', error.why ?? '');
    return { title: w.notSignedIn, text, mayPass: true };
  }
  if (error.name === 'store-failed' || error.name === 'ReferenceError') {
    return { title: w.browser, text: w.browserText, mayPass: false };
  }
  return { title: w.other, text: error.message, mayPass: true };
}

function notEnrolled(error: Faulty): Omit<Trouble, 'mayPass'> {
  const w = words();
  if (error.message.includes('in force')) {
    const isEarly = isClockWrong.value && (clockAheadMs.value ?? 0) > 0;
    return { title: w.tokenExpired, text: isEarly ? w.tokenExpiredClock : w.tokenExpiredText };
  }
  if (error.message.includes('lead from the token')) return { title: w.wrongNode, text: w.wrongNodeText };
  if (/found (one that|it taken back)/.test(error.message)) {
    const why = error.message.split('found it taken back: ')[1];
    return why === undefined
      ? { title: w.tokenUsed, text: w.tokenUsedText }
      : { title: w.tokenTakenBack, text: why };
  }
  return { title: w.refusedEnrol, text: error.why ?? error.message };
}
