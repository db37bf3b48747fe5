/**
 * What this package has for Node.js beside what it has for browsers: folders with a principal's keys, the
 * same that `sekisho join` makes, and WebSockets on which the node's certificate is bound to the login.
 *
 * @module
 */

import { ParseError } from './decode_error.js';
import { via } from './node_socket.js';
import type { KeyStore, Profile, TrustStore } from './options.js';
import type { Via } from './socket.js';
import { FolderStore } from './store/folder.js';

export { via } from './node_socket.js';
export { FolderStore, formatProfile, parseProfile } from './store/folder.js';
export { LockLost } from './store/folder_lock.js';

/** What a folder holds, ready for `Client.connect`. */
export interface OpenFolder {
  readonly profile: Profile;
  readonly keys: KeyStore;
  readonly trust: TrustStore;
  readonly via: Via;
}

/**
 * Opens the folder of somebody who has joined.
 *
 * @param dir - as made by `sekisho join --dir`, or by `join` with a {@link FolderStore}
 * @throws ParseError where it is none, where its keys are open to others, or where it has a policy of
 * witnesses, by which this package does not judge
 */
export async function openFolder(dir: string): Promise<OpenFolder> {
  const store = new FolderStore(dir);
  const profile = await store.profile();
  if (profile === undefined) {
    throw new ParseError(`folder ${dir}`, 'profile.toml of somebody who has joined', 'none');
  }
  await store.check();
  await store.identity();
  return { profile, keys: store, trust: store, via };
}

/** A folder in which to join: `join(token, { store: folderStore(dir), web, via })`. */
export function folderStore(dir: string): FolderStore {
  return new FolderStore(dir);
}
