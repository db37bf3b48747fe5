// What is missing is shown as missing: in the list, in what a device measures now, and in its history; and what was
// only not to be seen for a while is there again as soon as it may be.

import type { Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, eventually, type Feed, type Watched } from '../src/index.js';
import { Liar } from './dashboard/liar.js';
import { device, expectNoComplaint, holds, open, seen, visit } from './dashboard/visit.js';

const TRUCKS = [1, 2];
const ALL = 'fujisawa/truck/#';

let city: City;
let feeds: Feed[] = [];
let drive: ReturnType<typeof setInterval> | undefined;
let turn = 0;
let visitor: Watched | undefined;

beforeAll(async () => {
  city = await City.found('fujisawa', { web: true });
  for (const number of TRUCKS) {
    const topic = `fujisawa/truck/${number}/air`;
    await city.describe(topic, { type: 'vehicle', title: `Truck ${number}`, mobile: true });
    const truck = await city.member(`truck-${number}`, { topics: [`fujisawa/truck/${number}/#`] });
    feeds.push(truck.feed(topic));
  }
  drive = setInterval(() => {
    turn += 1;
    for (const [at, feed] of feeds.entries())
      feed.publish({ turn, latitude: 35.3, longitude: 139.4 + at / 100 });
  }, 300);
});

afterEach(async () => {
  await visitor?.context.close();
  visitor = undefined;
});

afterAll(async () => {
  clearInterval(drive);
  await closeBrowser();
  for (const feed of feeds) await feed.kill();
  feeds = [];
  await city?.[Symbol.asyncDispose]();
});

/** Somebody who may see the trucks, with their page open. */
async function viewer(name: string, actions: string, more: string[] = []): Promise<Watched> {
  visitor = await visit(city.web, await city.enrol(name, { kind: 'person' }));
  await city.grant(`${name}@fujisawa`, actions, ALL, more);
  for (const number of TRUCKS) await seen(device(visitor.page, `Truck ${number}`));
  return visitor;
}

/** Forbids it; gives what allows it again. */
async function deny(name: string, filter: string): Promise<() => Promise<void>> {
  await city.deny(`${name}@fujisawa`, 'subscribe,history,decrypt,discover', filter);
  const { denies } = (await city.json(['what', `${name}@fujisawa`])) as { denies: { statement: string }[] };
  return async () => {
    for (const { statement } of denies) await city.run(['revoke', statement, '--yes']);
  };
}

/** Waits until so many readings were taken. */
async function passed(turns: number): Promise<void> {
  const from = turn;
  await eventually(`${turns} readings`, () => turn >= from + turns);
}

/** The numbers of the newest readings in a panel, oldest first. */
async function turns(panel: Locator): Promise<number[]> {
  const texts = await panel.locator('details tbody td.number').allInnerTexts();
  return texts.map(Number).reverse();
}

describe('what somebody was not to see for a while', () => {
  test('comes back without a gap where it published nothing meanwhile', async () => {
    const buoy = await city.member('buoy-1', { topics: ['fujisawa/truck/buoy/#'] });
    const feed = buoy.feed('fujisawa/truck/buoy/level');
    const { page } = await viewer('quinn', 'subscribe,decrypt,discover');
    feed.publish({ level: 31 });
    const row = device(page, 'truck/buoy/level');
    await seen(row);
    const lift = await deny('quinn', 'fujisawa/truck/buoy/#');
    await row.waitFor({ state: 'detached' });
    await lift();
    await seen(row);
    expect(await row.locator('.list-gap').count()).toBe(0);
    expect(await device(page, 'Truck 1').locator('.list-gap').count()).toBe(0);
    expectNoComplaint(visitor as Watched);
    await feed.close();
  });

  test('has no gap any more once the history has told what was missed', async () => {
    const { page } = await viewer('sonia', 'subscribe,decrypt,discover,history');
    const lift = await deny('sonia', ALL);
    await seen(page.getByRole('alert'));
    const without = turn;
    await passed(5);
    await lift();
    await seen(device(page, 'Truck 1').locator('.list-gap'));
    const panel = await open(page, 'Truck 1');
    await panel.locator('summary', { hasText: 'Recent readings' }).click();
    await holds(async () => expect(await turns(panel)).toContain(without + 3));
    const shown = await turns(panel);
    expect(shown).toEqual(Array.from({ length: shown.length }, (_, at) => (shown[0] ?? 0) + at));
    expect(await panel.locator('ul.gaps').count()).toBe(0);
    expect(await device(page, 'Truck 1').locator('.list-gap').count()).toBe(0);
  });
});

describe('a right that runs out with the page open', () => {
  test('takes everything from the page, which says so, until there is another', async () => {
    const until = new Date(Date.now() + 20_000).toISOString();
    const { page } = await viewer('vera', 'subscribe,decrypt,discover', ['--until', until]);
    await open(page, 'Truck 1');
    await seen(page.getByRole('alert').getByText('You have no right to this any more'));
    expect(await page.locator('.list-button').count()).toBe(0);
    expect(await page.getByText('truck-1@fujisawa').count()).toBe(0);
    await city.grant('vera@fujisawa', 'subscribe,decrypt,discover', ALL);
    await seen(device(page, 'Truck 1'));
    await seen(page.locator('aside.device h2', { hasText: 'Truck 1' }));
    await seen(page.locator('aside.device .uplot canvas'));
    expectNoComplaint(visitor as Watched);
  });
});

describe('what a node leaves out', () => {
  test('is a gap in the list, in the panel and in the history’s table, each in its place', async () => {
    const topic = 'fujisawa/tide/1';
    const gauge = await city.member('tide-1', { topics: ['fujisawa/tide/#'] });
    const token = await city.enrol('tina', { kind: 'person', read: ['fujisawa/tide/#'] });
    const liar = await Liar.start(city.web);
    const feed = gauge.feed(topic);
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
    feed.publish({ level: 31 }, hoursAgo(6));
    visitor = await visit(liar.web, token);
    const { page } = visitor;
    const row = device(page, 'tide/1');
    await seen(row.getByText('31'));
    feed.publish({ level: 32 }, hoursAgo(4));
    await seen(row.getByText('32'));
    liar.isLying = true;
    feed.publish({ level: 33 }, hoursAgo(3));
    await eventually('a lie', () => liar.lies > 0);
    liar.isLying = false;
    feed.publish({ level: 34 }, hoursAgo(2));
    await seen(row.getByText('34'));
    await seen(row.locator('.list-gap'));
    expect(await row.locator('.list-gap').getAttribute('title')).toBe('One gap');

    // The third of what is kept is changed on the way, each time that it is asked for.
    [liar.isLying, liar.spared] = [true, 2];
    const panel = await open(page, 'tide/1');
    await eventually('a lie about the last minutes', () => liar.lies === 2);
    await seen(panel.locator('ul.gaps li', { hasText: 'withheld: missing in the publisher’s numbering' }));
    liar.spared = 2;
    await panel.getByRole('tab', { name: 'History' }).click();
    await seen(panel.getByText(/3 readings, all verified/));
    await seen(panel.locator('tr.gap-row'));
    const rows = await panel.locator('.scroller tbody tr').allInnerTexts();
    const kinds = rows.map((text) => /withheld/.exec(text)?.[0] ?? /\b3[1-4]\b/.exec(text)?.[0] ?? text);
    expect(kinds).toEqual(['34', 'withheld', '32', '31']);
    await feed.close();
    await liar.close();
  });
});
