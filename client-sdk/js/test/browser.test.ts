// The client in a real browser: it joins with keys that nobody can read out, is there again after a reload, and
// reads what is sealed.

import { City, closeBrowser, eventually, openPage, permitted } from '@sekisho/e2e';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Sekisho from '../src/index.js';

const FILTER = 'fujisawa/truck/17/#';
const TOPIC = 'fujisawa/truck/17/air';

declare const sekisho: typeof Sekisho;

describe('a browser', () => {
  let city: City;
  let bundle: string;

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    const built = await build({
      entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
      bundle: true,
      format: 'iife',
      globalName: 'sekisho',
      footer: { js: 'globalThis.sekisho = sekisho;' },
      platform: 'browser',
      write: false,
    });
    bundle = built.outputFiles[0]?.text ?? '';
  });

  afterAll(async () => {
    await closeBrowser();
    await city[Symbol.asyncDispose]();
  });

  /** A page of the node's own, with the client in it. */
  const open = async (page: Page): Promise<void> => {
    await page.goto(`${city.web}/v1/node`);
    await page.evaluate(bundle);
  };

  it('joins once, keeps keys that cannot be read, and reads sealed records after a reload', async () => {
    const truck = await city.member('truck-17', { topics: [FILTER] });
    await city.publish(truck, TOPIC, { pm2_5: 12.5 });
    const token = await city.enrol('viewer', { kind: 'person', read: [FILTER] });
    const { page, faults } = await openPage();
    await open(page);
    const joined = await page.evaluate(async (text) => {
      const store = await sekisho.BrowserKeyStore.open();
      const profile = await sekisho.join(text, { store, web: location.origin });
      const keys = await new Promise<Sekisho.WebKeys>((resolve) => {
        indexedDB.open('sekisho').onsuccess = ({ target }) => {
          const { result } = target as IDBOpenDBRequest;
          const reading = result.transaction('identity').objectStore('identity').get('keys');
          reading.onsuccess = () => resolve(reading.result);
        };
      });
      const secrets = [keys.signing.privateKey, keys.kem.privateKey];
      return { profile, extractable: secrets.map(({ extractable }) => extractable) };
    }, token);
    expect(joined.profile).toMatchObject({ principal: 'viewer@fujisawa', web: city.web });
    expect(joined.extractable).toEqual([false, false]);
    await permitted(city, 'viewer@fujisawa', 'decrypt', TOPIC);
    await open(page);
    const read = await page.evaluate(async (filter) => {
      const store = await sekisho.BrowserKeyStore.open();
      const profile = await store.profile();
      if (profile === undefined) {
        throw new Error('wanted a profile, found none');
      }
      const client = await sekisho.Client.connect({ profile, keys: store, trust: store });
      const opened = async () => {
        for await (const delivery of client.history(filter)) {
          if (delivery.kind === 'message' && delivery.body instanceof Uint8Array) {
            return delivery;
          }
        }
        return undefined;
      };
      // The steward gives the key a moment after the right.
      let message = await opened();
      while (message === undefined) {
        message = await opened();
      }
      const { publisher, sealed, keyGrant } = message;
      const note = await store.notebook.last('sekisho/fujisawa/control');
      const [sample] = message.samples();
      await client.close();
      return { value: sample?.values.get('pm2_5')?.value, publisher, sealed, keyGrant, note };
    }, FILTER);
    expect(read).toMatchObject({ value: 12.5, publisher: 'truck-17@fujisawa', sealed: true });
    expect(read.keyGrant?.statement).toMatch(/^[0-9a-f]{64}$/);
    expect(read.note).toMatch(/^sekisho\/fujisawa\/control\n/);
    // The page that was opened has no icon.
    expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]);
  });

  it('keeps the keys that joined where another tab has begun to join as somebody else', async () => {
    const tokens = [
      await city.enrol('one', { kind: 'person', approveMatching: false }),
      await city.enrol('other', { kind: 'person', approveMatching: false }),
    ];
    const { page } = await openPage();
    await open(page);
    const found = await page.evaluate(async (texts) => {
      const [one, other] = texts.map(sekisho.parseJoinToken);
      if (one === undefined || other === undefined) {
        throw new Error('wanted two tokens, found fewer');
      }
      const profileOf = ({ principal, root, nodeKey, node }: Sekisho.JoinToken) => {
        return { principal, root, nodeKey, node, web: location.origin };
      };
      const [tab, otherTab] = [await sekisho.BrowserKeyStore.open(), await sekisho.BrowserKeyStore.open()];
      const { id } = await tab.newIdentity(one);
      await otherTab.newIdentity(other);
      await tab.admit(profileOf(one));
      const refused: unknown[] = [];
      await otherTab.admit(profileOf(other)).catch((thrown: Error) => refused.push(thrown.name));
      await otherTab.newIdentity(other).catch((thrown: Error) => refused.push(thrown.name));
      const kept = await sekisho.BrowserKeyStore.open();
      const isTheirs = (await kept.identity()).id === id;
      return { isTheirs, principal: (await kept.profile())?.principal, refused };
    }, tokens);
    expect(found).toEqual({
      isTheirs: true,
      principal: 'one@fujisawa',
      refused: ['store-failed', 'store-failed'],
    });
  });

  it('waits for somebody to say yes, and tells what is to be compared', async () => {
    const token = await city.enrol('guest', { kind: 'person', approveMatching: false });
    const { page } = await openPage();
    await open(page);
    const waiting = page.evaluate(async (text) => {
      const store = await sekisho.BrowserKeyStore.open();
      return new Promise<Sekisho.Waiting>((resolve, reject) => {
        const joining = sekisho.join(text, { store, web: location.origin, onWaiting: resolve });
        (globalThis as { joining?: unknown }).joining = joining;
        joining.catch(reject);
      });
    }, token);
    const { fingerprint, why } = await waiting;
    expect(fingerprint).toMatch(/^([0-9a-f]{4}-){3}[0-9a-f]{4}$/);
    expect(why).not.toBe('');
    // The steward hears of it a moment later.
    await eventually('the newcomer in the list', async () => {
      const said = await city.sekisho(['enrol', '--approve', 'guest', '--key', fingerprint]);
      return said.code === 0;
    });
    const profile = await page.evaluate(() => (globalThis as { joining?: Promise<Sekisho.Profile> }).joining);
    expect(profile?.principal).toBe('guest@fujisawa');
  });

  it('forgets who it was, for good, when it is told to', async () => {
    const token = await city.enrol('leaving', { kind: 'person', read: [FILTER] });
    const { page } = await openPage();
    await open(page);
    const after = await page.evaluate(async (text) => {
      const store = await sekisho.BrowserKeyStore.open();
      await sekisho.join(text, { store, web: location.origin });
      await store.keepFact('language', 'ja');
      const fact = await store.fact('language');
      await store.destroy();
      const empty = await sekisho.BrowserKeyStore.open();
      const thrown: Error = await empty.identity().then(
        () => new Error('wanted no keys'),
        (cause: Error) => cause,
      );
      return { fact, profile: await empty.profile(), name: thrown.name, left: await empty.fact('language') };
    }, token);
    expect(after).toEqual({ fact: 'ja', profile: undefined, name: 'store-failed', left: undefined });
  });
});
