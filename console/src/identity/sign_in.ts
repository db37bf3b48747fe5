// Away at an OpenID provider and back: what this page keeps to itself meanwhile, and what it takes out of the address.

import { beginSignIn, finishSignIn, NotSignedIn, type SignInBegun, type SignInOffer } from '@sekisho/client';

/** Kept in this tab alone, until it is back: it holds the join token and what redeems the provider's code. */
const AWAY = 'sekisho-sign-in';

interface Away {
  readonly token: string;
  readonly begun: SignInBegun;
}

/** A sign-in that came back to this page. */
export interface Returned {
  /** The join token that it is for; nothing where this tab sent nobody away. */
  readonly token: string | undefined;
  /**
   * Redeems the provider's code.
   *
   * @throws NotSignedIn
   */
  finish(): Promise<string>;
}

/** Sends the person to the provider. The page ends with it. */
export async function leaveToSignIn(offer: SignInOffer, token: string): Promise<void> {
  const { page, begun } = await beginSignIn(offer, `${location.origin}${location.pathname}`);
  const away: Away = { token, begun };
  sessionStorage.setItem(AWAY, JSON.stringify(away));
  location.assign(page);
}

/** Takes a provider's answer out of the address bar, before anybody copies it or a picture is made of it. */
export function takeSignInFromAddress(): Returned | undefined {
  const query = location.search;
  const answer = new URLSearchParams(query);
  // Whoever comes back in another way is back as well.
  const kept = sessionStorage.getItem(AWAY);
  sessionStorage.removeItem(AWAY);
  if (!answer.has('state') || !(answer.has('code') || answer.has('error'))) return undefined;
  history.replaceState(history.state, '', location.pathname);
  // Only this page writes there.
  const away = kept === null ? undefined : (JSON.parse(kept) as Away);
  return {
    token: away?.token,
    finish: () => {
      if (away === undefined) {
        throw new NotSignedIn(location.host, 'an answer to what this page asked', 'another');
      }
      return finishSignIn(away.begun, query);
    },
  };
}
