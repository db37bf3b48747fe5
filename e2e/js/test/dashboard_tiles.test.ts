// The dashboard over a map of the operator's own: pictures from the server that the settings name, from no other,
// and devices on top of them as before.

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, openPage, type Watched } from '../src/index.js';
import { barriers, complaints, device, expectNoComplaint, holds, open, seen } from './dashboard/visit.js';

const TILES = 'https://tiles.fujisawa.example:8444';
const CREDIT = '© Ciudad de Fujisawa <b>& others</b>';
/** A tile: 256 pixels square in one colour that nothing else on the page has. */
const TILE = `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"><rect width="256" height="256" fill="#f0f"/></svg>`;

let city: City;
let token: () => Promise<string>;
let visitor: Watched | undefined;

beforeAll(async () => {
  city = await City.plan('fujisawa', { web: true });
  const settings = `\n[web]\nmap_tiles = "${TILES}/fujisawa/{z}/{x}/{y}.svg"\nmap_attribution = "${CREDIT}"\n`;
  appendFileSync(join(city.dir, 'sekisho.toml'), settings);
  await city.start();
  const truck = await city.member('truck-1', { topics: ['fujisawa/truck/1/#'] });
  await truck.publish('fujisawa/truck/1/air', { pm2_5: 12.5, latitude: 35.34, longitude: 139.49 });
  let visitors = 0;
  token = async () => {
    visitors += 1;
    return await city.enrol(`visitor-${visitors}`, { kind: 'person', read: ['fujisawa/#'] });
  };
});

afterEach(async () => {
  await visitor?.context.close();
  visitor = undefined;
});

afterAll(async () => {
  await closeBrowser();
  await city?.[Symbol.asyncDispose]();
});

/** Visits the dashboard where the server of tiles answers so; gives what it was asked for. */
async function visit(answer: { status: number; body: string }): Promise<[Page, URL[]]> {
  visitor = await openPage({ locale: 'en-GB', viewport: { width: 1360, height: 850 } });
  const { page, context } = visitor;
  const asked: URL[] = [];
  await context.route(
    (url) => url.protocol.startsWith('http') && url.origin !== city.web,
    async (route) => {
      asked.push(new URL(route.request().url()));
      await route.fulfill({ ...answer, contentType: 'image/svg+xml' });
    },
  );
  await page.goto(`${city.web}/#join=${await token()}`);
  await seen(device(page, 'truck/1/air'));
  return [page, asked];
}

/** How much the coastline's canvas hides in its middle, 0 to 255. */
async function hidden(page: Page): Promise<number> {
  return await page.locator('canvas.sheet-ground').evaluate((sheet) => {
    const canvas = sheet as HTMLCanvasElement;
    const [x, y] = [Math.round(canvas.width / 2) + 7, Math.round(canvas.height / 2) + 7];
    return canvas.getContext('2d')?.getImageData(x, y, 1, 1).data[3] ?? Number.NaN;
  });
}

describe('an operator’s own tiles', () => {
  test('lie under the devices, with the words that belong to them', async () => {
    const [page, asked] = await visit({ status: 200, body: TILE });
    await seen(page.locator('img.leaflet-tile-loaded'));
    await holds(async () => {
      const widths = await page
        .locator('img.leaflet-tile-loaded')
        .evaluateAll((tiles) => tiles.map((tile) => (tile as HTMLImageElement).naturalWidth));
      expect(widths.length).toBeGreaterThan(3);
      expect(new Set(widths)).toEqual(new Set([256]));
    });
    expect(await page.locator('.map-credit').innerText()).toBe(CREDIT);
    await holds(async () => expect(await hidden(page)).toBe(0));
    expect(new Set(asked.map(({ origin }) => origin))).toEqual(new Set([TILES]));
    for (const { pathname } of asked) expect(pathname).toMatch(/^\/fujisawa\/\d+\/-?\d+\/-?\d+\.svg$/);
    // The device is where it was: its mark can be clicked.
    await page.getByRole('button', { name: 'Show all devices' }).click();
    await page.locator('.map').focus();
    await page.keyboard.press('n');
    await seen(page.locator('aside.device h2', { hasText: 'truck/1/air' }));
    expect(await barriers(page)).toEqual([]);
    expectNoComplaint(visitor as Watched);
  });

  test('are the only pictures from elsewhere that the page may show', async () => {
    const [page, asked] = await visit({ status: 200, body: TILE });
    await seen(page.locator('img.leaflet-tile-loaded'));
    const before = asked.length;
    const isShown = (address: string) =>
      page.evaluate(
        (src) =>
          new Promise<boolean>((told) => {
            const picture = new Image();
            picture.onload = () => told(true);
            picture.onerror = () => told(false);
            picture.src = src;
          }),
        address,
      );
    expect(await isShown('https://tiles.fujisawa.example/1/1/1.svg')).toBe(false);
    expect(await isShown('https://elsewhere.example:8444/1/1/1.svg')).toBe(false);
    expect(asked.slice(before).filter(({ origin }) => origin !== TILES)).toEqual([]);
    expect(await isShown(`${TILES}/fujisawa/1/1/1.svg`)).toBe(true);
  });

  test('that do not come leave the coastline, the devices and the list as they are', async () => {
    const [page, asked] = await visit({ status: 500, body: 'broken' });
    await holds(() => expect(asked.length).toBeGreaterThan(0));
    const panel = await open(page, 'truck/1/air');
    await seen(panel.getByText('12.5').first());
    expect(await page.locator('canvas.sheet-marks').count()).toBe(1);
    await holds(async () => expect(await hidden(page)).toBe(255));
    expect(complaints(visitor as Watched)).toEqual([]);
  });
});
