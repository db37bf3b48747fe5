// One program at a time: what is read in a folder, judged and written back is not overtaken by another process. Node.js
// cannot lock a file as the command line does; a file that only one can make stands for it, with a text of its holder's.
//
// A holder may end without removing it, or be so slow that it looks ended. So a lock that stood long is taken away, by
// one of those who wait, and whoever held it finds that before it writes.

import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pause } from '../waiting.js';

/** Between two looks at a lock that somebody else holds, milliseconds. */
const LOOK_EVERY_MS = 5;
/** A lock is held for a few writes. One that stands so long was left by a process that ended, milliseconds. */
const LEFT_AFTER_MS = 10_000;

/** The lock was held for so long that another program took it to be left behind. */
export class LockLost extends Error {
  override readonly name = 'lock-lost';

  constructor(path: string) {
    super(`${path}: wanted the lock that was taken, found that others took it for one left behind`);
  }
}

/**
 * Runs the work while no other process runs any under the same lock. The work calls `stillHeld` just before it changes
 * anything for good.
 *
 * @param path - the file that stands for the lock, in a folder that is there
 * @throws LockLost from `stillHeld`, where the work took so long that another program holds the lock
 */
export async function exclusively<T>(
  path: string,
  work: (stillHeld: () => Promise<void>) => Promise<T>,
  leftAfterMs = LEFT_AFTER_MS,
): Promise<T> {
  const token = randomUUID();
  await acquire(path, token, leftAfterMs);
  try {
    await removeLeft(path);
    return await work(async () => {
      if ((await tokenOf(path)) !== token) {
        throw new LockLost(path);
      }
    });
  } finally {
    if ((await tokenOf(path)) === token) {
      await moveAway(path, async (moved) => (await tokenOf(moved)) === token);
    }
  }
}

async function acquire(path: string, token: string, leftAfterMs: number): Promise<void> {
  // By this process's own clock: those of other machines, which may have the folder, too, may be wrong.
  let watched: { held: Held; since: number } | undefined;
  while (!(await make(path, token))) {
    const held = await heldBy(path);
    const stood = watched === undefined ? 0 : performance.now() - watched.since;
    if (held === undefined) {
      watched = undefined;
    } else if (!isSame(held, watched?.held)) {
      watched = { held, since: performance.now() };
    } else if (stood > leftAfterMs) {
      await takeAway(path, held, stood > 2 * leftAfterMs);
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** Whether the file was made here, and is nobody else's. */
async function make(path: string, token: string): Promise<boolean> {
  const file = await unless('EEXIST', open(path, 'wx', 0o600));
  try {
    await file?.writeFile(token);
  } finally {
    await file?.close();
  }
  return file !== undefined;
}

/** Which file it is and what is in it: another one of the same name is another holder's. */
interface Held {
  inode: number;
  changed: number;
  token: string;
}

async function heldBy(path: string): Promise<Held | undefined> {
  const found = await unless('ENOENT', stat(path));
  const token = await tokenOf(path);
  return found && token !== undefined ? { inode: found.ino, changed: found.mtimeMs, token } : undefined;
}

function isSame(one: Held, other: Held | undefined): boolean {
  return one.inode === other?.inode && one.changed === other.changed && one.token === other.token;
}

function tokenOf(path: string): Promise<string | undefined> {
  return unless('ENOENT', readFile(path, 'utf8'));
}

/**
 * Takes a lock away that was left behind. Of several who wait only one can claim it, by a second name of the very file;
 * who comes later finds another file under the lock's name, and leaves that alone.
 *
 * @param isClaimLeft - whether a claim of another's is one left behind, too
 */
async function takeAway(path: string, left: Held, isClaimLeft: boolean): Promise<void> {
  const claim = `${path}.${left.inode}.left`;
  const isLeft = async (file: string) => {
    const found = await heldBy(file);
    return found !== undefined && isSame(found, left);
  };
  const made = await unless(
    'EEXIST',
    unless(
      'ENOENT',
      link(path, claim).then(() => true as const),
    ),
  );
  if (made === undefined) {
    if (isClaimLeft) {
      await rm(claim, { force: true });
    }
    return;
  }
  try {
    if (await isLeft(claim)) {
      await moveAway(path, isLeft);
    }
  } finally {
    await rm(claim, { force: true });
  }
}

/** Removes the file where it is the one that is meant; any other is put back, unless there is one again. */
async function moveAway(path: string, isMeant: (moved: string) => Promise<boolean>): Promise<void> {
  const moved = `${path}.${randomUUID()}.left`;
  const isMoved = await unless(
    'ENOENT',
    rename(path, moved).then(() => true as const),
  );
  if (isMoved === undefined) {
    return;
  }
  if (!(await isMeant(moved))) {
    await unless('EEXIST', unless('ENOENT', link(moved, path)));
  }
  await rm(moved, { force: true });
}

/** Removes what programs left that ended while they took a lock away. */
async function removeLeft(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(`${name}.`) && entry.endsWith('.left')) {
      await rm(join(folder, entry), { force: true });
    }
  }
}

/** What comes of it; undefined where it fails for this reason. */
async function unless<T>(code: string, doing: Promise<T>): Promise<T | undefined> {
  try {
    return await doing;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === code) {
      return undefined;
    }
    throw thrown;
  }
}
