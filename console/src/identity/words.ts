// Words of the first screen.

import { catalogue } from '../words/catalogue';

const en = {
  welcome: 'Join with a token',
  intro: (organisation: string) =>
    `To come in you need to be known at the node of ${organisation}. Whoever runs it gives you a join token, once.`,
  here: 'this organisation',
  token: 'Join token',
  tokenHint: 'A text that begins with “sekisho”. It is used once and never leaves this browser readable.',
  join: 'Join',
  keysStay: 'The keys are made in this browser and stay in it: no page and no program can read them out.',
  starting: 'Looking for your keys …',
  joining: (principal: string) => `Joining as ${principal} …`,
  waitingTitle: 'Waiting to be let in',
  waitingText:
    'Where your token says so, this takes a moment and nobody is asked. Otherwise somebody has to approve you: compare this fingerprint with them, by telephone or side by side.',
  signIn: 'Sign in',
  signInText: 'Open this page, sign in, and compare the code:',
  signInHere: (provider: string) => `Sign in with ${provider}`,
  signInHereText: (provider: string) =>
    `You go to ${provider} and come back. It says who you are; what you may see is decided here.`,
  signInHost: 'It leads to',
  code: 'Code',
  nodeSays: 'The node says',
  cancel: 'Cancel',
  retry: 'Try again',
  connecting: 'Connecting to the node …',
  who: 'Who am I',
  you: 'You are',
  fingerprint: 'Fingerprint of your key',
  organisation: 'Organisation',
  root: 'Root that you trust',
  nodeKey: 'Key of the node',
  logOut: 'Log out',
  logOutTitle: 'Destroy the keys in this browser?',
  logOutText:
    'Logging out destroys your keys. Nobody can bring them back; to come again you need a new join token.',
  logOutConfirm: 'Destroy keys and log out',
  keep: 'Stay',
  offered: (principal: string) => `This link is for ${principal}, and you are somebody else here.`,
  offeredText: 'Log out first if you want to use it.',
  close: 'Close',
  clockTitle: (by: string, ahead: boolean) => `Your clock is ${by} ${ahead ? 'ahead' : 'behind'}`,
  clockText:
    'Times of readings are right: they are told by the publishers and the node. Ages are counted by the node’s clock. Please set the clock of this device.',
};

const es: typeof en = {
  welcome: 'Entrar con un código de acceso',
  intro: (organisation) =>
    `Para entrar, el nodo de ${organisation} tiene que conocerle. Quien lo administra le da un código de acceso de un solo uso.`,
  here: 'esta organización',
  token: 'Código de acceso',
  tokenHint: 'Un texto que empieza por «sekisho». Se usa una vez y nunca sale legible de este navegador.',
  join: 'Entrar',
  keysStay:
    'Las claves se crean en este navegador y se quedan en él: ninguna página ni programa puede leerlas.',
  starting: 'Buscando sus claves …',
  joining: (principal) => `Entrando como ${principal} …`,
  waitingTitle: 'Esperando el acceso',
  waitingText:
    'Si su código de acceso lo permite, tarda un momento y no se pregunta a nadie. Si no, alguien tiene que aprobarle: compare esta huella con esa persona, por teléfono o en persona.',
  signIn: 'Iniciar sesión',
  signInText: 'Abra esta página, inicie sesión y compare el código:',
  signInHere: (provider) => `Iniciar sesión con ${provider}`,
  signInHereText: (provider) =>
    `Va a ${provider} y vuelve. Allí se dice quién es usted; lo que puede ver se decide aquí.`,
  signInHost: 'Lleva a',
  code: 'Código',
  nodeSays: 'El nodo dice',
  cancel: 'Cancelar',
  retry: 'Reintentar',
  connecting: 'Conectando con el nodo …',
  who: 'Quién soy',
  you: 'Usted es',
  fingerprint: 'Huella de su clave',
  organisation: 'Organización',
  root: 'Raíz en la que confía',
  nodeKey: 'Clave del nodo',
  logOut: 'Cerrar sesión',
  logOutTitle: '¿Destruir las claves de este navegador?',
  logOutText:
    'Cerrar sesión destruye sus claves. Nadie puede recuperarlas; para volver necesitará un nuevo código de acceso.',
  logOutConfirm: 'Destruir claves y salir',
  keep: 'Quedarme',
  offered: (principal) => `Este enlace es para ${principal}, y aquí usted es otra persona.`,
  offeredText: 'Cierre sesión primero si quiere usarlo.',
  close: 'Cerrar',
  clockTitle: (by, ahead) => `Su reloj va ${by} ${ahead ? 'adelantado' : 'atrasado'}`,
  clockText:
    'Las horas de las lecturas son correctas: las dan los emisores y el nodo. La antigüedad se cuenta con el reloj del nodo. Por favor, ajuste el reloj de este dispositivo.',
};

const ja: typeof en = {
  welcome: '参加トークンで始める',
  intro: (organisation) =>
    `利用するには、${organisation} のノードに登録されている必要があります。ノードの管理者から一度だけ使える参加トークンを受け取ってください。`,
  here: 'この組織',
  token: '参加トークン',
  tokenHint:
    '「sekisho」で始まる文字列です。使えるのは一度だけで、このブラウザーの外へ読める形で出ることはありません。',
  join: '参加する',
  keysStay: '鍵はこのブラウザーの中で作られ、外へ出ません。どのページやプログラムも取り出せません。',
  starting: '鍵を探しています…',
  joining: (principal) => `${principal} として参加しています…`,
  waitingTitle: '参加の許可を待っています',
  waitingText:
    'トークンだけで許可される場合は、誰にも確認せずすぐに終わります。そうでなければ承認が必要です。承認する人と、この指紋を電話または対面で見比べてください。',
  signIn: 'サインイン',
  signInText: '次のページを開いてサインインし、コードを見比べてください。',
  signInHere: (provider) => `${provider} でサインイン`,
  signInHereText: (provider) =>
    `${provider} に移動して戻ります。そこで確認するのは本人であることだけで、何を見られるかはここで決まります。`,
  signInHost: '行き先',
  code: 'コード',
  nodeSays: 'ノードからの知らせ',
  cancel: 'やめる',
  retry: 'もう一度試す',
  connecting: 'ノードに接続しています…',
  who: '自分の情報',
  you: 'あなたは',
  fingerprint: '鍵の指紋',
  organisation: '組織',
  root: '信頼するルート',
  nodeKey: 'ノードの鍵',
  logOut: 'ログアウト',
  logOutTitle: 'このブラウザーの鍵を破棄しますか',
  logOutText: 'ログアウトすると鍵は破棄され、元に戻せません。再び入るには新しい参加トークンが必要です。',
  logOutConfirm: '鍵を破棄してログアウト',
  keep: 'このまま続ける',
  offered: (principal) => `このリンクは ${principal} のものですが、あなたは別の名前で参加しています。`,
  offeredText: '使うには、まずログアウトしてください。',
  close: '閉じる',
  clockTitle: (by, ahead) => `この端末の時計が ${by} ${ahead ? '進んで' : '遅れて'}います`,
  clockText:
    '測定値の時刻は発信元とノードによるもので、正しく表示されます。経過時間はノードの時計で数えます。この端末の時計を合わせてください。',
};

/** The first screen's words. */
export const words = catalogue({ en, es, ja });
