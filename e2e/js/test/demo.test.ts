// The demo, as somebody sees it who does what it prints: both links, and then the command that blinds the visitor.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { closeBrowser, eventually, openPage, Process, program, run } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'sekisho-demo-'));
let demo: Process | undefined;

beforeAll(() => {
  const args = ['demo', '--trucks', '3', '--hz', '5', '--dir', join(folder, 'cities')];
  demo = Process.start('the demo', program(), args, join(folder, 'demo.log'));
});

afterAll(async () => {
  await closeBrowser();
  rmSync(folder, { recursive: true, force: true });
});

/** What the demo has printed, as soon as it has printed something of this kind. */
async function printed(wanted: RegExp): Promise<string> {
  return await eventually(`${wanted} in what the demo prints`, () => wanted.exec(demo?.output ?? '')?.[1]);
}

test('both links lead in, and the printed command blinds the visitor alone', async () => {
  const dashboard = await printed(/^ {2}(http:\/\/127\.0\.0\.1:\d+\/#join=\S+)$/m);
  const console = await printed(/^ {2}(http:\/\/127\.0\.0\.1:\d+\/console#join=\S+)$/m);
  const deny = await printed(/^ {3}(\S+ deny visitor@santander .*)$/m);
  await printed(/^(the fleet drives off)/m);
  const [visitor, operator] = [await openPage(), await openPage()];

  await visitor.page.goto(dashboard);
  await visitor.page.getByText('visitor@santander').first().waitFor();
  for (const truck of [1, 2, 3]) {
    await visitor.page.getByText(`Garbage truck ${truck}`).first().waitFor();
  }
  expect(visitor.page.url()).not.toContain('join');
  await operator.page.goto(console);
  await operator.page.getByText('operator@fujisawa').first().waitFor();
  expect(operator.page.url()).not.toContain('join');

  const said = await run('bash', ['-c', deny]);
  expect([said.code, said.error]).toEqual([0, expect.anything()]);
  await visitor.page.getByText('Garbage truck').first().waitFor({ state: 'detached' });
  await visitor.page.getByRole('alert').first().waitFor();
  expect(visitor.faults).toEqual([]);
  expect(operator.faults).toEqual([]);

  // What was shown in browsers is as hidden from disks and wires as ever.
  expect(await demo?.interrupt()).toBe(0);
  expect(demo?.output).toMatch(/^plaintext {3}0 found/m);
  expect(demo?.output).toMatch(/^all is well$/m);
});
