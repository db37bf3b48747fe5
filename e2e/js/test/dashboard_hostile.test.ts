// The city dashboard where somebody means ill or something is wrong: names that want to be scripts,
// a node that lies, tokens that do not count, clocks that are off, and more devices than anybody looks at.

import { Client, formatJoinToken, parseJoinToken } from '@sekisho/client';
import { openFolder } from '@sekisho/client/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, eventually, openPage } from '../src/index.js';
import { Liar } from './dashboard/liar.js';
import { barriers, device, expectNoComplaint, holds, open, picture, seen, visit } from './dashboard/visit.js';

const EVIL = [
  '<img src=x onerror="window.hacked=1">',
  '"><script>window.hacked=1<\\u002fscript>',
  "javascript:window.hacked=1//'",
  '__proto__',
  'constructor',
  '=HYPERLINK("http:evil")',
  '{{constructor.constructor("window.hacked=1")()}}',
];

let city: City;

beforeAll(async () => {
  city = await City.found('fujisawa', { web: true });
});

afterAll(async () => {
  await closeBrowser();
  await city?.[Symbol.asyncDispose]();
});

/** How much of an identity the browser keeps, in the page. */
function keysKept(): Promise<number> {
  return new Promise((told, failed) => {
    const opening = indexedDB.open('sekisho');
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const counting = opening.result.transaction('identity').objectStore('identity').count();
      counting.onsuccess = () => told(counting.result);
      counting.onerror = () => failed(counting.error);
    };
  });
}

/** Publishes one reading on each of the topics that are left, as a device without a key. */
async function publishMany(name: string, left: number[]): Promise<void> {
  const args = ['enrol', name, '--attested', '--topics', 'fujisawa/many/#', '--yes'];
  const { password } = (await city.json(args)) as { password: string };
  const authorization = `Basic ${Buffer.from(`${name}@fujisawa:${password}`).toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/senml+json' };
  const publish = async () => {
    for (let number = left.pop(); number !== undefined; number = left.pop()) {
      const body = JSON.stringify([{ n: 'level', u: 'm', v: number }]);
      const address = `${city.web}/v1/publish/fujisawa/many/${number}`;
      const answer = await fetch(address, { method: 'POST', headers, body });
      expect(answer.status, await answer.text()).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: 6 }, publish));
}

describe('the dashboard in bad company', () => {
  test('runs no script, whatever names and values are', async () => {
    for (const [index, evil] of EVIL.entries()) {
      const topic = `fujisawa/evil/${index}/${evil.replaceAll('/', '')}`;
      await city.describe(topic, {
        type: evil,
        title: `${evil} ${index}`,
        transducers: { [evil.replaceAll('=', '')]: evil.replaceAll('=', '').slice(0, 30) },
      });
      const member = await city.member(`evil-${index}`, { topics: ['fujisawa/evil/#'] });
      await city.publish(member, topic, {
        [evil]: 1,
        text: evil,
        latitude: 35.3,
        longitude: 139.4 + index / 100,
      });
    }
    const token = await city.enrol('zoe', { kind: 'person', read: ['fujisawa/evil/#'] });
    const watched = await visit(city.web, token);
    const { page } = watched;
    let dialogs = 0;
    page.on('dialog', (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    await holds(async () => expect(await page.locator('.list-button').count()).toBe(EVIL.length));
    for (const [index, evil] of EVIL.entries()) {
      const panel = await open(page, `${evil} ${index}`);
      expect(await panel.locator('h2').innerText()).toBe(`${evil} ${index}`);
      await seen(panel.locator('td.text', { hasText: evil }));
      await panel.getByRole('tab', { name: 'History' }).click();
      await seen(panel.getByText(/verified/));
      await panel.getByRole('tab', { name: 'Origin' }).click();
      await seen(panel.locator('.quote'));
    }
    await page.goto(`${city.web}/#/${encodeURIComponent(EVIL[0] ?? '')}`);
    await page.reload();
    await seen(page.locator('.list-button'));
    expect(await page.evaluate(() => (globalThis as { hacked?: number }).hacked)).toBeUndefined();
    expect(dialogs).toBe(0);
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('marks what came late, at the time when it was taken', async () => {
    const truck = await city.member('truck-55', { topics: ['fujisawa/tunnel/#'] });
    const taken = new Date(Date.now() - 20 * 60_000).toISOString();
    await city.publish(truck, 'fujisawa/tunnel/air', [
      { time: taken, values: { pm2_5: 7, latitude: 35.3, longitude: 139.4 } },
    ]);
    const token = await city.enrol('quintina', { kind: 'person', read: ['fujisawa/tunnel/#'] });
    const watched = await visit(city.web, token);
    const panel = await open(watched.page, 'tunnel/air');
    await seen(panel.getByText(/late · 20 min/));
    await seen(panel.getByText('One late reading'));
    await seen(panel.getByText(/\(20 min.? ago\)/));
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('never shows a reading that the node changed, and says so', async () => {
    const truck = await city.member('truck-66', { topics: ['fujisawa/forged/#'] });
    const feed = truck.feed('fujisawa/forged/air');
    feed.publish({ pm2_5: 11, latitude: 35.3, longitude: 139.4 });
    const liar = await Liar.start(city.web);
    const token = await city.enrol('yara', { kind: 'person', read: ['fujisawa/forged/#'] });
    const watched = await visit(liar.web, token);
    const { page } = watched;
    const row = page.locator('.list-button');
    await seen(row.getByText('11 µg/m³').or(row.getByText('11', { exact: true })));
    liar.isLying = true;
    feed.publish({ pm2_5: 987, latitude: 35.3, longitude: 139.4 });
    await seen(page.getByText('One reading was refused'));
    await seen(page.getByText('the signature is not the publisher’s').first());
    expect(liar.lies).toBeGreaterThan(0);
    expect(await page.getByText('987').count()).toBe(0);
    await picture(page, 'dashboard-refused');
    liar.isLying = false;
    feed.publish({ pm2_5: 12, latitude: 35.3, longitude: 139.4 });
    await seen(row.getByText('12 µg/m³').or(row.getByText('12', { exact: true })));
    await feed.close();
    await liar.close();
    await watched.context.close();
  });

  test('says so where the node that answers is not the one of the token', async () => {
    const token = await city.enrol('xenia', { kind: 'person', read: ['fujisawa/#'] });
    const expected = [
      ['fujisawa', 'This is not the node it says it is'],
      ['santander', 'This token is for fujisawa, and this is santander'],
    ] as const;
    for (const [organisation, told] of expected) {
      const other = await City.found(organisation, { web: true });
      const watched = await visit(other.web, token);
      await seen(watched.page.getByText(told));
      await watched.context.close();
      await other[Symbol.asyncDispose]();
    }
  });

  test('explains tokens that are broken, used or run out', async () => {
    const token = await city.enrol('wilma', { kind: 'person', read: ['fujisawa/#'] });
    const { page, context } = await openPage({ locale: 'en-GB' });
    await page.goto(city.web);
    await page.getByLabel('Join token').fill('sekisho-nonsense');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await seen(page.getByText('This is not a join token'));
    expect(await barriers(page)).toEqual([]);
    const late = formatJoinToken({ ...parseJoinToken(token), expiresUs: 1_000_000n });
    await page.getByLabel('Join token').fill(late);
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await seen(page.getByText('This join token has run out'));
    await page.getByLabel('Join token').fill(token);
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await seen(page.getByRole('button', { name: /wilma@fujisawa/ }));
    await context.close();
    const again = await visit(city.web, token);
    await seen(again.page.getByText(/This join token cannot be used|You were not admitted/));
    await again.context.close();
  });

  test('shows a fingerprint to compare until somebody approves', async () => {
    const token = await city.enrol('vera', { kind: 'person', read: ['fujisawa/#'], approveMatching: false });
    const watched = await visit(city.web, token);
    const { page } = watched;
    await seen(page.locator('.fingerprint'));
    const fingerprint = await page.locator('.fingerprint').innerText();
    expect(fingerprint).toMatch(/^[0-9a-f]{4}(-[0-9a-f]{4}){3}$/);
    expect(await barriers(page)).toEqual([]);
    const approve = ['enrol', '--approve', 'vera', '--key', fingerprint, '--yes'];
    await eventually('the steward to have heard of it', () => city.run(approve));
    await seen(page.getByRole('button', { name: /vera@fujisawa/ }));
    await page.getByRole('button', { name: /vera@fujisawa/ }).click();
    await seen(page.locator('dialog').getByText(fingerprint));
    const other = await watched.context.newPage();
    await other.goto(city.web);
    await seen(other.getByRole('button', { name: /vera@fujisawa/ }));
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Destroy keys and log out' }).click();
    await seen(page.getByLabel('Join token'));
    await seen(other.getByLabel('Join token'));
    expect(await page.evaluate(keysKept)).toBe(0);
    await watched.context.close();
  });

  test('takes a token out of the address also where the link is followed on an open page', async () => {
    const token = await city.enrol('olga', { kind: 'person', read: ['fujisawa/#'] });
    const watched = await visit(city.web, 'none');
    const { page } = watched;
    await seen(page.getByLabel('Join token'));
    for (const text of ['%E0', token]) {
      await page.evaluate((hash) => {
        location.hash = `join=${hash}`;
      }, text);
      await eventually('an address without a token', async () => !page.url().includes('join='));
    }
    await seen(page.getByRole('button', { name: /olga@fujisawa/ }));
    await watched.context.close();
  });

  test('says that the viewer’s clock is wrong, and shows the right ages all the same', async () => {
    const truck = await city.member('truck-77', { topics: ['fujisawa/clock/#'] });
    await city.publish(truck, 'fujisawa/clock/air', { pm2_5: 5, latitude: 35.3, longitude: 139.4 });
    const token = await city.enrol('uma', { kind: 'person', read: ['fujisawa/clock/#'] });
    const { page, context } = await openPage({ locale: 'en-GB' });
    await page.clock.install({ time: Date.now() - 5 * 3_600_000 });
    await page.goto(`${city.web}/#join=${token}`);
    await seen(page.getByText(/Your clock is 5 hrs behind/));
    await seen(page.locator('.list-sub', { hasText: /\d+ (sec|min)/ }));
    await context.close();
    const used = await city.enrol('tina', { kind: 'person', read: ['fujisawa/clock/#'] });
    const early = await openPage({ locale: 'en-GB' });
    await early.page.clock.install({ time: Date.now() + 5 * 3_600_000 });
    await early.page.goto(`${city.web}/#join=${used}`);
    await seen(early.page.getByText('that clock is wrong', { exact: false }));
    await early.context.close();
  });

  test('lists ten thousand devices, and finds one of them', async () => {
    // A principal may begin only so many requests at once: several publish.
    const publishers = ['one', 'two', 'three', 'four', 'five'].map((name) => `counter-${name}`);
    const all = Array.from({ length: 10_000 }, (_, number) => number);
    await Promise.all(publishers.map((name) => publishMany(name, all)));
    await city.describe('fujisawa/many/9999', { type: 'tide gauge', title: 'The last one' });
    const token = await city.enrol('sara', { kind: 'person', read: ['fujisawa/many/#'] });
    const watched = await visit(city.web, token);
    const { page } = watched;
    await holds(
      async () => expect(await page.getByRole('status').allInnerTexts()).toContain('10,000 devices'),
      120_000,
    );
    expect(await page.locator('.list-row').count()).toBeLessThan(60);
    await page.getByRole('searchbox').fill('many/7321');
    await seen(device(page, 'many/7321'));
    expect(await page.locator('.list-row').count()).toBe(1);
    const panel = await open(page, 'many/7321');
    await seen(panel.getByText(/attested by/).first());
    await page.getByRole('searchbox').fill('');
    await page.locator('.list-rows').focus();
    await page.keyboard.press('End');
    await seen(device(page, 'The last one'));
    expect(await barriers(page)).toEqual([]);
    await page.locator('.list-rows').focus();
    await page.keyboard.press('Home');
    await device(page, 'The last one').waitFor({ state: 'detached' });
    await page.getByLabel('Type', { exact: true }).selectOption('tide gauge');
    await seen(device(page, 'The last one'));
    await seen(page.getByRole('status').getByText('1 of 10,000 devices'));
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('of ten thousand topics the node tells all, part by part, however one asks', async () => {
    const FILTER = 'fujisawa/many/#';
    const TOPICS = Array.from({ length: 10_000 }, (_, number) => `fujisawa/many/${number}`).sort();
    const looker = await city.member('looker', { read: [FILTER] });
    const client = await Client.connect({ ...(await openFolder(looker.dir)), web: city.web });
    const found = await client.discover(FILTER);
    expect(found.map(({ topic }) => topic)).toEqual(TOPICS);
    expect(found.at(-1)).toMatchObject({ deviceType: 'tide gauge', title: 'The last one' });
    const few = await client.discover(FILTER, { max: 1_500 });
    expect(few.map(({ topic }) => topic)).toEqual(TOPICS.slice(0, 1_500));
    await client.close();
    const listed = JSON.parse(await looker.run(['discover', FILTER, '--json'])) as { topic: string }[];
    expect(listed.map(({ topic }) => topic)).toEqual(TOPICS);
    const typed = await looker.run(['discover', FILTER, '--type', 'tide gauge', '--json']);
    expect(JSON.parse(typed)).toHaveLength(1);
  });
});
