// The path of somebody who comes from nothing: the very commands of docs/first-sensor.md, in their order, and
// then a look at the map. The first one, which builds the program, has been done; and ports are others than in
// the document, as those may be taken.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { claimPort, closeBrowser, openPage, Process, program, ROOT, run } from '../src/index.js';

/** The document promises no more, of which the first builds the program. */
const COMMANDS_MAX = 8;
const BUILD = 'make install';

const folder = mkdtempSync(join(tmpdir(), 'sekisho-first-'));
const environment = { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
const running: Process[] = [];

beforeAll(() => {
  mkdirSync(join(folder, 'bin'));
  symlinkSync(program(), join(folder, 'bin', 'sekisho'));
});

afterAll(async () => {
  await closeBrowser();
  for (const process of running.reverse()) {
    await process.stop();
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The commands before "And then", each of which is a block of its own. */
function commands(): string[] {
  const text = readFileSync(join(ROOT, 'docs/first-sensor.md'), 'utf8');
  const [path = ''] = text.split('\n## And then');
  return [...path.matchAll(/```sh\n([^`]*)```/g)].map((block) => (block[1] ?? '').trim());
}

/** Runs what a shell would run in the foreground; gives what it printed. */
async function inShell(command: string): Promise<string> {
  const said = await run('bash', ['-o', 'pipefail', '-c', command], { folder, environment });
  expect([command, said.code, said.error]).toEqual([command, 0, expect.anything()]);
  return said.output;
}

/** Runs what a shell would leave behind with `&`; resolves when it says that it is ready. */
async function behind(command: string): Promise<void> {
  const [, foreground = ''] = /^(.*) 2> \S+ &$/.exec(command) ?? [];
  expect(foreground, command).not.toBe('');
  const log = join(folder, 'behind.log');
  const started = Process.start(foreground, 'bash', ['-c', `exec ${foreground}`], log, {
    folder,
    environment,
  });
  running.push(started);
  await started.ready();
}

test('eight commands lead from nothing to a sensor on the map', async () => {
  const [build, init, serve, steward, me, describe, balcony, reading, ...more] = commands();
  expect([build, more]).toEqual([BUILD, []]);
  expect(commands()).toHaveLength(COMMANDS_MAX);
  const [node, http, web] = [await claimPort(), await claimPort(), await claimPort()];
  await inShell(`${init} --listen 127.0.0.1:${node} --http 127.0.0.1:${http}`);
  await behind((serve ?? '').replace('127.0.0.1:8080', `127.0.0.1:${web}`));
  await behind(steward ?? '');
  const token = /sekisho-join-v1\.\w+/.exec(await inShell(me ?? ''))?.[0] ?? '';
  const { page, faults } = await openPage();
  await page.goto(`http://127.0.0.1:${web}/`);
  await page.getByRole('textbox').fill(token);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText('me@fujisawa').first().waitFor();
  for (const command of [describe, balcony, reading]) {
    await inShell(command ?? '');
  }
  await page.getByText('My balcony').first().waitFor();
  await page.getByLabel('Only what is on the map').check();
  await page.getByText('My balcony').first().click();
  await page.getByText('21.4').first().waitFor();
  await page.getByText('12.5').first().waitFor();
  expect(faults).toEqual([]);
});
