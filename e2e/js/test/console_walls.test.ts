// What the operator's console does with those who may not, with hostile words, with a node that lies, with ten
// thousand devices, and for whoever uses it without a mouse, on a phone, in the dark, in another language.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type StatementBody } from '@sekisho/client';
import { openFolder, via } from '@sekisho/client/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, eventually, PATIENCE_MS } from '../src/index.js';
import { type Console, fill, mark, openConsole, preview, says, sign } from './console/house.js';
import { barriers, complaints, picture } from './dashboard/visit.js';

const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
const AIR = 'fujisawa/truck/1/air';

let fujisawa: City;

beforeAll(async () => {
  fujisawa = await City.found('fujisawa', { web: true });
  const truck = await fujisawa.member('truck-1', { topics: ['fujisawa/#'] });
  await fujisawa.describe(AIR, { title: HOSTILE, type: HOSTILE, transducers: { pm2_5: 'ug/m3' } });
  await truck.publish(AIR, { pm2_5: 1 });
  await truck.publish('fujisawa/<b>bold<／b>/見回り', { pm2_5: 1 }).catch(() => undefined);
});

afterAll(async () => {
  await closeBrowser();
  await fujisawa?.[Symbol.asyncDispose]();
});

describe('somebody without the right to administer', () => {
  test('sees what they may themselves, and why not the rest', async () => {
    const guest = await openConsole(fujisawa, 'guest', { more: ['--read', 'fujisawa/truck/#'] });
    const told = await says(guest, 'You may not administer here');
    expect(told).toContain('wanted the right to administer fujisawa/#, found none of guest@fujisawa');
    expect(told).toContain("sekisho grant guest@fujisawa administer,discover,grant 'fujisawa/#'");
    await says(guest, 'receive, look back, open, find');
    await picture(guest.page, 'console-guest');
    await guest.go('sessions');
    await says(guest, 'You may not administer here');
    await guest.go(`rights/ask?who=guest%40fujisawa&action=publish&topic=${encodeURIComponent(AIR)}`);
    await says(guest, 'No: this is the first thing missing');
    await guest.go(`rights/ask?who=truck-1%40fujisawa&action=publish&topic=${encodeURIComponent(AIR)}`);
    await says(guest, 'The node refuses it: not-permitted');
    await guest.go('change/grant?who=friend%40fujisawa');
    await guest.page.locator('[name=filter]').waitFor({ timeout: PATIENCE_MS });
    await fill(guest.page, { filter: 'fujisawa/truck/#' });
    await mark(guest.page, ['subscribe']);
    await preview(guest.page);
    await guest.page.locator('.agree button[type=submit]').click();
    await says(guest, 'It was not stated');
    const before = (await fujisawa.json(['what', 'friend@fujisawa'])) as { grants: unknown[] };
    expect(before.grants).toEqual([]);
    await guest.go('log');
    await guest.page.getByRole('button', { name: 'Verify now' }).click();
    await says(guest, 'sekisho/fujisawa/control holds');
    expect(complaints(guest)).toEqual([]);
  });
});

describe('somebody who is revoked with the console open', () => {
  test('is told so, and sees nothing more of what was shown', async () => {
    const former = await openConsole(fujisawa, 'former');
    await former.go('rights/principals');
    await says(former, 'truck-1@fujisawa');
    await fujisawa.revoke('former@fujisawa');
    const told = await says(former, 'Your access was revoked');
    expect(told).not.toContain('truck-1');
    expect(await former.page.locator('nav').count()).toBe(0);
    expect(complaints(former)).toEqual([]);
  });
});

describe('hostile words', () => {
  test('are text wherever they are shown', async () => {
    const chief = await openConsole(fujisawa, 'hostile-chief');
    const dialogs: string[] = [];
    chief.page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    await chief.go(`change/deny?who=guest%40fujisawa&topic=${encodeURIComponent(AIR)}`);
    await chief.page.locator('[name=reason]').waitFor({ timeout: PATIENCE_MS });
    await fill(chief.page, { reason: HOSTILE });
    expect(await preview(chief.page)).toContain(HOSTILE);
    await sign(chief);
    for (const place of [
      'log',
      'rights/grants',
      'rights/principals',
      'change/describe',
      'storage',
      'rights',
    ]) {
      await chief.go(place);
      await chief.page.locator('#room-title').waitFor({ timeout: PATIENCE_MS });
      await eventually(
        'the room to be asked for',
        async () => (await chief.page.locator('.spinner').count()) === 0,
      );
    }
    await chief.go('rights/grants');
    await says(chief, HOSTILE);
    await chief.go(
      `rights/ask?who=${encodeURIComponent(HOSTILE)}&action=publish&topic=${encodeURIComponent(AIR)}`,
    );
    await says(chief, 'This is not well formed');
    const made = await chief.page.evaluate(() => document.querySelectorAll('main img, main script').length);
    expect([made, dialogs]).toEqual([0, []]);
    expect(complaints(chief)).toEqual([]);
  });
});

describe('a node that shows another history', () => {
  test('is found out, and the page says so', async () => {
    const city = await City.found('kyoto', { web: true });
    const chief = await openConsole(city, 'chief');
    await chief.go('log');
    await chief.page.getByRole('button', { name: 'Verify now' }).click();
    await says(chief, 'sekisho/kyoto/control holds');
    await city.stop();
    const [data, kept] = [join(city.dir, 'data'), city.place('kept')];
    cpSync(data, kept, { recursive: true });
    await city.start();
    await city.grant('hanako@kyoto', 'subscribe', 'kyoto/#');
    await chief.page.getByRole('button', { name: 'Verify now' }).click({ timeout: PATIENCE_MS });
    await says(chief, 'It only grew since this browser last saw it');
    await city.stop();
    rmSync(data, { recursive: true });
    cpSync(kept, data, { recursive: true });
    // Its own steward does not trust it any more, either.
    await city.startNode();
    await chief.page.reload();
    await eventually('the page to say that it was lied to', async () => {
      const text = await chief.page.locator('body').innerText();
      return text.includes('another history than before') || text.includes('The log does not hold');
    });
    await picture(chief.page, 'console-lie');
    await city[Symbol.asyncDispose]();
  });
});

describe('ten thousand', () => {
  test('grants are a list that scrolls, is searched, and draws what can be seen', async () => {
    const all = 10_000;
    const { profile, keys, trust } = await openFolder(fujisawa.administrator().dir);
    const client = await Client.connect({ profile, keys, trust, via, web: fujisawa.web });
    const body = (number: number): StatementBody => {
      const nowUs = BigInt(Date.now()) * 1000n;
      return {
        kind: 'grant',
        organisation: 'fujisawa',
        grantee: `device-${number}@fujisawa`,
        actions: 1,
        filter: `fujisawa/device/${number}/#`,
        purpose: `device ${number}`,
        issuedUs: nowUs,
        fromUs: nowUs,
        onward: false,
      };
    };
    for (let from = 0; from < all; from += 250) {
      const bodies = Array.from({ length: 250 }, (_, place) => body(from + place));
      await client.submit(await Promise.all(bodies.map((one) => client.sign(one))));
    }
    await client.close();
    const chief = await openConsole(fujisawa, 'many-chief');
    await chief.go('rights/grants');
    await says(chief, /10,00\d rows/);
    expect(await chief.page.locator('tbody tr').count()).toBeLessThan(80);
    await chief.page.locator('.table-scroll').evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await says(chief, 'administrator@fujisawa');
    expect(await chief.page.locator('tbody tr').count()).toBeLessThan(80);
    await chief.page.locator('main input[type=search]').fill('device-7777@');
    await says(chief, 'fujisawa/device/7777/#');
    await chief.go('log');
    await says(chief, /10,0\d\d rows/);
    await chief.page.getByRole('button', { name: 'Verify now' }).click();
    await says(chief, 'sekisho/fujisawa/control holds');
    expect(complaints(chief)).toEqual([]);
  });
});

const PLACES = [
  'overview',
  'rights',
  `rights/ask?topic=${encodeURIComponent(AIR)}&action=publish`,
  'rights/ask?what=truck-1%40fujisawa',
  'rights/roles',
  'rights/grants',
  'change/grant',
  'change/describe',
  'enrolment',
  'peers',
  'sessions',
  'sessions/refusals',
  'epochs',
  'storage',
  'log',
  'log/access',
];

async function settled(at: Console): Promise<void> {
  await at.page.locator('#room-title').waitFor({ timeout: PATIENCE_MS });
  await eventually('the answers', async () => (await at.page.locator('.spinner').count()) === 0);
}

describe('everybody', () => {
  test('finds no barrier that axe knows of, in light and in dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const chief = await openConsole(fujisawa, `${colorScheme}-chief`, { colorScheme });
      for (const place of PLACES) {
        await chief.go(place);
        await settled(chief);
        expect([colorScheme, place, await barriers(chief.page)]).toEqual([colorScheme, place, []]);
      }
      await chief.go('overview');
      await settled(chief);
      if (colorScheme === 'dark') await picture(chief.page, 'console-dark');
    }
  });

  test('reads it on a telephone, in Spanish and in Japanese, without scrolling sideways', async () => {
    const titles = { es: 'Resumen', ja: '概要' } as const;
    for (const language of ['es', 'ja'] as const) {
      const viewport = { width: 360, height: 740 };
      const chief = await openConsole(fujisawa, `${language}-chief`, { language, viewport });
      await says(chief, titles[language]);
      for (const place of PLACES) {
        await chief.go(place);
        await settled(chief);
        const [room, screen] = await chief.page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.clientWidth,
        ]);
        expect([language, place, room]).toEqual([language, place, screen]);
      }
      await chief.go('change/grant?who=park%40santander');
      await settled(chief);
      await fill(chief.page, { filter: 'fujisawa/truck/#' });
      await preview(chief.page);
      if (language === 'ja') await picture(chief.page, 'console-telephone');
    }
  });

  test('works by keyboard alone, from the door to a preview', async () => {
    const chief = await openConsole(fujisawa, 'keyboard-chief');
    const { keyboard } = chief.page;
    const tabTo = async (wanted: string) => {
      for (let step = 0; step < 60; step += 1) {
        await keyboard.press('Tab');
        const found = await chief.page.evaluate(() => {
          const at = document.activeElement;
          return at?.getAttribute('name') ?? at?.textContent?.trim() ?? '';
        });
        if (found === wanted) return;
      }
      throw new Error(`keyboard: wanted to reach ${wanted} with Tab, found another round`);
    };
    await tabTo('Grant and revoke');
    await keyboard.press('Enter');
    await tabTo('grantee');
    await keyboard.type('park@santander');
    await tabTo('filter');
    await keyboard.type('fujisawa/truck/#');
    await keyboard.press('Enter');
    await says(chief, '“park” of santander can read fujisawa/truck/#');
  });
});
