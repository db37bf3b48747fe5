import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { FolderStore } from './folder.js';

const LOG = 'sekisho/fujisawa/control';
/** Programs that count in one note at a time, and how far each of them counts. */
const PROGRAMS = 4;
const STEPS = 25;

/** A program of its own that counts on in a folder's note, whoever else does: from what it read to one more. */
async function counting(dir: string): Promise<string> {
  const contents = `
    import { FolderStore } from './folder.js';
    const { notebook } = new FolderStore(process.argv[2]);
    for (let kept = 0; kept < ${STEPS}; ) {
      const last = await notebook.last('${LOG}');
      if (await notebook.keep('${LOG}', last, String(Number(last ?? 0) + 1))) kept += 1;
    }`;
  const outfile = join(dir, 'counting.mjs');
  const stdin = { contents, resolveDir: import.meta.dirname };
  await build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' });
  return outfile;
}

async function ended(script: string, folder: string): Promise<number | null> {
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  return await new Promise((told, failed) => {
    child.once('exit', told);
    child.once('error', failed);
  });
}

it('two stores of one folder keep one note in place of another, and not both', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sekisho-folder-'));
  try {
    const stores = Array.from({ length: 8 }, () => new FolderStore(dir));
    const kept = await Promise.all(
      stores.map(({ notebook }, at) => notebook.keep(LOG, undefined, `note ${at}`)),
    );
    expect(kept.filter((isKept) => isKept)).toHaveLength(1);
    expect(await stores[0]?.notebook.last(LOG)).toBe(`note ${kept.indexOf(true)}`);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('programs of one folder never put a note in place of one that they did not judge by', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sekisho-folder-'));
  try {
    const script = await counting(dir);
    const folder = join(dir, 'dashboard');
    const codes = await Promise.all(Array.from({ length: PROGRAMS }, () => ended(script, folder)));
    expect(codes).toEqual(Array.from({ length: PROGRAMS }, () => 0));
    expect(await new FolderStore(folder).notebook.last(LOG)).toBe(`${PROGRAMS * STEPS}`);
    expect(await readdir(join(folder, 'checkpoints'))).toEqual(['fujisawa.control.note']);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('a program that ended while it kept a note does not stop others for good', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sekisho-folder-'));
  try {
    await mkdir(join(dir, 'checkpoints'));
    await writeFile(join(dir, 'checkpoints', 'keeping'), '');
    const stores = [new FolderStore(dir), new FolderStore(dir)];
    const kept = await Promise.all(stores.map(({ notebook }) => notebook.keep(LOG, undefined, 'note')));
    expect(kept.sort()).toEqual([false, true]);
  } finally {
    await rm(dir, { recursive: true });
  }
}, 60_000);
