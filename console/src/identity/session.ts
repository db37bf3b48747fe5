// Who this browser is at the node: nobody, a newcomer that waits, or a principal with keys that
// stay in this browser. Both pages begin here.

import { signal } from '@preact/signals';
import {
  BrowserKeyStore,
  Client,
  type ConnectOptions,
  join,
  NodeNotProven,
  type Profile,
  parseJoinToken,
  type SignInBy,
  spokenFingerprint,
  type Waiting,
} from '@sekisho/client';
import { askNode, node } from './node';
import { leaveToSignIn, type Returned, takeSignInFromAddress } from './sign_in';

/** Where a browser stands. */
export type Standing =
  /** The page looks into its store. */
  | { at: 'starting' }
  /** There are no keys here, or none that count. */
  | { at: 'stranger' }
  /** A token was given and the node is asked. */
  | { at: 'joining'; principal: string; waiting: Waiting | undefined }
  /** There are keys and a profile. */
  | { at: 'member' };

/** How a page's own client stands, where the page asked for one. */
export type Connection = 'none' | 'connecting' | 'connected' | 'closed';

const standing = signal<Standing>({ at: 'starting' });
const profile = signal<Profile | undefined>(undefined);
const client = signal<Client | undefined>(undefined);
const state = signal<Connection>('none');
const fault = signal<Error | undefined>(undefined);
const fingerprint = signal<string | undefined>(undefined);

let store: BrowserKeyStore | undefined;
let joining: AbortController | undefined;
/** The token that is joined with. */
let held: string | undefined;
/** Ends when the node has said who it is, or that cannot be asked. */
let asked: Promise<void> = Promise.resolve();

async function opened(): Promise<BrowserKeyStore> {
  store ??= await BrowserKeyStore.open();
  return store;
}

function failed(thrown: unknown): void {
  fault.value = thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The other pages of this browser: whoever logs out in one has left them all. */
const tabs = new BroadcastChannel('sekisho-session');
tabs.addEventListener('message', () => location.reload());

/** Takes a token out of the address bar, so that it stays in no history and no screenshot. */
export function takeTokenFromAddress(): string | undefined {
  const found = /^#join=(.+)$/.exec(location.hash)?.[1];
  if (location.hash.startsWith('#join=')) {
    history.replaceState(history.state, '', `${location.pathname}${location.search}`);
  }
  try {
    return found === undefined ? undefined : decodeURIComponent(found);
  } catch {
    return found; // No token has such a text: whoever reads it as one says so.
  }
}

/** A link with a token was followed while this page is open. */
async function takeIn(): Promise<void> {
  const token = takeTokenFromAddress();
  if (token === undefined) return;
  const known = profile.peek();
  if (known === undefined) await enrol(token);
  else offered.value = someoneElse(token, known);
}

async function remember(known: Profile): Promise<void> {
  const identity = await (await opened()).identity();
  fingerprint.value = spokenFingerprint(identity.id);
  profile.value = known;
  standing.value = { at: 'member' };
}

/** Looks who this browser is; with a token in the address, joins. */
async function begin(): Promise<void> {
  const returned = takeSignInFromAddress();
  const token = takeTokenFromAddress();
  addEventListener('hashchange', () => void takeIn());
  asked = askNode().catch(() => undefined); // A page without the node's word on itself still works.
  try {
    const known = await (await opened()).profile();
    if (known !== undefined) {
      await remember(known);
      offered.value = token === undefined ? undefined : someoneElse(token, known);
      return;
    }
  } catch (thrown) {
    failed(thrown);
  }
  standing.value = { at: 'stranger' };
  if (returned !== undefined) await comeBack(returned);
  else if (token !== undefined) await enrol(token);
}

/** Somebody is back from the provider. Whoever was not signed in there may try again. */
async function comeBack({ token, finish }: Returned): Promise<void> {
  if (token !== undefined) {
    standing.value = { at: 'joining', principal: parseJoinToken(token).principal, waiting: undefined };
  }
  let by: SignInBy | undefined;
  try {
    by = { idToken: await finish() };
  } catch (thrown) {
    failed(thrown);
  }
  if (token === undefined) return;
  const refused = fault.value;
  const enrolled = enrol(token, by);
  if (by === undefined) fault.value = refused;
  await enrolled;
}

/** Whom a token is for, where that is not who this browser is; a token that is none is for nobody. */
function someoneElse(token: string, known: Profile): string | undefined {
  try {
    const { principal } = parseJoinToken(token);
    return principal === known.principal ? undefined : principal;
  } catch {
    return undefined;
  }
}

/** Whom the address's token is for, where that is somebody else than who this browser is. */
const offered = signal<string | undefined>(undefined);

/** A token of one organisation, at the node of another. */
class OtherOrganisation extends Error {
  override readonly name = 'other-organisation';

  constructor(
    /** The organisation that the token is for. */
    readonly what: string,
    /** The organisation that the node says it is of. */
    readonly why: string,
  ) {
    super(`join token: wanted one of ${why}, found one of ${what}`);
  }
}

/** That another node answered since the token is for another organisation, where that is so. */
function elsewhere(token: string, thrown: unknown): Error | undefined {
  if (!(thrown instanceof NodeNotProven)) return undefined;
  const wanted = parseJoinToken(token).principal.split('@')[1] ?? '';
  const found = node.value?.organisation ?? '';
  return found === '' || found === wanted ? undefined : new OtherOrganisation(wanted, found);
}

/** Becomes a principal with a join token, where that wants it by signing in. */
async function enrol(token: string, by?: SignInBy): Promise<void> {
  fault.value = undefined;
  joining?.abort();
  const mine = new AbortController();
  joining = mine;
  held = token;
  try {
    const { principal } = parseJoinToken(token);
    standing.value = { at: 'joining', principal, waiting: undefined };
    const onWaiting = (waiting: Waiting) => {
      standing.value = { at: 'joining', principal, waiting };
    };
    await asked;
    const signIn = by ?? ((node.value?.signIn ?? []).length > 0 ? 'page' : 'screen');
    const options = { store: await opened(), web: location.origin, onWaiting, signal: mine.signal, signIn };
    await remember(await join(token, options));
    held = undefined;
  } catch (thrown) {
    if (mine.signal.aborted) return;
    failed(elsewhere(token, thrown) ?? thrown);
    standing.value = { at: 'stranger' };
  }
}

/** Goes to the provider that the steward named; what comes back comes to {@link begin}. */
async function signIn(): Promise<void> {
  const at = standing.value;
  const offer = at.at === 'joining' ? at.waiting?.offer : undefined;
  if (offer === undefined || held === undefined) return;
  joining?.abort();
  await leaveToSignIn(offer, held);
}

/** Stops waiting for approval; the keys that were made stay, for another attempt. */
function cancel(): void {
  joining?.abort();
  standing.value = { at: 'stranger' };
}

/** Makes this page's own client. It connects again by itself until it is closed for good. */
async function connect(options?: Partial<ConnectOptions>): Promise<void> {
  const known = profile.value;
  if (known === undefined || state.value !== 'none') return;
  state.value = 'connecting';
  fault.value = undefined;
  try {
    const keys = await opened();
    const made = await Client.connect({
      profile: known,
      keys,
      trust: keys,
      web: location.origin,
      ...options,
    });
    client.value = made;
    state.value = 'connected';
    made.onState((next, why) => {
      state.value = next;
      fault.value = next === 'connected' ? undefined : why;
    });
  } catch (thrown) {
    failed(thrown);
    state.value = 'closed';
  }
}

/** Tries again after a client was closed for good. */
async function again(): Promise<void> {
  await client.value?.close().catch(() => undefined);
  client.value = undefined;
  state.value = 'none';
  await connect();
}

/** Logs out: closes the client and destroys the keys, which nobody can bring back. */
async function leave(): Promise<void> {
  joining?.abort();
  await client.value?.close().catch(() => undefined);
  await (await opened()).destroy();
  tabs.postMessage('left');
  location.reload();
}

/** The browser's standing at the node, and what changes it. */
export const session = {
  standing,
  profile,
  client,
  state,
  fault,
  fingerprint,
  offered,
  begin,
  enrol,
  signIn,
  cancel,
  connect,
  again,
  leave,
};
