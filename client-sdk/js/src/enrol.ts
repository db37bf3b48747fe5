// How a newcomer becomes a principal. What does it is loaded when somebody joins, which happens once.

import { fingerprint, type Identity } from './identity.js';
import type { Profile } from './options.js';
import type { SignInBegun, SignInOffer } from './sign_in.js';
import type { Via } from './socket.js';
import type { JoinToken } from './token.js';

/** Where a newcomer's keys and profile are kept. */
export interface JoinStore {
  /** The keys that are to be enrolled: made where there are none, kept before they are shown. */
  newIdentity(token: JoinToken): Promise<Identity>;
  /** Keeps who it is now. */
  admit(profile: Profile): Promise<void>;
}

/** What a newcomer waits for. */
export interface Waiting {
  /** The node's words: that somebody has to approve, or the page and the code to sign in with. */
  readonly why: string;
  /** What people compare on both sides, such as `5189-bfc3-7f7b-2a37`. */
  readonly fingerprint: string;
  /**
   * A page to sign in at, where `why` names one, and the code that it will show. Both come through the node: it
   * is for people to judge whether they know the page. Do not open it by itself.
   */
  readonly page?: string;
  readonly code?: string;
  /** Where this page itself may have the person sign in, where `signIn` asked for that; the steward's own word. */
  readonly offer?: SignInOffer;
}

/** How a newcomer signs in where its invitation wants that. */
export type SignInBy =
  /** On another screen, with a code to compare: the page and the code are in {@link Waiting}. */
  | 'screen'
  /** On the page that joins: where is {@link Waiting.offer}; `beginSignIn` goes on from there. */
  | 'page'
  /** It did: this is what `finishSignIn` gave. */
  | { readonly idToken: string };

/** How to join. */
export interface JoinOptions {
  readonly store: JoinStore;
  /** The node's web listener: `host:port`, or a URL such as the page's own. */
  readonly web: string;
  /** Default: `screen`. */
  readonly signIn?: SignInBy;
  /** Called with what it waits for, each time that the node says something else. */
  readonly onWaiting?: (waiting: Waiting) => void;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** What opens WebSockets. Default: the global `WebSocket`. */
  readonly via?: Via;
}

/** A key's fingerprint as people read it out: four groups of four digits. */
export function spokenFingerprint(principalId: string): string {
  return (fingerprint(principalId).match(/.{4}/g) ?? []).join('-');
}

/**
 * Enrols the store's keys as the token says; resolves when that is approved and proven by statements that
 * lead from the token's root to these keys. Where the connection is lost meanwhile it connects again.
 *
 * @throws ParseError, NotEnrolled (also where the token has run out), Refusal, NodeNotProven, Disconnected
 * (nobody is there), Closed (the signal was aborted)
 */
export async function join(token: string, options: JoinOptions): Promise<Profile> {
  const { enrol } = await import('./enrolment.js');
  return enrol(token, options);
}

/**
 * Begins a sign-in at the provider that {@link Waiting.offer} names: where to send the person, and what to keep to
 * oneself until they are back. Whoever has that and the code of the answer has the ID token.
 *
 * @param redirectUri - where the provider leads back to; it has to know the address
 */
export async function beginSignIn(
  offer: SignInOffer,
  redirectUri: string,
): Promise<{ readonly page: string; readonly begun: SignInBegun }> {
  const { begin } = await import('./sign_in.js');
  return begin(offer, redirectUri);
}

/**
 * Ends a sign-in: redeems the code that the provider led back with.
 *
 * @param query - what the address had behind the question mark
 * @returns the ID token, for {@link JoinOptions.signIn}
 * @throws NotSignedIn where it is no answer to this sign-in, the person or the provider said no, or the token was
 * asked for by somebody else
 */
export async function finishSignIn(begun: SignInBegun, query: string): Promise<string> {
  const { finish } = await import('./sign_in.js');
  return finish(begun, query);
}
