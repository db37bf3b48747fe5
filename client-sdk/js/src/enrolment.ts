// Enrolment: a newcomer connects to the node that its token names, proves that it holds the token's secret without
// showing it, and waits until somebody approves.

import { Backoff } from './backoff.js';
import { EMPTY, equal, fromHex, fromUtf8, utf8 } from './bytes.js';
import { ParseError } from './decode_error.js';
import { type JoinOptions, type SignInBy, spokenFingerprint, type Waiting } from './enrol.js';
import { asError, Closed, Disconnected, NotEnrolled, TimedOut } from './failure.js';
import { decodeFrame, encodeFrame } from './frame.js';
import type { Identity } from './identity.js';
import { SIGN_IN_BYTES_MAX } from './limits.js';
import { login } from './login.js';
import { parsePrincipalName } from './name.js';
import type { Profile } from './options.js';
import { Refusal } from './refusal.js';
import { type EnrolmentClaim, enrolmentProof } from './seal/enrolment.js';
import { openSignIn, sealSignIn, signInNonce } from './seal/sign_in.js';
import { base64url, fromBase64url, type SignInOffer } from './sign_in.js';
import { browserVia, MessageSocket, sessionUrl } from './socket.js';
import { type JoinToken, parseJoinToken } from './token.js';
import { Directory } from './trust/directory.js';
import { pause, unlessAborted, within } from './waiting.js';
import type { Enrolling } from './wire/sekisho_pb.js';

/** How long a handshake and a login may take, milliseconds. */
const HANDSHAKE_TIMEOUT = 10_000;
/** Pauses before the node is asked again, milliseconds. */
const RETRY = { min: 500, max: 10_000 };

/** See `join`. */
export async function enrol(text: string, options: JoinOptions): Promise<Profile> {
  const token = parseJoinToken(text);
  if (token.expiresUs <= BigInt(Date.now()) * 1000n) {
    const at = token.expiresUs < 0n ? 0n : token.expiresUs;
    const ended = new Date(Number(at / 1000n)).toISOString();
    throw new NotEnrolled(token.principal, `wanted a join token in force, found that it ended at ${ended}`);
  }
  const identity = await options.store.newIdentity(token);
  const statements = await admission(token, identity, options);
  await checkAdmission(token, identity, statements);
  const { principal, root, nodeKey, node } = token;
  const profile = { principal, root, nodeKey, node, web: options.web };
  await options.store.admit(profile);
  return profile;
}

/**
 * Believes an admission only with statements that lead from the token's root to this name and both of its keys: whoever
 * had the secret, and a node that helps, could have had one of their own stated as the key for secrets.
 *
 * @throws NotEnrolled
 */
export async function checkAdmission(
  token: JoinToken,
  identity: Identity,
  statements: readonly Uint8Array[],
): Promise<void> {
  const { organisation } = parsePrincipalName(token.principal);
  const directory = new Directory(organisation, token.root);
  await directory.learn(statements);
  const stated = directory.publisher(identity.id);
  if (stated?.name !== token.principal) {
    throw new NotEnrolled(
      token.principal,
      "wanted statements that lead from the token's root to this key, found none",
    );
  }
  if (stated.kemSuite !== identity.kemSuite || !equal(stated.kemPublicKey, identity.kemPublicKey)) {
    throw new NotEnrolled(
      token.principal,
      'wanted its own key for secrets stated beside its key, found another: somebody else used the token; ' +
        'have this key revoked',
    );
  }
}

/** Asks until there is a decision. */
async function admission(token: JoinToken, identity: Identity, options: JoinOptions): Promise<Uint8Array[]> {
  const { signal } = options;
  const backoff = new Backoff(RETRY.min, RETRY.max);
  let wasThere = false;
  for (;;) {
    if (signal?.aborted) {
      throw new Closed('enrolment', { cause: signal.reason });
    }
    try {
      return await ask(token, identity, options, () => {
        wasThere = true;
        backoff.reset();
      });
    } catch (thrown) {
      const cause = asError(thrown);
      const mayPass = cause instanceof Disconnected || cause instanceof TimedOut;
      // A node that was never there is a wrong address rather than one that is restarted.
      if (!(wasThere && mayPass) && !(cause instanceof Refusal && cause.mayPass)) {
        throw cause;
      }
    }
    await pause(backoff.next(), signal);
  }
}

async function ask(
  token: JoinToken,
  identity: Identity,
  options: JoinOptions,
  isThere: () => void,
): Promise<Uint8Array[]> {
  const opened = (options.via ?? browserVia)(sessionUrl(options.web));
  const opening = MessageSocket.open(opened);
  let socket: MessageSocket | undefined;
  try {
    socket = await within(unlessAborted(opening, options.signal), HANDSHAKE_TIMEOUT, 'a connection');
    const claim = { identity, nodeKey: fromHex(token.nodeKey), certificate: opened.certificate() };
    await within(login(socket, claim), HANDSHAKE_TIMEOUT, 'a login');
    isThere();
    socket.send(encodeFrame({ case: 'enrol', value: await enrolOf(token, identity, options.signIn) }));
    let said: string | undefined;
    for (;;) {
      const enrolling = await unlessAborted(decision(socket), options.signal);
      if (enrolling.state === 2) {
        return enrolling.statements;
      }
      if (enrolling.state === 3) {
        throw new NotEnrolled(token.principal, `refused: ${enrolling.why}`);
      }
      if (enrolling.why !== said) {
        said = enrolling.why;
        options.onWaiting?.(await waitingOf(said, identity, token));
      }
    }
  } finally {
    if (socket === undefined) {
      opened.socket.close();
    } else {
      socket.close('the newcomer leaves');
    }
  }
}

function claimOf(token: JoinToken, identity: Identity): EnrolmentClaim {
  const { name, organisation } = parsePrincipalName(token.principal);
  const { publicKey, kemSuite, kemPublicKey } = identity;
  return { tokenId: token.id, organisation, name, publicKey, kemSuite, kemPublicKey };
}

async function enrolOf(token: JoinToken, identity: Identity, by: SignInBy = 'screen') {
  const claim = claimOf(token, identity);
  const proof = await enrolmentProof(token.secret, claim);
  const { publicKey, kemSuite, kemPublicKey } = identity;
  const signIn = await signInOf(token, claim, by);
  return { version: 1, tokenId: token.id, publicKey, kemSuite, kemPublicKey, proof, signIn };
}

/** What the steward alone is told: of a page nothing, and of one that was at the provider what that says. */
async function signInOf(token: JoinToken, claim: EnrolmentClaim, by: SignInBy): Promise<Uint8Array> {
  if (by === 'screen') {
    return EMPTY;
  }
  const said = by === 'page' ? EMPTY : utf8(by.idToken);
  const sealed = await sealSignIn(token.secret, claim, 'newcomer', said);
  if (sealed.length > SIGN_IN_BYTES_MAX) {
    const wanted = `wanted an ID token of at most ${SIGN_IN_BYTES_MAX - sealed.length + said.length} bytes`;
    throw new NotEnrolled(token.principal, `${wanted}, found ${said.length}`);
  }
  return sealed;
}

/** The next thing that the node says about it. */
async function decision(socket: MessageSocket): Promise<Enrolling> {
  for (;;) {
    const frame = decodeFrame(await socket.next());
    switch (frame.case) {
      case 'enrolling':
        return frame.value;
      case 'refused':
        throw new Refusal(frame.value.code, frame.value.what, frame.value.why);
      case 'goodbye':
        throw frame.value.code === 0
          ? new Disconnected(frame.value.why)
          : new Refusal(frame.value.code, 'enrolment', frame.value.why);
      case 'ping':
        socket.send(encodeFrame({ case: 'pong', value: { token: frame.value.token } }));
        break;
      default:
    }
  }
}

/** How a steward says where to sign in on another screen. */
const SIGN_IN = /: open (https?:\/\/\S+) and compare the code (\S+)$/;
/** How it says where a page may. */
const OFFER = /^sign in on this page: ([\w-]+)$/;

/** What a newcomer is told, taken apart where it is to sign in. */
export async function waitingOf(why: string, identity: Identity, token: JoinToken): Promise<Waiting> {
  const waiting = { why, fingerprint: spokenFingerprint(identity.id) };
  const sealed = OFFER.exec(why)?.[1];
  if (sealed !== undefined) {
    return { ...waiting, offer: await offerOf(sealed, claimOf(token, identity), token) };
  }
  const [, page, code] = SIGN_IN.exec(why) ?? [];
  return page === undefined || code === undefined ? waiting : { ...waiting, page, code };
}

/**
 * The steward's offer.
 *
 * @throws SealError, ParseError where it is somebody else's: nobody is led anywhere then
 */
async function offerOf(sealed: string, claim: EnrolmentClaim, token: JoinToken): Promise<SignInOffer> {
  const said = await openSignIn(token.secret, claim, 'steward', fromBase64url(sealed));
  const document: unknown = JSON.parse(fromUtf8(said));
  const text = (key: string): string => {
    const isObject = typeof document === 'object' && document !== null;
    const value: unknown = isObject ? Reflect.get(document, key) : undefined;
    if (typeof value !== 'string') {
      throw new ParseError('offer to sign in', `a text as ${key}`, typeof value);
    }
    return value;
  };
  return {
    issuer: text('issuer'),
    clientId: text('client_id'),
    authorizationEndpoint: safeAddress(text('authorization_endpoint')),
    tokenEndpoint: safeAddress(text('token_endpoint')),
    nonce: base64url(await signInNonce(token.secret, claim)),
  };
}

/** Nobody is led to what is no address over TLS, or of this machine. */
function safeAddress(address: string): string {
  const { protocol, hostname } = new URL(address);
  const isHere = /^(127(\.\d+){3}|\[::1\])$/.test(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere)) {
    throw new ParseError('offer to sign in', 'an https address', `one of ${protocol}`);
  }
  return address;
}
