// Where the `sekisho` command is that is tested.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The command: `SEKISHO_PROGRAM` where that is set, else what `cargo build` left.
 *
 * @throws Error where there is none.
 */
export function program(): string {
  const named = process.env.SEKISHO_PROGRAM;
  const path = named === undefined || named === '' ? `${ROOT}target/debug/sekisho` : named;
  if (!existsSync(path)) {
    throw new Error(
      `${path}: wanted the sekisho command, found none; cargo build --package sekisho-cli makes it`,
    );
  }
  return path;
}
