// How long a test waits for what must happen. Nothing waits for a fixed time: what is awaited ends the
// wait, and the deadline only ends a test that has failed.

import { setTimeout as pause } from 'node:timers/promises';

/** Longer than anything takes on a busy machine, milliseconds. */
export const PATIENCE_MS = 60_000;
/** Between two looks at what cannot be awaited, such as a page of another process, milliseconds. */
const LOOK_EVERY_MS = 50;

/**
 * Looks until there is something.
 *
 * @param what what is waited for, in words: the failure says "wanted WHAT within …".
 * @param look tells what it found; `undefined`, `false` and `null` are nothing yet, and so is what it throws.
 * @param patience milliseconds until it has failed.
 * @throws Error when the time is over; its cause is what `look` threw last.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  patience: number = PATIENCE_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + patience;
  let fault: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) {
        return found as Exclude<T, undefined | null | false>;
      }
      fault = undefined;
    } catch (thrown) {
      fault = thrown;
    }
    if (performance.now() >= end) {
      throw new Error(`wanted ${what} within ${patience} ms`, { cause: fault });
    }
    await pause(LOOK_EVERY_MS);
  }
}

/**
 * What the promise gives, unless it takes too long.
 *
 * @throws Error when the time is over, or what the promise throws.
 */
export async function within<T>(
  what: string,
  awaited: Promise<T>,
  patience: number = PATIENCE_MS,
): Promise<T> {
  const over = new AbortController();
  const late = pause(patience, undefined, { signal: over.signal }).then(() => {
    throw new Error(`wanted ${what} within ${patience} ms`);
  });
  // Whoever wins, the other is of no interest.
  late.catch(() => undefined);
  try {
    return await Promise.race([awaited, late]);
  } finally {
    over.abort();
  }
}
