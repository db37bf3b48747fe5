// The city dashboard against two real cities: trucks of Fujisawa, seen by people of Santander.

import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, type Feed, type Member, peer, type Watched } from '../src/index.js';
import {
  barriers,
  complaints,
  device,
  expectNoComplaint,
  holds,
  open,
  picture,
  seen,
  visit,
} from './dashboard/visit.js';

const TRUCKS = 6;
const topicOf = (number: number) => `fujisawa/truck/${number}/air`;

let fujisawa: City;
let santander: City;
let feeds: Feed[] = [];
let drive: ReturnType<typeof setInterval> | undefined;
let turn = 0;

/** One reading of each truck on its round trip. */
function read(number: number, at: number): Record<string, number> {
  const phase = at / 40 + number * 1.1;
  return {
    latitude: 35.339 + number * 0.0016 + 0.007 * Math.sin(phase),
    longitude: 139.487 + 0.011 * Math.cos(phase),
    course: ((-phase * 180) / Math.PI + 3600) % 360,
    pm2_5: 22 + 17 * Math.sin(phase * 0.7) + number * 9,
    temperature: 17 + 3 * Math.cos(phase),
    noise: 58 + 7 * Math.sin(phase * 2),
    turn: at,
  };
}

beforeAll(async () => {
  [fujisawa, santander] = await Promise.all([City.found('fujisawa'), City.found('santander', { web: true })]);
  await peer(fujisawa, santander);
  const transducers = { pm2_5: 'ug/m3', temperature: 'Cel', noise: 'dB' };
  const trucks: Member[] = [];
  for (let number = 1; number <= TRUCKS; number += 1) {
    await fujisawa.describe(topicOf(number), {
      type: 'vehicle',
      title: `Truck ${number}`,
      mobile: true,
      transducers,
    });
    trucks.push(await fujisawa.member(`truck-${number}`, { topics: [`fujisawa/truck/${number}/#`] }));
  }
  feeds = trucks.map((truck, index) => truck.feed(topicOf(index + 1)));
  drive = setInterval(() => {
    turn += 1;
    for (const [index, feed] of feeds.entries()) feed.publish(read(index + 1, turn));
  }, 250);
});

afterAll(async () => {
  clearInterval(drive);
  await closeBrowser();
  for (const feed of feeds) await feed.kill();
  await Promise.all([fujisawa, santander].map((city) => city?.[Symbol.asyncDispose]()));
});

/** A person of Santander joins, and is given the right to see Fujisawa's trucks while the page is open. */
async function viewer(name: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const watched = await visit(santander.web, await santander.enrol(name, { kind: 'person' }), options);
  await seen(watched.page.getByRole('button', { name: new RegExp(`${name}@santander`) }));
  const more = ['--purpose', 'air quality exchange'];
  await fujisawa.grant(`${name}@santander`, 'subscribe,history,decrypt,discover', 'fujisawa/truck/#', more);
  return watched;
}

/** Waits until a page has all trucks, and until they have gone so far on it that a picture shows something. */
async function driven(page: Page, turns: number): Promise<void> {
  await holds(async () => expect(await page.locator('.list-button').count()).toBe(TRUCKS));
  if (process.env.SEKISHO_PICTURES === undefined) return;
  const from = turn;
  await holds(() => expect(turn).toBeGreaterThan(from + turns));
}

describe('the dashboard', () => {
  test('shows trucks that move, who signed each reading, and by which grant it is seen', async () => {
    const watched = await viewer('alba');
    const { page } = watched;
    await seen(page.getByText('Live', { exact: true }));
    expect(page.url()).not.toContain('join=');
    await seen(device(page, 'Truck 6'));
    const drawn = () =>
      page.locator('canvas.sheet-marks').evaluate((sheet) => (sheet as HTMLCanvasElement).toDataURL());
    const before = await drawn();
    await holds(async () => expect(await drawn()).not.toBe(before));
    const panel = await open(page, 'Truck 3');
    const position = panel.locator('dd.mono').first();
    const place = await position.innerText();
    await holds(async () => expect(await position.innerText()).not.toBe(place));
    await seen(panel.getByText('truck-3@fujisawa'));
    await panel.getByRole('tab', { name: 'Origin' }).click();
    await seen(panel.getByText('Verified in this browser'));
    await seen(panel.getByText('fujisawa/truck/#').or(panel.getByText('fujisawa/#')));
    await seen(panel.locator('.quote'));
    expect(await panel.locator('.quote').first().innerText()).toContain('alba@santander');
    await panel.getByRole('tab', { name: 'Now' }).click();
    await holds(async () => expect(await panel.locator('tbody tr').count()).toBeGreaterThan(4));
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('keeps the session over a reload, and the chosen device with it', async () => {
    const watched = await viewer('berta');
    const { page } = watched;
    await open(page, 'Truck 2');
    await page.reload();
    await seen(page.locator('aside.device h2', { hasText: 'Truck 2' }));
    await seen(page.getByRole('button', { name: /berta@santander/ }));
    expect(await page.locator('#token').count()).toBe(0);
    expectNoComplaint(watched);
    await page.goBack();
    await holds(async () => expect(await page.getByRole('tab').count()).toBe(0));
    await watched.context.close();
  });

  test('goes blank and says why when the viewer is revoked, and stays blank', async () => {
    const watched = await viewer('clara');
    const { page } = watched;
    await open(page, 'Truck 1');
    await santander.revoke('clara@santander');
    const alert = page.getByRole('alert');
    await seen(alert.getByText('Your access was revoked'));
    expect(await page.locator('canvas').count()).toBe(0);
    expect(await page.getByText('truck-1@fujisawa').count()).toBe(0);
    await page.reload();
    await seen(page.getByRole('alert'));
    expect(await page.getByText('Truck 1').count()).toBe(0);
    expect(complaints(watched)).toEqual([]);
    await watched.context.close();
  });

  test('forgets what the owner takes back, at once', async () => {
    const watched = await viewer('dora');
    const { page } = watched;
    await seen(device(page, 'Truck 1'));
    await fujisawa.deny('dora@santander', 'subscribe,history,decrypt,discover', 'fujisawa/truck/#');
    await holds(async () => expect(await page.locator('.list-button').count()).toBe(0));
    await watched.context.close();
  });

  test('says that there is nothing to see until somebody grants it, also over a reload', async () => {
    const watched = await visit(santander.web, await santander.enrol('nadia', { kind: 'person' }));
    const { page } = watched;
    await seen(page.getByText('There is nothing you may see yet'));
    await page.reload();
    await seen(page.getByText('There is nothing you may see yet'));
    await fujisawa.grant('nadia@santander', 'subscribe,decrypt,discover', 'fujisawa/truck/#');
    await seen(device(page, 'Truck 1'));
    await watched.context.close();
  });

  test('says that the connection is lost, and goes on without a hole', async () => {
    const watched = await viewer('elena');
    const { page } = watched;
    const panel = await open(page, 'Truck 4');
    await panel.getByRole('button', { name: 'turn' }).click();
    await panel.locator('summary', { hasText: 'Recent readings' }).click();
    await holds(async () => expect(await panel.locator('details tbody tr').count()).toBeGreaterThan(3));
    const from = turn;
    await santander.stopNode();
    await seen(page.getByText('Connection lost'));
    await holds(() => expect(turn).toBeGreaterThan(from + 10));
    await santander.startNode();
    await seen(page.getByText('Live', { exact: true }));
    const back = turn;
    const shown = async () => {
      const texts = await panel.locator('details tbody td.number').allInnerTexts();
      return texts.map(Number).reverse();
    };
    await holds(async () => expect((await shown()).at(-1)).toBeGreaterThan(back));
    const turns = await shown();
    const expected = Array.from({ length: turns.length }, (_, index) => (turns[0] ?? 0) + index);
    expect(turns).toEqual(expected);
    expect(turns).toContain(from + 5);
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('has the history as plot, table and file', async () => {
    const watched = await viewer('fatima');
    const { page } = watched;
    const panel = await open(page, 'Truck 5');
    await panel.getByRole('tab', { name: 'History' }).click();
    await seen(panel.getByText(/all verified/));
    await seen(panel.locator('table caption'));
    await seen(panel.locator('.uplot canvas'));
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      panel.getByRole('button', { name: 'Every reading (CSV)' }).click(),
    ]);
    const chunks: Buffer[] = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString().split('\r\n');
    expect(lines[0]).toContain('pm2_5 [ug/m3]');
    const at = lines[0]?.split(',').findIndex((name) => name.startsWith('turn')) ?? -1;
    const turns = lines.slice(1, -1).map((line) => Number(line.split(',')[at]));
    expect(turns).toEqual(Array.from({ length: turns.length }, (_, index) => (turns[0] ?? 0) + index));
    expect(turns.length).toBeGreaterThan(10);
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('colours by the measurement and the thresholds that its viewer chooses, and remembers both', async () => {
    const watched = await viewer('greta');
    const { page } = watched;
    await seen(device(page, 'Truck 6'));
    const colours = async () => {
      const swatches = page.locator('.list-button .swatch').locator('circle, path');
      return new Set(await swatches.evaluateAll((all) => all.map((one) => one.getAttribute('fill'))));
    };
    await page.getByLabel('Colour by').selectOption('turn');
    await holds(async () => {
      const shown = await page.locator('.list-value').allInnerTexts();
      for (const text of shown) expect(Math.abs(Number(text.replaceAll(',', '')) - turn)).toBeLessThan(40);
    });
    const legend = page.locator('.legend');
    await legend.locator('summary', { hasText: 'Thresholds' }).click();
    const thresholds = legend.getByRole('spinbutton');
    const set = async (least: number) => {
      for (let at = (await thresholds.count()) - 1; at >= 0; at -= 1)
        await thresholds.nth(at).fill(`${least + at}`);
      await legend.getByRole('button', { name: 'OK' }).click();
      await seen(legend.getByText(`below ${least.toLocaleString('en-GB')}`, { exact: true }));
    };
    await set(-9000);
    await holds(async () => expect((await colours()).size).toBe(1));
    const [highest] = await colours();
    expect(await page.locator('.list-button .swatch path').count()).toBe(TRUCKS);
    await page.reload();
    await seen(device(page, 'Truck 6'));
    expect(await page.getByLabel('Colour by').inputValue()).toBe('turn');
    await holds(async () => expect([...(await colours())]).toEqual([highest]));
    expectNoComplaint(watched);
    await watched.context.close();
  });

  test('can be used with keys and with a screen reader, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const watched = await viewer(`gema-${colorScheme}`, { colorScheme });
      const { page } = watched;
      await seen(device(page, 'Truck 6'));
      await page.locator('.map').focus();
      await page.keyboard.press('n');
      const panel = page.locator('aside.device');
      await seen(panel);
      await seen(panel.locator('.uplot canvas'));
      expect(await barriers(page)).toEqual([]);
      for (const tab of ['History', 'Origin']) {
        await panel.getByRole('tab', { name: tab }).click();
        await seen(panel.locator(tab === 'Origin' ? '.quote' : 'table'));
        expect(await barriers(page)).toEqual([]);
      }
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });
      expectNoComplaint(watched);
      await watched.context.close();
    }
  });

  test('fits a phone, and speaks Spanish and Japanese', async () => {
    const phone = {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      deviceScaleFactor: 2,
    };
    const spanish = await viewer('hilda', { ...phone, locale: 'es-ES' });
    const { page } = spanish;
    await seen(page.getByText('En directo'));
    await driven(page, 60);
    await picture(page, 'dashboard-phone');
    await page.locator('.parts').getByRole('button', { name: 'Dispositivos' }).click();
    await open(page, 'Truck 2');
    await seen(page.locator('.uplot canvas'));
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await wide()).toBe(0);
    expect(await barriers(page)).toEqual([]);
    await spanish.context.close();
    const japanese = await viewer('ines', {
      locale: 'ja-JP',
      colorScheme: 'dark',
    });
    await seen(japanese.page.getByText('ライブ'));
    await open(japanese.page, 'Truck 3');
    await seen(japanese.page.locator('.uplot canvas'));
    expect(await japanese.page.evaluate(() => document.documentElement.lang)).toBe('ja');
    await driven(japanese.page, 60);
    await picture(japanese.page, 'dashboard-dark-ja');
    expectNoComplaint(japanese);
    await japanese.context.close();
    const english = await viewer('julia');
    await open(english.page, 'Truck 6');
    await seen(english.page.locator('.uplot canvas'));
    await driven(english.page, 120);
    await picture(english.page, 'dashboard');
    await english.context.close();
  });
});
