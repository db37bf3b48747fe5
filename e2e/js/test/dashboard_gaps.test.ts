// What is missing is shown as missing: in the list, in what a device measures now, and in its history; and what was
// only not to be seen for a while is there again as soon as it may be.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
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
  city = await City.plan('fujisawa', { web: true });
  const trees = ['fujisawa/#', ...TRUCKS.map((number) => `fujisawa/truck/${number}/#`)];
  writeFileSync(join(city.dir, 'steward', 'steward.toml'), `trees = ${JSON.stringify(trees)}\n`);
  await city.start();
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

interface Stated {
  statement: string;
}

/** Forbids it; gives what allows it again. */
async function deny(name: string, filter: string): Promise<() => Promise<void>> {
  await city.deny(`${name}@fujisawa`, 'subscribe,history,decrypt,discover', filter);
  const { denies } = (await city.json(['what', `${name}@fujisawa`])) as { denies: Stated[] };
  return async () => {
    for (const { statement } of denies) await city.run(['revoke', statement, '--yes']);
  };
}

/** Waits until so many readings were taken. */
async function passed(turns: number): Promise<void> {
  const from = turn;
  await eventually(`${turns} readings`, () => turn >= from + turns);
}

/** Waits until the history has said what it can of the last minutes. */
async function fetched(panel: Locator): Promise<void> {
  await seen(panel.locator('figure'));
  await panel.getByText('Fetching the last minutes').waitFor({ state: 'detached' });
}

/** The numbers of the newest readings in a panel, oldest first. */
async function turns(panel: Locator): Promise<number[]> {
  const texts = await panel.locator('details tbody td.number').allInnerTexts();
  return texts.map(Number).reverse();
}

/** The rows of the table that a button saves, by the words above them; `level` is that column, or the mean of it. */
async function saved(page: Page, button: Locator): Promise<Record<string, string>[]> {
  const [file] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const [heads = '', ...lines] = readFileSync(await file.path(), 'utf8')
    .replace('\ufeff', '')
    .trimEnd()
    .split('\r\n');
  const names = heads.split(',').map((head) => (/^level( mean)?$/.test(head) ? 'level' : head));
  return lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']));
  });
}

describe('what somebody was not to see for a while', () => {
  test('is gone from the page, which says so, and comes back by itself with a gap', async () => {
    const { page } = await viewer('petra', 'subscribe,decrypt,discover');
    const { grants } = (await city.json(['what', 'petra@fujisawa'])) as { grants: Stated[] };
    for (const { statement } of grants) await city.run(['revoke', statement, '--yes']);
    await seen(page.getByRole('alert').getByText('You have no right to this any more'));
    expect(await page.locator('.list-button').count()).toBe(0);
    await passed(5);
    // What is granted anew reaches back to its own beginning and no further: nothing can fill the gap.
    await city.grant('petra@fujisawa', 'subscribe,decrypt,discover', ALL);
    for (const number of TRUCKS) await seen(device(page, `Truck ${number}`));
    expect(await page.getByRole('alert').count()).toBe(0);
    await holds(async () => expect(await page.locator('.list-gap').count()).toBe(TRUCKS.length));
    expect(await page.locator('.list-gap .sr-only').first().innerText()).toBe('One gap');
    const panel = await open(page, 'Truck 1');
    await fetched(panel);
    await seen(panel.locator('ul.gaps li', { hasText: /gap .* – \d.*: no right to see them/ }));
    expect(await panel.locator('ul.gaps li').count()).toBe(1);
    expect(await page.locator('.list-gap').count()).toBe(TRUCKS.length);
    expectNoComplaint(visitor as Watched);
  });

  test('is a gap until it is looked at where a deny was lifted: the grant reaches back over it', async () => {
    const { page } = await viewer('pablo', 'subscribe,decrypt,discover');
    const lift = await deny('pablo', ALL);
    await seen(page.getByRole('alert').getByText('You have no right to this any more'));
    expect(await page.locator('.list-button').count()).toBe(0);
    const without = turn;
    await passed(5);
    await lift();
    await holds(async () => expect(await page.locator('.list-gap').count()).toBe(TRUCKS.length));
    const panel = await open(page, 'Truck 1');
    await panel.locator('summary', { hasText: 'Recent readings' }).click();
    await holds(async () => expect(await turns(panel)).toContain(without + 3));
    expect(await panel.locator('ul.gaps').count()).toBe(0);
    expect(await device(page, 'Truck 1').locator('.list-gap').count()).toBe(0);
    expect(await device(page, 'Truck 2').locator('.list-gap').count()).toBe(1);
    expectNoComplaint(visitor as Watched);
  });

  test('is everything where each device is denied on its own, which the page says, and after a reload, too', async () => {
    const { page } = await viewer('paula', 'subscribe,decrypt,discover');
    for (const number of TRUCKS) await city.deny('paula@fujisawa', 'subscribe', `fujisawa/truck/${number}/#`);
    await seen(page.getByRole('alert').getByText('You have no right to this any more'));
    expect(await page.locator('.list-button').count()).toBe(0);
    expect(await page.getByText('No readings yet').count()).toBe(0);
    await page.reload();
    await seen(page.getByText('You have no right to these of them'));
    const notices = page.locator('.notices');
    for (const number of TRUCKS) await seen(notices.getByText(`fujisawa/truck/${number}/#`));
    await passed(5);
    expect(await page.locator('.list-button').count()).toBe(0);
    expectNoComplaint(visitor as Watched);
  });

  test('is one device where one is denied, and the others stay', async () => {
    const { page } = await viewer('rosa', 'subscribe,decrypt,discover');
    const lift = await deny('rosa', 'fujisawa/truck/2/#');
    await device(page, 'Truck 2').waitFor({ state: 'detached' });
    expect(await device(page, 'Truck 1').count()).toBe(1);
    // Publishers have heard by then of every key that was changed: they ask each 15 s.
    await passed(60);
    await lift();
    await seen(device(page, 'Truck 2').locator('.list-gap'));
    expect(await device(page, 'Truck 1').locator('.list-gap').count()).toBe(0);
    expectNoComplaint(visitor as Watched);
  });

  test('is sealed on every device of a tree where the key to one of them is denied, and is there again', async () => {
    const gauges = await city.member('gauges', { topics: ['fujisawa/level/#'] });
    const pair = [gauges.feed('fujisawa/level/east'), gauges.feed('fujisawa/level/west')];
    const measuring = setInterval(() => {
      for (const feed of pair) feed.publish({ turn });
    }, 300);
    visitor = await visit(city.web, await city.enrol('raul', { kind: 'person' }));
    const { page } = visitor;
    await city.grant('raul@fujisawa', 'subscribe,decrypt,discover', 'fujisawa/level/#');
    const [east, west] = [device(page, 'level/east'), device(page, 'level/west')];
    for (const row of [east, west]) await seen(row);
    const lift = await deny('raul', 'fujisawa/level/west');
    await west.waitFor({ state: 'detached' });
    await seen(page.locator('.notices').getByText('readings are sealed'));
    const without = turn;
    await seen(east.locator('.list-gap'));
    await lift();
    await seen(west);
    await holds(async () =>
      expect(Number(await east.locator('.list-value').innerText())).toBeGreaterThan(without),
    );
    const panel = await open(page, 'level/east');
    await panel.locator('summary', { hasText: 'Recent readings' }).click();
    await holds(async () => expect(await turns(panel)).toContain(without));
    expect(await east.locator('.list-gap').count()).toBe(0);
    expectNoComplaint(visitor as Watched);
    clearInterval(measuring);
    for (const feed of pair) await feed.close();
  });

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
    const file = await saved(page, panel.getByRole('button', { name: 'Download table (CSV)' }));
    await seen(panel.getByText('One gap is marked in the file'));
    const intervals = file.map(({ gap, level }) => gap || level);
    expect(intervals.filter((text) => text !== '')).toEqual(['31', '32', 'withheld', '34']);
    liar.spared = 2;
    const all = await saved(page, panel.getByRole('button', { name: 'Every reading (CSV)' }));
    expect(all.map(({ gap, level }) => gap || level)).toEqual(['31', '32', 'withheld', '34']);
    const [, before, gap, behind] = all;
    expect([gap?.time, gap?.['gap until']]).toEqual([before?.time, behind?.time]);
    await feed.close();
    await liar.close();
  });
});
