// Keys, profile and notes that are forgotten with the program: for tests, and for programs that keep their
// keys somewhere else.

import type { JoinStore } from '../enrol.js';
import { generateWebKeys, type Identity, webIdentity } from '../identity.js';
import type { KeyStore, Profile, TrustStore } from '../options.js';
import { MemoryNotebook, type Notebook } from '../trust/logs.js';

/** See the file. */
export class MemoryStore implements KeyStore, JoinStore, TrustStore {
  readonly notebook: Notebook = new MemoryNotebook();
  #identity: Promise<Identity> | undefined;
  #profile: Profile | undefined;

  /** @param identity - keys that are there already; default: new ones when they are needed */
  constructor(identity?: Identity) {
    this.#identity = identity && Promise.resolve(identity);
  }

  identity(): Promise<Identity> {
    this.#identity ??= generateWebKeys().then(webIdentity);
    return this.#identity;
  }

  newIdentity(): Promise<Identity> {
    return this.identity();
  }

  async admit(profile: Profile): Promise<void> {
    this.#profile = profile;
  }

  /** Who it is, once it has joined. */
  async profile(): Promise<Profile | undefined> {
    return this.#profile;
  }
}
