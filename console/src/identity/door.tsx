// The first screen: who comes without keys joins here, whoever has some goes through.

import type { Waiting } from '@sekisho/client';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Header } from '../parts/header';
import { Notice } from '../parts/notice';
import { duration } from '../words/format';
import { clockAheadMs, isClockWrong, node } from './node';
import { session } from './session';
import { explain } from './trouble';
import { words } from './words';

let hasBegun = false;

/**
 * Shows its children to whoever has keys; to others, how to get some.
 *
 * @param props.connect - the page wants a client of its own, and its children only while there is one that was not
 * closed for good: what they showed goes with it
 */
export function Door(props: { title: string; connect?: boolean; children: ComponentChildren }) {
  useEffect(() => {
    if (hasBegun) return;
    hasBegun = true;
    void session.begin();
  }, []);
  const { at } = session.standing.value;
  const isMember = at === 'member';
  useEffect(() => {
    if (isMember && props.connect === true) void session.connect();
  }, [isMember, props.connect]);
  const isHeard = session.client.value !== undefined && session.state.value !== 'closed';
  if (isMember && (props.connect !== true || isHeard)) return <>{props.children}</>;
  return (
    <div class="door">
      <Header title={props.title} sub={node.value?.organisation} />
      <main class="door-stage">
        <div class="door-card">
          <Trouble />
          <Clock />
          {at === 'joining' ? <Joining /> : at === 'stranger' ? <Stranger /> : <Starting />}
        </div>
      </main>
    </div>
  );
}

function Trouble() {
  const w = words();
  const fault = session.fault.value;
  if (fault === undefined) return null;
  const { title, text } = explain(fault);
  const isClosed = session.state.value === 'closed';
  return (
    <div role="alert" class="stack">
      <Notice weight="bad" title={title}>
        {text}
      </Notice>
      {isClosed ? (
        <div class="row">
          <button type="button" class="button" onClick={() => void session.again()}>
            {w.retry}
          </button>
          <button type="button" class="button" onClick={() => void session.leave()}>
            {w.logOutConfirm}
          </button>
        </div>
      ) : null}
    </div>
  );
}

/** Says so where the viewer's clock is wrong. */
export function Clock() {
  const w = words();
  const ahead = clockAheadMs.value ?? 0;
  if (!isClockWrong.value) return null;
  return (
    <Notice weight="warn" title={w.clockTitle(duration(Math.abs(ahead)), ahead > 0)}>
      {w.clockText}
    </Notice>
  );
}

/** Says so where the link was for somebody else than who this browser is. */
export function Offered() {
  const w = words();
  const principal = session.offered.value;
  return principal === undefined ? null : <Notice title={w.offered(principal)}>{w.offeredText}</Notice>;
}

function Starting() {
  const w = words();
  const isConnecting = session.standing.value.at === 'member';
  if (session.state.value === 'closed') return null;
  return (
    <p class="row" role="status">
      <span class="spinner" aria-hidden="true" />
      {isConnecting ? w.connecting : w.starting}
    </p>
  );
}

function Stranger() {
  const w = words();
  const [token, setToken] = useState('');
  return (
    <>
      <h2>{w.welcome}</h2>
      <p>{w.intro(node.value?.organisation || w.here)}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== '') void session.enrol(token);
        }}
      >
        <div class="field">
          <label for="token">{w.token}</label>
          <textarea
            id="token"
            class="mono"
            rows={4}
            value={token}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            aria-describedby="token-hint"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <p id="token-hint" class="field-hint">
            {w.tokenHint}
          </p>
        </div>
        <button type="submit" class="button button-primary" disabled={token.trim() === ''}>
          {w.join}
        </button>
      </form>
      <p class="field-hint">{w.keysStay}</p>
    </>
  );
}

function Joining() {
  const w = words();
  const standing = session.standing.value;
  if (standing.at !== 'joining') return null;
  const { waiting } = standing;
  const offer = waiting?.offer;
  const title = offer === undefined ? w.waitingTitle : w.signIn;
  return (
    <>
      <h2>{waiting === undefined ? w.joining(standing.principal) : title}</h2>
      <div role="status" class="stack">
        {waiting === undefined ? (
          <p class="row">
            <span class="spinner" aria-hidden="true" />
            {w.connecting}
          </p>
        ) : offer === undefined ? (
          <Approval principal={standing.principal} waiting={waiting} />
        ) : (
          <SignInHere principal={standing.principal} provider={hostOf(offer.issuer)} />
        )}
      </div>
      <button type="button" class="button" onClick={session.cancel}>
        {w.cancel}
      </button>
    </>
  );
}

function Approval({ principal, waiting }: { principal: string; waiting: Waiting }) {
  const w = words();
  return (
    <>
      <p>
        {w.you} <b>{principal}</b>. {w.waitingText}
      </p>
      <p>
        <span class="fingerprint">{waiting.fingerprint}</span>
      </p>
      {waiting.page === undefined ? null : (
        <>
          <SignIn page={waiting.page} why={waiting.why} />
          <p class="field-hint">
            {w.nodeSays}: {waiting.why}
          </p>
        </>
      )}
    </>
  );
}

/** The way to the provider that the steward itself named: no node can name another. */
function SignInHere({ principal, provider }: { principal: string; provider: string }) {
  const w = words();
  return (
    <>
      <p>
        {w.you} <b>{principal}</b>.
      </p>
      <p>
        <button type="button" class="button button-primary" onClick={() => void session.signIn()}>
          {w.signInHere(provider)}
        </button>
      </p>
      <p class="field-hint">{w.signInHereText(provider)}</p>
    </>
  );
}

function hostOf(page: string): string {
  try {
    return new URL(page).host;
  } catch {
    return page;
  }
}

/** The page of an OpenID provider. It is the node's word that it is one: people see where it leads. */
function SignIn({ page, why }: { page: string; why: string }) {
  const w = words();
  const code = /\bcode\s+(\S+)\s*$/.exec(why)?.[1];
  return (
    <div class="stack">
      <p>{w.signInText}</p>
      {code === undefined ? null : (
        <p>
          <span class="sr-only">{w.code}: </span>
          <span class="fingerprint">{code}</span>
        </p>
      )}
      <p class="row">
        <a class="button button-primary" href={page} target="_blank" rel="noopener noreferrer">
          {w.signIn}
        </a>
        <span class="dim">
          {w.signInHost} {hostOf(page)}
        </span>
      </p>
    </div>
  );
}
