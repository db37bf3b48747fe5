// What the dashboard costs a browser: first useful paint, frames a second and the main thread's share with a
// hundred trucks at ten readings a second, and memory over time. Prints figures and writes them as JSON; judges
// nothing.
//
// SEKISHO_TRUCKS (100), SEKISHO_HZ (10), SEKISHO_MINUTES (10) and SEKISHO_FIGURES (a file) change what is measured.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, test } from 'vitest';

import { browser, City, closeBrowser, eventually, Member, openPage, Process, program } from '../src/index.js';

const TRUCKS = Number(process.env.SEKISHO_TRUCKS ?? 100);
const HZ = Number(process.env.SEKISHO_HZ ?? 10);
const MINUTES = Number(process.env.SEKISHO_MINUTES ?? 10);
const FILE = process.env.SEKISHO_FIGURES;
const TRANSDUCERS = { pm2_5: 'ug/m3', temperature: 'Cel', humidity: '%', noise: 'dB', no2: 'ug/m3' };

let city: City;
let fleet: Process;

beforeAll(async () => {
  city = await City.found('fujisawa', { web: true });
  const folder = city.place('trucks');
  mkdirSync(folder);
  const numbers = Array.from({ length: TRUCKS }, (_, index) => index + 1);
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const token = await city.enrol(`truck-${number}`, { topics: [`fujisawa/truck/${number}/#`] });
        await Member.join(`truck-${number}@fujisawa`, token, join(folder, `truck-${number}`));
      }
    }),
  );
  for (let number = 1; number <= Math.min(TRUCKS, 10); number += 1) {
    const title = `Truck ${number}`;
    await city.describe(`fujisawa/truck/${number}/air`, {
      type: 'vehicle',
      title,
      mobile: true,
      transducers: TRANSDUCERS,
    });
  }
  const args = [
    'simulate',
    'fleet',
    '--dir',
    folder,
    '--hz',
    `${HZ}`,
    '--mark',
    'figures',
    '--number',
    '4611686018427387905',
  ];
  fleet = Process.start('fleet', program(), args, city.place('fleet.log'));
});

afterAll(async () => {
  await closeBrowser();
  await fleet?.kill();
  await city?.[Symbol.asyncDispose]();
});

/** Milliseconds from the navigation until devices are on the map and in the list. */
async function firstUsefulPaint(page: Page): Promise<number> {
  await page.reload();
  return await page.evaluate(
    () =>
      new Promise<number>((told) => {
        const look = () => {
          const isListed = document.querySelector('.list-button') !== null;
          const isDrawn = document.querySelector('canvas.sheet-marks') !== null;
          if (isListed && isDrawn) requestAnimationFrame(() => told(performance.now()));
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
}

async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN;
}

/** Frames a second that the page could draw, and that differed, and the main thread's share. */
async function frames(page: Page, session: CDPSession, seconds: number) {
  const before = await taskSeconds(session);
  const counted = await page.evaluate(
    (length) =>
      new Promise<{ frames: number; worst: number; seconds: number }>((told) => {
        const start = performance.now();
        let [count, worst, last] = [0, 0, start];
        const step = () => {
          const now = performance.now();
          count += 1;
          worst = Math.max(worst, now - last);
          last = now;
          if (now - start < length * 1000) requestAnimationFrame(step);
          else told({ frames: count, worst, seconds: (now - start) / 1000 });
        };
        requestAnimationFrame(step);
      }),
    seconds,
  );
  const busy = (await taskSeconds(session)) - before;
  return {
    framesPerSecond: counted.frames / counted.seconds,
    worstFrameMs: counted.worst,
    mainThreadBusy: busy / counted.seconds,
  };
}

/** Resident bytes of the browser's renderers, page and worker together. */
async function residentBytes(): Promise<number> {
  const session = await (await browser()).newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo
    .filter(({ type }) => type === 'renderer')
    .reduce((sum, { id }) => sum + Number(readFileSync(`/proc/${id}/statm`, 'utf8').split(' ')[1]) * 4096, 0);
}

async function heapBytes(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

async function readings(page: Page): Promise<number> {
  return Number((await page.locator('.page').getAttribute('data-readings')) ?? Number.NaN);
}

test('the dashboard in figures', async () => {
  const token = await city.enrol('viewer', { kind: 'person', read: ['fujisawa/#'] });
  const { page, context, faults } = await openPage({ viewport: { width: 1360, height: 850 } });
  await page.goto(`${city.web}/#join=${token}`);
  await eventually(
    'every truck in the list',
    async () => {
      const texts = await page.getByRole('status').allInnerTexts();
      return texts.some((text) => text.includes(`${TRUCKS} devices`));
    },
    300_000,
  );
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  const paints = [await firstUsefulPaint(page), await firstUsefulPaint(page), await firstUsefulPaint(page)];
  await frames(page, session, 5);
  const from = { readings: await readings(page), at: performance.now() };
  const plain = await frames(page, session, 20);
  const rate = ((await readings(page)) - from.readings) / ((performance.now() - from.at) / 1000);
  await page.locator('.list-button').first().click();
  const withPanel = await frames(page, session, 20);
  await page.keyboard.press('Escape');
  const memory: { minute: number; heapBytes: number; residentBytes: number }[] = [];
  for (let minute = 0; minute <= MINUTES; minute += 1) {
    memory.push({ minute, heapBytes: await heapBytes(session), residentBytes: await residentBytes() });
    if (minute < MINUTES) await frames(page, session, 60);
  }
  const figures = {
    trucks: TRUCKS,
    hz: HZ,
    firstUsefulPaintMs: paints.map(Math.round),
    readingsPerSecond: Math.round(rate),
    plain,
    withPanel,
    memory,
    faults,
  };
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  if (FILE !== undefined) writeFileSync(FILE, `${JSON.stringify(figures, null, 2)}\n`);
  await context.close();
});
