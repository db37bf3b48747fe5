// The operator's console against two real cities: what is done in the page holds for everybody outside it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { City, closeBrowser, eventually, type Member, PATIENCE_MS, peer, sekisho } from '../src/index.js';
import {
  type Console,
  downloaded,
  fill,
  input,
  mark,
  openConsole,
  preview,
  says,
  sign,
} from './console/house.js';
import { complaints, picture } from './dashboard/visit.js';

const AIR = 'fujisawa/truck/1/air';

let fujisawa: City;
let santander: City;
let truck: Member;
let chief: Console;
let root: string;

beforeAll(async () => {
  fujisawa = await City.found('fujisawa', { web: true });
  santander = await City.found('santander');
  await peer(fujisawa, santander);
  truck = await fujisawa.member('truck-1', { topics: ['fujisawa/truck/1/#'] });
  const transducers = { pm2_5: 'ug/m3' };
  await fujisawa.describe(AIR, { type: 'outdoor weather', title: 'Truck 1', mobile: true, transducers });
  await truck.publish(AIR, { pm2_5: 12.5 });
  await fujisawa.describe('fujisawa/home/12/door', { title: 'Front door', class: 'personal' });
  chief = await openConsole(fujisawa, 'chief');
  root = /root = "?([0-9a-f]{64})/.exec(truck.profile)?.[1] ?? '';
});

afterEach(() => {
  expect(complaints(chief)).toEqual([]);
});

afterAll(async () => {
  await closeBrowser();
  await Promise.all([fujisawa, santander].map((city) => city?.[Symbol.asyncDispose]()));
});

describe('granting and revoking', () => {
  test('a grant signed in the page lets the command line read, and peers apply it', async () => {
    const reader = await fujisawa.member('reader', { kind: 'app' });
    await chief.go('change/grant');
    await says(chief, 'Lets somebody do something');
    await fill(chief.page, { grantee: reader.name, filter: 'fujisawa/truck/#', purpose: 'air quality' });
    await mark(chief.page, ['subscribe', 'history', 'decrypt', 'discover']);
    const words = await preview(chief.page);
    expect(words).toContain('App “reader” of fujisawa can read fujisawa/truck/# from now on');
    const [id] = await sign(chief, reader.name);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    await says(chief, 'santander has applied it');
    await picture(chief.page, 'console-stands');
    const read = await eventually('the reader to open what the truck published', async () => {
      const said = await reader.sekisho(['history', AIR, '--json']);
      return said.output.includes('12.5') ? said.output : undefined;
    });
    expect(read).toContain('pm2_5');
  });

  test('what is shown before signing is what the command line says, in three languages', async () => {
    const grants: [string, string, string, string[]][] = [
      ['park@santander', 'subscribe,decrypt', 'fujisawa/truck/+/air', []],
      ['*@santander', 'publish,grant,administer', 'fujisawa/#', ['--onward']],
      ['role/family@fujisawa', 'subscribe,history', AIR, ['--until', '2027-01-01T01:05:00Z']],
    ];
    for (const language of ['en', 'es', 'ja'] as const) {
      await chief.page.locator('header select').first().selectOption(language);
      for (const [who, actions, filter, more] of grants) {
        await chief.go('overview');
        await chief.go('change/grant');
        await input(chief.page, 'grantee').waitFor();
        await fill(chief.page, { grantee: who, filter });
        await mark(chief.page, actions.split(','));
        if (more.includes('--onward')) await input(chief.page, 'onward').check();
        if (more.includes('--until')) await fill(chief.page, { until: '2027-01-01T01:05' });
        const shown = await preview(chief.page);
        const warnings = await chief.page.locator('ul.warnings li').allInnerTexts();
        const command = ['diff', 'grant', who, actions, filter, ...more, '--lang', language];
        const told = (await fujisawa.json(command)) as { preview: string; warnings: string[] };
        expect(shown).toBe(told.preview);
        expect(warnings).toEqual(expect.arrayContaining(told.warnings));
      }
    }
    await chief.page.locator('header select').first().selectOption('en');
  });

  test('somebody who is revoked in the page is cut off, and it is seen when', async () => {
    const visitor = await fujisawa.member('visitor', { read: ['fujisawa/truck/#'] });
    await visitor.run(['history', AIR]);
    await chief.go('change/revoke?target=visitor%40fujisawa');
    await fill(chief.page, { reason: 'left' });
    const words = await preview(chief.page);
    expect(words).toContain('of “visitor” of fujisawa ends now, for good.');
    await sign(chief);
    await says(chief, 'santander has applied it');
    await says(chief, /is sealed to a new key, epoch \d+/);
    const refused = await visitor.sekisho(['history', AIR]);
    expect(refused.code).not.toBe(0);
    expect(refused.error).toContain('revoked');
  });

  test('what is dangerous is signed only by whoever types what it is about', async () => {
    await chief.go('change/grant?who=*%40santander');
    await input(chief.page, 'filter').waitFor();
    await fill(chief.page, { filter: 'fujisawa/#' });
    await mark(chief.page, ['subscribe', 'history', 'decrypt']);
    await input(chief.page, 'onward').check();
    await preview(chief.page);
    const warnings = await chief.page.locator('ul.warnings li').allInnerTexts();
    expect(warnings).toEqual([
      'Careful: this is about every topic of fujisawa, also of those to come.',
      'Careful: this is for everybody of santander, whoever joins there.',
      'Careful: their organisation can pass it on.',
      'Careful: this includes everything kept so far.',
      'Careful: this opens data about people: fujisawa/home/12/door.',
    ]);
    await picture(chief.page, 'console-danger');
    const button = chief.page.locator('.agree button[type=submit]');
    expect(await button.isDisabled()).toBe(true);
    await input(chief.page, 'agree').fill('*@santandér');
    expect(await button.isDisabled()).toBe(true);
    const before = await fujisawa.json(['who', AIR]);
    await input(chief.page, 'agree').fill('*@santander');
    expect(await button.isDisabled()).toBe(false);
    // A preview of what the form no longer says cannot be signed.
    await fill(chief.page, { filter: 'fujisawa/truck/#' });
    await eventually('the old preview to go', async () => (await chief.page.locator('.agree').count()) === 0);
    expect(await fujisawa.json(['who', AIR])).toEqual(before);
  });

  test('ending the steward, the node or oneself is asked about by name', async () => {
    const sentences: [string, string][] = [
      ['steward@fujisawa', 'this is a steward'],
      ['node@fujisawa', 'this is a node'],
      ['chief@fujisawa', 'this is your own key'],
    ];
    for (const [name, sentence] of sentences) {
      await chief.go(`change/revoke?target=${encodeURIComponent(name)}`);
      await eventually(
        'the form of it',
        async () => (await input(chief.page, 'target').inputValue()) === name,
      );
      await preview(chief.page);
      await says(chief, sentence);
      expect(await chief.page.locator('.agree button[type=submit]').isDisabled()).toBe(true);
    }
  });

  test('a role is given and taken, and a stream is described', async () => {
    await chief.go('change/role');
    await fill(chief.page, { role: 'family', member: 'truck-1@fujisawa' });
    expect(await preview(chief.page)).toContain('has the role “family” of fujisawa');
    const [id = ''] = await sign(chief);
    const listed = (await fujisawa.json(['role', 'list'])) as { role: string; statement: string }[];
    expect(listed.map((one) => one.statement)).toContain(id);
    await chief.go(`change/revoke?target=${id}`);
    expect(await preview(chief.page)).toContain('It said: ');
    await sign(chief);
    expect(await fujisawa.json(['role', 'list'])).toEqual([]);
    await chief.go('change/describe?topic=fujisawa%2Ftide');
    await fill(chief.page, { title: '潮位', transducers: 'level=m', latitude: '35.3', longitude: '139.5' });
    await input(chief.page, 'class').selectOption('open');
    await preview(chief.page);
    await says(chief, 'is not sealed');
    await sign(chief, 'fujisawa/tide');
    await chief.go('rights/matrix');
    await chief.go('log');
    await says(chief, 'fujisawa/tide is open: signed but not sealed.');
  });

  test('a form that is wrong says of each field what was wanted and found', async () => {
    await chief.go('overview');
    await chief.go('change/grant');
    await fill(chief.page, { grantee: 'nobody', filter: 'santander/#' });
    await mark(chief.page, []);
    await chief.page.locator('form.form button[type=submit]').click();
    const faults = await eventually('faults', async () => {
      const all = await chief.page.locator('.field-fault').allInnerTexts();
      return all.length === 3 ? all : undefined;
    });
    for (const fault of faults) expect(fault).toMatch(/wanted .*found/s);
  });
});

describe('questions about rights', () => {
  test('the matrix tells what `sekisho who` tells', async () => {
    await chief.go(`rights/matrix?topics=${encodeURIComponent(`${AIR} fujisawa/home/12/door`)}&all=1`);
    const table = chief.page.locator('.table-frame table');
    await table.locator('tbody tr').first().waitFor({ timeout: PATIENCE_MS });
    await picture(chief.page, 'console-matrix');
    const seen = new Map<string, string>();
    for (const row of await table.locator('tbody tr').all()) {
      const cells = await row.locator('th, td').allInnerTexts();
      seen.set(cells[0] ?? '', cells[1]?.trim() ?? '');
    }
    const letters = { publish: 'p', subscribe: 's', history: 'h', decrypt: 'd' };
    for (const [action, letter] of Object.entries(letters)) {
      const told = (await fujisawa.json(['who', AIR, '--action', action])) as { principal: string }[];
      const named = new Set(told.map((one) => one.principal));
      for (const [holder, cell] of seen)
        expect([holder, cell.includes(letter)]).toEqual([holder, named.has(holder)]);
      for (const name of named) expect(seen.has(name)).toBe(true);
    }
  });

  test('why somebody may, and what is missing where they may not', async () => {
    const ask = (who: string) =>
      `rights/ask?who=${encodeURIComponent(who)}&action=publish&topic=${encodeURIComponent(AIR)}`;
    await chief.go(ask('truck-1@fujisawa'));
    const yes = await says(chief, 'Yes: this chain of statements allows it');
    expect(yes).toContain('“truck-1” of fujisawa can publish to fujisawa/truck/1/#');
    await picture(chief.page, 'console-why');
    await chief.go(ask('chief@fujisawa'));
    await says(chief, 'No: this is the first thing missing');
    const told = (await fujisawa.sekisho(['why', 'chief@fujisawa', 'publish', AIR])).output;
    const shown = (await chief.text()).replaceAll(/\s+/g, ' ');
    expect(shown).toContain(told.trim().split('\n').at(-1)?.trim().slice(0, 40));
  });
});

describe('enrolment', () => {
  test('a truck joins with a token of the page, and is let in by its fingerprint', async () => {
    await chief.go('enrolment');
    await fill(chief.page, { name: 'truck-7', publish: 'fujisawa/truck/7/#' });
    await chief.page.getByRole('button', { name: 'Make a token' }).click();
    const text = chief.page.locator('.token-text');
    await text.waitFor({ timeout: PATIENCE_MS });
    await chief.page.locator('main .spinner').waitFor({ state: 'detached', timeout: PATIENCE_MS });
    await picture(chief.page, 'console-token');
    const token = (await text.innerText()).trim();
    expect(await chief.page.locator('svg.qr').isVisible()).toBe(true);
    const dir = fujisawa.place('truck-7');
    const joining = sekisho(['join', '-', '--dir', dir], { input: token });
    await chief.page.getByRole('button', { name: 'I have handed it over' }).click();
    const letIn = chief.page.getByRole('button', { name: 'Let in' });
    await letIn.click({ timeout: PATIENCE_MS });
    const dialog = chief.page.locator('dialog[open]');
    const fingerprint = (await dialog.locator('.fingerprint').innerText()).trim();
    await picture(chief.page, 'console-approve');
    await dialog.locator('[name=digits]').fill('0000');
    const yes = dialog.getByRole('button', { name: 'Let in' });
    const isZero = fingerprint.startsWith('0000');
    expect(await yes.isDisabled()).toBe(!isZero);
    await dialog.locator('[name=digits]').fill(fingerprint.slice(0, 4));
    await yes.click();
    await says(chief, 'truck-7@fujisawa is let in');
    const joined = await joining;
    expect(joined.code).toBe(0);
    expect(`${joined.output}${joined.error}`).toContain(fingerprint);
    await says(chief, 'has joined');
  });

  test('a token that is taken back lets nobody in', async () => {
    await chief.go('overview');
    await chief.go('enrolment');
    await fill(chief.page, { name: 'truck-8', publish: 'fujisawa/truck/8/#' });
    await input(chief.page, 'approval').selectOption('matching');
    await chief.page.getByRole('button', { name: 'Make a token' }).click();
    const token = (await chief.page.locator('.token-text').innerText({ timeout: PATIENCE_MS })).trim();
    await chief.page.getByRole('button', { name: 'I have handed it over' }).click();
    const row = chief.page.locator('tr', { hasText: 'truck-8@fujisawa' });
    await row.getByRole('button', { name: 'Refuse' }).click();
    const dialog = chief.page.locator('dialog[open]');
    await dialog.locator('[name=reason]').fill('mistake');
    await dialog.getByRole('button', { name: 'Refuse' }).click();
    await says(chief, 'The token for truck-8@fujisawa is taken back');
    const dir = fujisawa.place('truck-8');
    const joined = await sekisho(['join', '-', '--dir', dir], { input: token });
    expect(joined.code).not.toBe(0);
    expect(joined.error).toContain('mistake');
  });
});

describe('the logs', () => {
  test('are verified here, with who has cosigned', async () => {
    await chief.go('log');
    await chief.page.getByRole('button', { name: 'Verify now' }).click();
    await says(chief, 'sekisho/fujisawa/control holds');
    const told = await says(chief, 'sekisho/santander/node');
    expect(told).toMatch(/sekisho\/santander\/node\s[\s\S]*?verified here/);
    await picture(chief.page, 'console-log');
    await chief.page.getByRole('button', { name: 'Verify now' }).click();
    await says(chief, 'It only grew since this browser last saw it');
  });

  test('a proof downloaded from the page is accepted by whoever has the root alone', async () => {
    const all = (await fujisawa.json(['what', 'truck-1@fujisawa'])) as { grants: { statement: string }[] };
    const id = all.grants[0]?.statement ?? '';
    await chief.go(`log/control?entry=${id}`);
    await says(chief, id);
    const button = chief.page.getByRole('button', { name: /Download its proof/ }).first();
    const file = await downloaded(chief.page, button);
    const verified = JSON.parse(await fujisawa.run(['log', 'verify', file, '--root', root, '--json'])) as {
      statement: string;
      authorised: boolean;
    };
    const own = fujisawa.place('own.tlog-proof');
    await fujisawa.run(['log', 'prove', id, '--out', own]);
    const told = JSON.parse(
      await fujisawa.run(['log', 'verify', own, '--root', root, '--json']),
    ) as typeof verified;
    expect(verified).toMatchObject({ statement: id, authorised: told.authorised, node: 'node@fujisawa' });
    const other = await fujisawa.sekisho(['log', 'verify', file, '--root', 'ab'.repeat(32)]);
    expect(other.code).not.toBe(0);
  });

  test('so is the proof of an access, which says who was let at what', async () => {
    await chief.go(`log/access?subject=${encodeURIComponent('truck-1@fujisawa')}`);
    await says(chief, 'truck-1@fujisawa');
    const button = chief.page
      .locator('td')
      .getByRole('button', { name: /Download its proof/ })
      .first();
    const file = await downloaded(chief.page, button);
    const verified = JSON.parse(await fujisawa.run(['log', 'verify', file, '--root', root, '--json']));
    expect(verified).toMatchObject({ log: 'sekisho/fujisawa/access', subject: 'truck-1@fujisawa' });
  });
});

describe('what goes on', () => {
  test('is told room by room', async () => {
    const rooms: [string, string | RegExp, string?][] = [
      ['overview', 'Records kept', 'console-overview'],
      ['peers', 'fujisawa offers santander what it grants of fujisawa/#.', 'console-peers'],
      ['sessions', 'chief@fujisawa', 'console-sessions'],
      ['sessions/refusals', /revoked|Nothing was refused/],
      ['epochs', 'fujisawa/#'],
      ['storage', 'free_mebibytes_min', 'console-storage'],
      ['rights/principals', 'truck-1@fujisawa', 'console-principals'],
      ['rights/grants', 'fujisawa/truck/1/#'],
    ];
    for (const [place, wanted, name] of rooms) {
      await chief.go(place);
      await says(chief, wanted);
      if (name !== undefined) await picture(chief.page, name);
    }
  });

  test('what is kept of somebody’s accesses is destroyed by whoever types the name', async () => {
    await chief.go('epochs');
    await fill(chief.page, { subject: 'visitor@fujisawa', reason: 'asked to be forgotten' });
    const button = chief.page.getByRole('button', { name: 'Destroy it' });
    expect(await button.isDisabled()).toBe(true);
    await fill(chief.page, { agree: 'visitor@fujisawa' });
    await button.click();
    await says(chief, /visitor@fujisawa: erased, with \d+ records/);
    const listed = await fujisawa.json(['access', 'list', 'visitor@fujisawa']);
    const left = listed as { record: { purpose: string } }[];
    // That one looks is recorded anew, also of those who were erased.
    expect(new Set(left.map((one) => one.record.purpose))).toEqual(new Set(['was asked about: access log']));
  });

  test('a reload stays in the room, and somebody else’s link leads there', async () => {
    await chief.go('peers?peer=santander');
    await says(chief, 'The contract: santander');
    await chief.page.reload();
    await says(chief, 'The contract: santander');
    expect(chief.page.url()).toContain('#/peers?peer=santander');
  });
});
