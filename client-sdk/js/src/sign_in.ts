// Signing in at an OpenID provider from a page: authorisation code with PKCE (RFC 7636), as a public client. The
// verifier never leaves the page, and what the provider says goes to the steward, sealed.

import { fromUtf8, randomBytes, sha256, utf8 } from './bytes.js';
import { NotSignedIn } from './failure.js';

/** Where somebody may sign in, as their steward told this newcomer alone. */
export interface SignInOffer {
  /** The provider, as it calls itself. */
  readonly issuer: string;
  /** What the organisation is called there. */
  readonly clientId: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** What the provider's ID token has to name: it binds the token to these keys and this invitation. */
  readonly nonce: string;
}

/** What a page keeps to itself while a person is away at the provider. Whoever has it can redeem the code. */
export interface SignInBegun {
  readonly offer: SignInOffer;
  readonly redirectUri: string;
  readonly state: string;
  readonly verifier: string;
}

/** How long the provider may take to redeem a code, milliseconds. */
const REDEEM_TIMEOUT = 10_000;
/** The provider's own words are shown so far. */
const WORDS_MAX = 200;

/** See `beginSignIn`. */
export function begin(
  offer: SignInOffer,
  redirectUri: string,
): { readonly page: string; readonly begun: SignInBegun } {
  const begun = {
    offer,
    redirectUri,
    state: base64url(randomBytes(32)),
    verifier: base64url(randomBytes(32)),
  };
  const page = new URL(offer.authorizationEndpoint);
  const asked = {
    response_type: 'code',
    client_id: offer.clientId,
    redirect_uri: redirectUri,
    scope: 'openid',
    state: begun.state,
    nonce: offer.nonce,
    code_challenge: base64url(sha256(utf8(begun.verifier))),
    code_challenge_method: 'S256',
  };
  for (const [key, value] of Object.entries(asked)) {
    page.searchParams.set(key, value);
  }
  return { page: page.href, begun };
}

/** See `finishSignIn`. */
export async function finish(begun: SignInBegun, query: string): Promise<string> {
  const { offer, redirectUri, verifier } = begun;
  const answer = new URLSearchParams(query);
  const one = (key: string) => (answer.getAll(key).length === 1 ? answer.get(key) : null);
  if (one('state') !== begun.state) {
    throw new NotSignedIn(offer.issuer, 'an answer to what this page asked', 'another');
  }
  const from = answer.get('iss');
  if (from !== null && from !== offer.issuer) {
    throw new NotSignedIn(offer.issuer, 'its own answer', 'that of another provider');
  }
  const code = one('code');
  if (code === null) {
    throw new NotSignedIn(offer.issuer, 'a yes', shortened(answer.get('error') ?? 'no code'));
  }
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: offer.clientId,
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
  });
  const idToken = await redeem(offer, form);
  if (nonceOf(idToken) !== offer.nonce) {
    throw new NotSignedIn(offer.issuer, 'an ID token for this key', 'one for another');
  }
  return idToken;
}

async function redeem(offer: SignInOffer, form: URLSearchParams): Promise<string> {
  const refused = (found: string) => new NotSignedIn(offer.issuer, 'an ID token for the code', found);
  let answer: Response;
  try {
    answer = await fetch(offer.tokenEndpoint, {
      method: 'POST',
      body: form,
      headers: { accept: 'application/json' },
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
      signal: AbortSignal.timeout(REDEEM_TIMEOUT),
    });
  } catch (cause) {
    throw new NotSignedIn(offer.issuer, 'an ID token for the code', 'no answer', { cause });
  }
  const document: unknown = await answer.json().catch(() => undefined);
  const said = typeof document === 'object' && document !== null ? document : {};
  if (!answer.ok) {
    throw refused('error' in said ? shortened(String(said.error)) : `status ${answer.status}`);
  }
  if (!('id_token' in said) || typeof said.id_token !== 'string') {
    throw refused('none');
  }
  return said.id_token;
}

/** What a token names as its nonce. Nothing of it is believed here: the steward checks it, this one spares a way. */
function nonceOf(idToken: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(fromUtf8(fromBase64url(idToken.split('.')[1] ?? '')));
    const isObject = typeof claims === 'object' && claims !== null;
    return isObject && 'nonce' in claims && typeof claims.nonce === 'string' ? claims.nonce : undefined;
  } catch {
    return undefined;
  }
}

function shortened(words: string): string {
  return words.replace(/\p{Cc}/gu, '').slice(0, WORDS_MAX);
}

/** Base 64 as it stands in addresses, without padding (RFC 4648 §5). */
export function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @throws where it is none */
export function fromBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
