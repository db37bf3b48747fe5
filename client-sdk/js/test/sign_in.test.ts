// Signing in at a provider, as far as a page goes by itself; with a provider that answers over HTTP on this machine.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, hex, sha256, utf8 } from '../src/bytes.js';
import { beginSignIn, finishSignIn } from '../src/enrol.js';
import { openSignIn, sealSignIn, signInNonce } from '../src/seal/sign_in.js';
import { base64url, type SignInOffer } from '../src/sign_in.js';

const HERE = 'https://dash.example/';
const SECRET = fromHex('06'.repeat(32));
const CLAIM = {
  tokenId: fromHex('05'.repeat(16)),
  organisation: 'fujisawa',
  name: 'sato',
  publicKey: fromHex('07'.repeat(32)),
  kemSuite: 1,
  kemPublicKey: fromHex('08'.repeat(32)),
} as const;

let server: Server;
let origin: string;
let asked: URLSearchParams[] = [];
let answer: { status: number; body: string };

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString();
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    asked.push(new URLSearchParams(await bodyOf(request)));
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
});

function offer(): SignInOffer {
  const [authorizationEndpoint, tokenEndpoint] = [`${origin}/auth?city=1`, `${origin}/token`];
  return { issuer: origin, clientId: 'sekisho', authorizationEndpoint, tokenEndpoint, nonce: 'this key' };
}

function idToken(nonce: string): string {
  return ['{}', JSON.stringify({ nonce }), 'x'].map((part) => base64url(utf8(part))).join('.');
}

describe('what newcomer and steward say to each other', () => {
  it('is sealed as the other implementation seals it', async () => {
    expect(hex(await signInNonce(SECRET, CLAIM))).toBe(
      'c73ac9b2d1c0602f71c36ede28a1296a35d4ad41af8c3c06056d1821ed686024',
    );
    const salt = fromHex('09'.repeat(32));
    const sealed = await sealSignIn(SECRET, CLAIM, 'newcomer', utf8('an ID token'), salt);
    expect(hex(sealed)).toBe(
      '0909090909090909090909090909090909090909090909090909090909090909df8ef98ea5171ee20d445d351d289935040e0e5ea9f3fb178bf1fc',
    );
    expect(await openSignIn(SECRET, CLAIM, 'newcomer', sealed)).toEqual(utf8('an ID token'));
    await expect(openSignIn(SECRET, CLAIM, 'steward', sealed)).rejects.toThrow(/wanted what was sealed/);
    await expect(openSignIn(SECRET, CLAIM, 'newcomer', sealed.slice(0, 40))).rejects.toThrow();
  });
});

describe('a page that has somebody sign in', () => {
  it('sends them with a challenge, and redeems with what it kept', async () => {
    const { page, begun } = await beginSignIn(offer(), HERE);
    const query = new URL(page).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      city: '1',
      response_type: 'code',
      client_id: 'sekisho',
      redirect_uri: HERE,
      scope: 'openid',
      state: begun.state,
      nonce: 'this key',
      code_challenge: base64url(sha256(utf8(begun.verifier))),
      code_challenge_method: 'S256',
    });
    expect(page).not.toContain(begun.verifier);
    asked = [];
    answer = { status: 200, body: JSON.stringify({ id_token: idToken('this key') }) };
    const back = new URLSearchParams({ code: 'c', state: begun.state, iss: origin });
    expect(await finishSignIn(begun, `?${back}`)).toBe(idToken('this key'));
    expect(asked.map((form) => Object.fromEntries(form))).toEqual([
      {
        grant_type: 'authorization_code',
        client_id: 'sekisho',
        code: 'c',
        redirect_uri: HERE,
        code_verifier: begun.verifier,
      },
    ]);
  });

  it('asks the provider nothing where the answer is not one to it', async () => {
    const { begun } = await beginSignIn(offer(), HERE);
    const { begun: other } = await beginSignIn(offer(), HERE);
    asked = [];
    const { state } = begun;
    for (const [query, why] of [
      [{ code: 'c', state: other.state }, /an answer to what this page asked/],
      [{ code: 'c' }, /an answer to what this page asked/],
      [{ code: 'c', state: '' }, /an answer to what this page asked/],
      [{ code: 'c', state, iss: 'https://other.example' }, /that of another provider/],
      [{ error: 'access_denied', state }, /wanted a yes, found access_denied/],
      [{ state }, /wanted a yes, found no code/],
    ] as const) {
      await expect(finishSignIn(begun, `?${new URLSearchParams(query)}`)).rejects.toThrow(why);
    }
    await expect(finishSignIn(begun, `?code=c&state=${state}&state=${state}`)).rejects.toThrow(
      /what this page/,
    );
    expect(asked).toEqual([]);
  });

  it('says what the provider says, and takes no token of another key', async () => {
    const { begun } = await beginSignIn(offer(), HERE);
    const query = `?code=c&state=${begun.state}`;
    for (const [status, body, why] of [
      [400, '{"error":"invalid_grant"}', /found invalid_grant/],
      [500, 'oh', /found status 500/],
      [200, '{}', /found none/],
      [200, 'null', /found none/],
      [200, JSON.stringify({ id_token: idToken('another key') }), /wanted an ID token for this key/],
      [200, '{"id_token":"x"}', /wanted an ID token for this key/],
    ] as const) {
      answer = { status, body };
      await expect(finishSignIn(begun, query)).rejects.toThrow(why);
    }
    const away = { ...begun, offer: { ...begun.offer, tokenEndpoint: 'http://127.0.0.1:1/token' } };
    await expect(finishSignIn(away, query)).rejects.toThrow(/found no answer/);
  });
});
