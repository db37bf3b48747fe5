import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exclusively, LockLost } from './folder_lock.js';

/** Programs that wait for one lock that was left behind, and how often that is tried. */
const PROGRAMS = 6;
const ROUNDS = 5;
/** Where a lock is left behind sooner than a program takes for its work, milliseconds. */
const SOON_MS = 40;

let dir: string;
let lock: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-lock-'));
  lock = join(dir, 'keeping');
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** A program of its own that goes in and fails where another is inside. */
async function entering(): Promise<string> {
  const contents = `
    import { mkdir, rmdir } from 'node:fs/promises';
    import { exclusively } from './folder_lock.js';
    const [lock, inside] = process.argv.slice(2);
    for (let turn = 0; turn < 5; turn += 1) {
      await exclusively(lock, async (stillHeld) => {
        await mkdir(inside);
        await stillHeld();
        await rmdir(inside);
      }, 1000);
    }`;
  const outfile = join(dir, 'entering.mjs');
  const stdin = { contents, resolveDir: import.meta.dirname };
  await build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' });
  return outfile;
}

async function ended(script: string, ...more: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [script, ...more], { stdio: ['ignore', 'ignore', 'inherit'] });
  return await new Promise((told, failed) => {
    child.once('exit', told);
    child.once('error', failed);
  });
}

it('of programs that wait for a lock that was left behind never two are inside', async () => {
  const script = await entering();
  for (let round = 0; round < ROUNDS; round += 1) {
    await writeFile(lock, 'of a program that ended');
    const all = Array.from({ length: PROGRAMS }, () => ended(script, lock, join(dir, 'inside')));
    expect(await Promise.all(all)).toEqual(Array.from({ length: PROGRAMS }, () => 0));
    expect(await readdir(dir)).toEqual(['entering.mjs']);
  }
}, 120_000);

it('a slow holder finds before it writes that it was taken for one that ended', async () => {
  const slow = exclusively(lock, async (stillHeld) => {
    await stillHeld();
    await exclusively(lock, async () => undefined, SOON_MS);
    await stillHeld();
  });
  await expect(slow).rejects.toBeInstanceOf(LockLost);
  expect(await readdir(dir)).toEqual([]);
});

it('a slow holder leaves the lock of the next one alone', async () => {
  let letGo = () => {};
  const isLetGo = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let next: Promise<void> | undefined;
  const slow = exclusively(lock, async (stillHeld) => {
    await new Promise<void>((isInside) => {
      next = exclusively(
        lock,
        () => {
          isInside();
          return isLetGo;
        },
        SOON_MS,
      );
    });
    await stillHeld();
  });
  await expect(slow).rejects.toBeInstanceOf(LockLost);
  expect(await readdir(dir)).toEqual(['keeping']);
  letGo();
  await next;
  expect(await readdir(dir)).toEqual([]);
});

it('what programs left that ended while they took a lock away is removed', async () => {
  await writeFile(lock, 'of a program that ended');
  for (const left of ['77.left', '6f1c.left']) await writeFile(`${lock}.${left}`, 'of another');
  await exclusively(lock, async () => expect(await readdir(dir)).toEqual(['keeping']), SOON_MS);
  expect(await readdir(dir)).toEqual([]);
});
