import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FolderStore } from './folder.js';

const LOG = 'sekisho/fujisawa/control';

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
