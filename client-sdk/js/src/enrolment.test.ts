import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex, utf8 } from './bytes.js';
import { waitingOf } from './enrolment.js';
import { generateWebKeys, type Identity, webIdentity } from './identity.js';
import { parsePrincipalName } from './name.js';
import { sealSignIn } from './seal/sign_in.js';
import { base64url } from './sign_in.js';
import type { JoinToken } from './token.js';

const TOKEN: JoinToken = {
  principal: 'sato@fujisawa',
  kind: 'person',
  root: '01'.repeat(32),
  nodeKey: '02'.repeat(32),
  node: '127.0.0.1:1',
  id: fromHex('05'.repeat(16)),
  secret: fromHex('06'.repeat(32)),
  expiresUs: 1n,
};

const OFFER = {
  issuer: 'https://login.example',
  client_id: 'sekisho',
  authorization_endpoint: 'https://login.example/auth',
  token_endpoint: 'https://login.example/token',
};

let identity: Identity;
let fingerprint: string;

beforeAll(async () => {
  identity = await webIdentity(await generateWebKeys());
  fingerprint = identity.id.slice(0, 16).replace(/(.{4})(?=.)/g, '$1-');
});

/** What a steward says to the newcomer with these keys. */
async function told(offer: object, of: Partial<Identity> = {}, secret = TOKEN.secret): Promise<string> {
  const { name, organisation } = parsePrincipalName(TOKEN.principal);
  const { publicKey, kemSuite, kemPublicKey } = { ...identity, ...of };
  const claim = { tokenId: TOKEN.id, organisation, name, publicKey, kemSuite, kemPublicKey };
  const sealed = await sealSignIn(secret, claim, 'steward', utf8(JSON.stringify(offer)));
  return `sign in on this page: ${base64url(sealed)}`;
}

describe('what a newcomer waits for', () => {
  it('has the page and the code where it is to sign in', async () => {
    const why =
      'sign in at https://login.example: open https://login.example/device?c=AB-CD and compare the code AB-CD';
    const page = 'https://login.example/device?c=AB-CD';
    expect(await waitingOf(why, identity, TOKEN)).toEqual({ why, fingerprint, page, code: 'AB-CD' });
  });

  it('has the words and what is to be compared everywhere else', async () => {
    for (const why of ['waits for approval', 'open javascript:alert(1) and compare the code X']) {
      expect(await waitingOf(why, identity, TOKEN)).toEqual({ why, fingerprint });
    }
  });

  it('has where this page may sign in, with a nonce of these keys', async () => {
    const waiting = await waitingOf(await told(OFFER), identity, TOKEN);
    expect(waiting.offer).toEqual({
      issuer: 'https://login.example',
      clientId: 'sekisho',
      authorizationEndpoint: 'https://login.example/auth',
      tokenEndpoint: 'https://login.example/token',
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    const others = await webIdentity(await generateWebKeys());
    const theirs = await waitingOf(await told(OFFER, others), others, TOKEN);
    expect(theirs.offer?.nonce).not.toBe(waiting.offer?.nonce);
  });

  it('leads nobody where a node, or another invitation, would have them', async () => {
    const others = await webIdentity(await generateWebKeys());
    for (const why of [
      await told(OFFER, others),
      await told(OFFER, {}, fromHex('07'.repeat(32))),
      `sign in on this page: ${base64url(utf8(JSON.stringify(OFFER)))}`,
      'sign in on this page: AAAA',
    ]) {
      await expect(waitingOf(why, identity, TOKEN)).rejects.toThrow(/wanted what was sealed/);
    }
    for (const address of ['javascript:alert(1)', 'http://login.example/auth', 'data:text/html,a', '/auth']) {
      for (const key of ['authorization_endpoint', 'token_endpoint']) {
        await expect(waitingOf(await told({ ...OFFER, [key]: address }), identity, TOKEN)).rejects.toThrow();
      }
    }
  });
});
