// People who sign in at an OpenID provider, a real one, from a page of a real node: it says who they are, and
// nothing else that it says counts.

import { appendFileSync } from 'node:fs';
import { join as path } from 'node:path';
import {
  beginSignIn,
  finishSignIn,
  join,
  MemoryStore,
  type SignInBy,
  type SignInOffer,
} from '@sekisho/client';
import { via } from '@sekisho/client/node';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, openPage, Process, ROOT, run, type Watched } from '../src/index.js';
import { complaints, device, expectNoComplaint, holds, seen } from './dashboard/visit.js';

const AIR = 'fujisawa/truck/1/air';
/** By so much the clock of a provider is behind whose tokens have run out when they come, seconds. */
const BEHIND = 1_800;

let city: City;
let provider: Process;
let slow: Process;
let issuer: string;
let slowIssuer: string;
let visitor: Watched | undefined;
let number = 0;

function script(name: string): string {
  return path(ROOT, 'e2e/openid', name);
}

beforeAll(async () => {
  city = await City.plan('fujisawa', { web: true });
  provider = Process.start('the provider', 'node', [script('provider.mjs')], city.place('provider.log'));
  slow = Process.start(
    'one with a wrong clock',
    'node',
    [script('provider.mjs'), `${BEHIND}`],
    city.place('slow.log'),
  );
  [issuer, slowIssuer] = await Promise.all([provider.ready(), slow.ready()]);
  appendFileSync(path(city.dir, 'sekisho.toml'), `\n[web]\nsign_in = ["${issuer}", "${slowIssuer}"]\n`);
  await city.start();
  const truck = await city.member('truck-1', { topics: ['fujisawa/truck/1/#'] });
  await city.describe(AIR, {
    type: 'vehicle',
    title: 'Truck 1',
    mobile: true,
    transducers: { pm2_5: 'ug/m3' },
  });
  await truck.publish(AIR, { pm2_5: 12.5, latitude: 35.34, longitude: 139.49 });
});

afterEach(async () => {
  await visitor?.context.close();
  visitor = undefined;
});

afterAll(async () => {
  await closeBrowser();
  await Promise.all([provider, slow].map((each) => each?.stop()));
  await city?.[Symbol.asyncDispose]();
});

/** Invites somebody new who is to sign in as a subject; the name and the token. */
async function invite(
  subject: string,
  read: readonly string[],
  at = issuer,
): Promise<{ name: string; token: string }> {
  number += 1;
  const name = `person-${number}`;
  const openid = ['--openid', at, '--openid-client', 'sekisho', '--openid-subject', subject];
  return {
    name,
    token: await city.enrol(name, { kind: 'person', read, approveMatching: false, more: openid }),
  };
}

/** Follows the link of an invitation up to the button of the provider, and what the page asks of whom from then on. */
async function follow(token: string, page = '/', locale = 'en-GB'): Promise<{ page: Page; asked: string[] }> {
  visitor = await openPage({ locale, viewport: { width: 1280, height: 860 } });
  const asked: string[] = [];
  visitor.page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
  await visitor.page.goto(`${city.web}${page}#join=${token}`);
  return { page: visitor.page, asked };
}

function button(page: Page) {
  return page.getByRole('button', { name: `Sign in with ${new URL(issuer).host}` });
}

/** Fills in the provider's own forms. */
async function signIn(page: Page, subject: string): Promise<void> {
  await page.locator('input[name=login]').fill(subject);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

describe('a person on a page', () => {
  test('signs in, is admitted, and sees what was granted and nothing else', async () => {
    const { name, token } = await invite('sato-42', [AIR]);
    const { page, asked } = await follow(token);
    await button(page).click();
    await signIn(page, 'sato-42');
    await seen(device(page, 'Truck 1'));
    await seen(page.getByRole('button', { name: new RegExp(`${name}@fujisawa`) }));

    // The code and what redeems it are gone from wherever somebody could find them.
    expect(page.url()).toBe(`${city.web}/`);
    expect(await page.evaluate(() => sessionStorage.length + localStorage.length)).toBe(0);
    // The provider alone is asked for the token, and nobody sees the verifier before it does.
    const redeemed = asked.filter((each) => each.startsWith(`POST ${issuer}/token`));
    expect(redeemed).toHaveLength(1);
    expect(asked.filter((each) => /code_verifier|id_token/.test(each))).toEqual([]);
    expect(asked.some((each) => each.includes('code_challenge_method=S256'))).toBe(true);
    expect(city.log()).not.toMatch(/eyJ/);

    const what = (await city.json(['what', `${name}@fujisawa`])) as {
      grants: { filter: string; actions: string }[];
    };
    expect(what.grants.map(({ filter }) => filter)).toEqual([AIR]);
    // The provider calls everybody an administrator, which nobody asked it.
    expect(what.grants[0]?.actions).not.toMatch(/administer|publish|grant/);
    await page.reload();
    await seen(device(page, 'Truck 1'));
    expect(complaints(visitor as Watched)).toEqual([]);
  });

  test('signs in at the console in their own language', async () => {
    const { token } = await invite('alcalde-1', [AIR]);
    const { page } = await follow(token, '/console', 'es-ES');
    await page.getByRole('button', { name: `Iniciar sesión con ${new URL(issuer).host}` }).click();
    await signIn(page, 'alcalde-1');
    await seen(page.locator('#room-title'));
    expect(new URL(page.url()).search).toBe('');
  });

  test('who was granted nothing sees nothing', async () => {
    const { token } = await invite('suzuki-7', []);
    const { page } = await follow(token);
    await button(page).click();
    await signIn(page, 'suzuki-7');
    await seen(page.getByText('There is nothing you may see yet'));
    expect(await page.locator('.list-button').count()).toBe(0);
  });

  test('who signs in as somebody else is told so and is nobody', async () => {
    const { name, token } = await invite('sato-43', [AIR]);
    const { page } = await follow(token);
    await button(page).click();
    await signIn(page, 'suzuki-8');
    const alert = page.getByRole('alert');
    await seen(alert);
    await holds(async () => expect(await alert.innerText()).toContain('sub: wanted who was invited'));
    expect(await alert.innerText()).not.toContain('suzuki');
    expect(((await city.json(['what', `${name}@fujisawa`])) as { id: unknown }).id).toBeNull();
  });

  test('who turns away at the provider is told so, and may try again', async () => {
    const { token } = await invite('sato-44', [AIR]);
    const { page, asked } = await follow(token);
    await button(page).click();
    await page.getByRole('link', { name: 'Cancel' }).click();
    const alert = page.getByRole('alert');
    await seen(alert);
    expect(await alert.innerText()).toContain('You are not signed in');
    expect(await alert.innerText()).toContain('access_denied');
    expect(asked.filter((each) => each.startsWith('POST') && each.includes('/token'))).toEqual([]);
    await button(page).click();
    await signIn(page, 'sato-44');
    await seen(device(page, 'Truck 1'));
  });

  test('an answer that this page did not ask for is refused, and leaves the address at once', async () => {
    visitor = await openPage({ locale: 'en-GB' });
    const { page } = visitor;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${city.web}/?code=of-somebody-else&state=made-up`);
    await seen(page.getByText('You are not signed in'));
    expect(page.url()).toBe(`${city.web}/`);

    // Also where this page did send somebody away: with another state.
    const { token } = await invite('sato-45', [AIR]);
    await page.goto(`${city.web}/#join=${token}`);
    await button(page).click();
    await seen(page.locator('input[name=login]'));
    await page.goto(`${city.web}/?code=of-somebody-else&state=made-up`);
    await seen(page.getByText('You are not signed in'));
    expect(asked.filter((url) => url.startsWith(`${issuer}/token`))).toEqual([]);
    await expectNoComplaint(visitor);
  });
});

/** What an attempt without a page comes to: the offer, or that it was admitted or refused. */
async function attempt(token: string, store: MemoryStore, signIn: SignInBy): Promise<SignInOffer | string> {
  const leave = new AbortController();
  let offer: SignInOffer | undefined;
  try {
    const profile = await join(token, {
      store,
      web: city.web,
      via,
      signIn,
      signal: leave.signal,
      onWaiting: (waiting) => {
        if (waiting.offer !== undefined) {
          offer = waiting.offer;
          leave.abort();
        }
      },
    });
    return profile.principal;
  } catch (thrown) {
    return offer ?? (thrown as Error).message;
  }
}

/** Asks for the offer, as somebody with these keys. */
async function offerOf(token: string, store: MemoryStore): Promise<SignInOffer> {
  const offer = await attempt(token, store, 'page');
  if (typeof offer === 'string') throw new Error(`wanted an offer to sign in, found ${offer}`);
  return offer;
}

/** Signs in at the provider, and gives the ID token that a page would have. */
async function idToken(offer: SignInOffer, subject: string): Promise<string> {
  const { page, begun } = await beginSignIn(offer, `${city.web}/`);
  const said = await run('node', [script('person.mjs'), page, subject]);
  const [, led] = said.output.split('\n');
  return await finishSignIn(begun, new URL(led ?? '').search);
}

describe('an ID token', () => {
  test('that was stolen enrols nobody else’s key, and its owner still gets in', async () => {
    const { name, token } = await invite('sato-50', [AIR]);
    const [sato, thief] = [new MemoryStore(), new MemoryStore()];
    const stolen = await idToken(await offerOf(token, sato), 'sato-50');
    // Even with the invitation: the token is for Sato's key.
    const refused = await attempt(token, thief, { idToken: stolen });
    expect(refused).toContain('nonce: wanted that of this invitation and this key, found another');
    // Nor for another invitation.
    const other = await invite('sato-50', [AIR]);
    expect(await attempt(other.token, new MemoryStore(), { idToken: stolen })).toContain('nonce: wanted');
    expect(await attempt(token, sato, { idToken: stolen })).toBe(`${name}@fujisawa`);
    // Nor afterwards.
    expect(await attempt(token, thief, { idToken: stolen })).toContain('wanted a token that is open');
  });

  test('for another client, of another person, of no sign-in or that has run out admits nobody', async () => {
    const { name, token } = await invite('sato-51', [AIR]);
    const store = new MemoryStore();
    const offer = await offerOf(token, store);
    const others = await idToken({ ...offer, clientId: 'another' }, 'sato-51');
    expect(await attempt(token, store, { idToken: others })).toContain('aud: wanted sekisho, found another');
    const suzukis = await idToken(offer, 'suzuki-51');
    expect(await attempt(token, store, { idToken: suzukis })).toContain('sub: wanted who was invited');
    const unasked = await attempt(token, store, { idToken: 'x.y.z' });
    expect(unasked).toContain('wanted one that the provider signed');
    expect(((await city.json(['what', `${name}@fujisawa`])) as { id: unknown }).id).toBeNull();

    const late = await invite('sato-52', [AIR], slowIssuer);
    const old = await idToken(await offerOf(late.token, store), 'sato-52').catch(
      (thrown: Error) => thrown.message,
    );
    expect(await attempt(late.token, store, { idToken: old })).toMatch(/exp: wanted a time after/);
  });

  test('is redeemed by no other page: a code is worth nothing without its verifier', async () => {
    const { token } = await invite('sato-53', [AIR]);
    const offer = await offerOf(token, new MemoryStore());
    const { page, begun } = await beginSignIn(offer, `${city.web}/`);
    const said = await run('node', [script('person.mjs'), page, 'sato-53']);
    const query = new URL(said.output.split('\n')[1] ?? '').search;
    // What a node sees that serves the page is this query, and no verifier.
    const guessed = { ...begun, verifier: 'A'.repeat(43) };
    await expect(finishSignIn(guessed, query)).rejects.toThrow(/invalid_grant/);
    const again = await beginSignIn(offer, `${city.web}/`);
    const { output } = await run('node', [script('person.mjs'), again.page, 'sato-53']);
    const answer = new URL(output.split('\n')[1] ?? '').search;
    expect(await finishSignIn(again.begun, answer)).toMatch(/^eyJ/);
    await expect(finishSignIn(again.begun, answer)).rejects.toThrow(/invalid_grant/);
  });
});
