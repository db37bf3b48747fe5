// What the README shows is run as it stands there, against a real node: only the node's address and the folders are
// those of the test.

import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { City, closeBrowser, eventually, openPage, permitted } from '@sekisho/e2e';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const README = new URL('../README.md', import.meta.url);
const PACKAGE = new URL('..', import.meta.url).pathname;

describe('the README', () => {
  let city: City;
  const snippets: { kind: string; text: string }[] = [];

  beforeAll(async () => {
    city = await City.found('fujisawa', { web: true });
    const blocks = readFileSync(README, 'utf8').matchAll(/^```(js[a-z ]*)\n(.*?)^```/gms);
    for (const [, kind = '', text = ''] of blocks) {
      snippets.push({ kind, text });
    }
    await built();
  });

  afterAll(async () => {
    await closeBrowser();
    await city[Symbol.asyncDispose]();
  });

  /** Runs a snippet in a process of its own until it ends, or has said what is waited for. */
  const run = async (
    text: string,
    until?: string,
    environment: Record<string, string> = {},
  ): Promise<string> => {
    const file = `${PACKAGE}/dist/snippet-${process.pid}-${Math.floor(performance.now() * 1000)}.mjs`;
    writeFileSync(file, placed(text));
    const child = spawn(process.execPath, [file], {
      cwd: city.folder,
      env: { ...process.env, ...environment },
    });
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const ended = new Promise<number | null>((resolve) => {
      child.on('exit', resolve);
    });
    try {
      if (until === undefined) {
        expect([await ended, said]).toEqual([0, said]);
      } else {
        await eventually(`"${until}" of the snippet`, () => {
          if (child.exitCode !== null) {
            throw new Error(said);
          }
          return said.includes(until);
        });
      }
      return said;
    } finally {
      child.kill();
      rmSync(file);
    }
  };

  const placed = (text: string): string => text.replaceAll('node.fujisawa.example:8443', city.web);

  const snippet = (words: string): string => {
    const found = snippets.filter(({ text }) => text.includes(words));
    expect(found).toHaveLength(1);
    return found[0]?.text ?? '';
  };

  it('has no snippet that is not run here', () => {
    expect(snippets.map(({ kind }) => kind)).toEqual(['js', 'js', 'js', 'js browser']);
  });

  it('shows how to publish and how to read', async () => {
    await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    await city.member('dashboard', { read: ['fujisawa/truck/#'] });
    await permitted(city, 'truck-17@fujisawa', 'publish', 'fujisawa/truck/17/air');
    expect(await run(snippet('publishDurably'))).toMatch(/stored at 0/);
    const said = await run(snippet('client.subscribe'), 'from here on it is live');
    expect(said).toMatch(/truck-17@fujisawa 12.5/);
    expect(said).toMatch(/truck-17@fujisawa 13/);
    expect(said).toMatch(/fujisawa\/truck\/17\/air/);
  });

  it('shows how a program joins', async () => {
    const token = await city.enrol('newcomer', { kind: 'app' });
    const said = await run(snippet('folderStore'), undefined, { JOIN_TOKEN: token });
    expect(said).toMatch(/joined as newcomer@fujisawa/);
  });

  it('shows how a page joins and connects', async () => {
    const token = await city.enrol('visitor', { kind: 'person', read: ['fujisawa/truck/#'] });
    const { outputFiles } = await build({
      stdin: { contents: snippet('BrowserKeyStore'), resolveDir: `${PACKAGE}/test` },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      write: false,
      footer: { js: 'globalThis.said = [client.state, client.welcome.principal].join(" as ");' },
    });
    const { page } = await openPage();
    await page.goto(`${city.web}/v1/node#join=${token}`);
    const code = outputFiles[0]?.text ?? '';
    await page.evaluate(`import('data:text/javascript;base64,${Buffer.from(code).toString('base64')}')`);
    expect(await page.evaluate('globalThis.said')).toBe('connected as visitor@fujisawa');
    expect(new URL(page.url()).hash).toBe('');
  });
});

/** Builds what the snippets import. */
async function built(): Promise<void> {
  const tsc = spawn(process.execPath, [`${PACKAGE}/../../node_modules/typescript/bin/tsc`, '-p', PACKAGE]);
  let said = '';
  tsc.stdout.on('data', (data: Buffer) => {
    said += data.toString();
  });
  const code = await new Promise<number | null>((resolve) => {
    tsc.on('exit', resolve);
  });
  expect([code, said]).toEqual([0, '']);
}
