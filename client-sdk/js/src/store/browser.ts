// Keys, profile and notes in a browser's IndexedDB. The private keys are Web Crypto's and cannot be read out,
// by this page or by another; what they sign and open for, they do in this browser only.

import { hex } from '../bytes.js';
import type { JoinStore } from '../enrol.js';
import { generateWebKeys, type Identity, type WebKeys, webIdentity } from '../identity.js';
import type { KeyStore, Profile, TrustStore } from '../options.js';
import type { JoinToken } from '../token.js';
import type { Notebook } from '../trust/logs.js';

const VERSION = 1;
const IDENTITY = 'identity';
const NOTES = 'notes';
const FACTS = 'facts';

/** A browser does not keep what it should. */
export class StoreFailed extends Error {
  override readonly name = 'store-failed';

  constructor(wanted: string, options?: ErrorOptions) {
    super(`keys in this browser: wanted ${wanted}, found that it cannot be had`, options);
  }
}

/**
 * One principal's keys and what belongs to them, under a name that this page chooses. Everything is on the
 * disk when the promises resolve.
 */
export class BrowserKeyStore implements KeyStore, JoinStore, TrustStore {
  readonly notebook: Notebook;
  readonly #db: IDBDatabase;
  /** The keys that this object gave to be enrolled. */
  #joining: WebKeys | undefined;

  private constructor(
    db: IDBDatabase,
    readonly name: string,
  ) {
    this.#db = db;
    this.notebook = { last: (log) => this.#last(log), keep: (...kept) => this.#keep(...kept) };
    // Another tab destroys the keys.
    db.addEventListener('versionchange', () => db.close());
  }

  /**
   * Opens what is kept under a name, or makes it.
   *
   * @throws StoreFailed where the browser keeps nothing, as some do in private windows
   */
  static async open(name = 'sekisho'): Promise<BrowserKeyStore> {
    if (!('indexedDB' in globalThis)) {
      throw new StoreFailed('to keep something in IndexedDB');
    }
    const opening = indexedDB.open(name, VERSION);
    opening.addEventListener('upgradeneeded', () => {
      for (const store of [IDENTITY, NOTES, FACTS]) {
        opening.result.createObjectStore(store);
      }
    });
    return new BrowserKeyStore(await done(opening, 'to open its database'), name);
  }

  /** Who this is; undefined where nobody has joined with these keys. */
  async profile(): Promise<Profile | undefined> {
    return (await this.#get(IDENTITY, 'profile')) as Profile | undefined;
  }

  /** @throws StoreFailed where there are no keys */
  async identity(): Promise<Identity> {
    const keys = (await this.#get(IDENTITY, 'keys')) as WebKeys | undefined;
    if (keys === undefined) {
      throw new StoreFailed('keys of somebody who joined');
    }
    return webIdentity(keys);
  }

  /** The keys that join: those of an attempt with this token that was interrupted, or new ones. */
  async newIdentity(token: JoinToken): Promise<Identity> {
    const made = await generateWebKeys().catch((cause: unknown) => {
      throw new StoreFailed('to make keys of Ed25519 and X25519', { cause });
    });
    const joining = hex(token.id);
    const keys = await this.#change([IDENTITY], async (transaction) => {
      const store = transaction.objectStore(IDENTITY);
      if ((await done(store.get('profile'), 'to read')) !== undefined) {
        throw new StoreFailed('a store in which nobody has joined');
      }
      const before: unknown = await done(store.get('joining'), 'to read');
      const held = (await done(store.get('keys'), 'to read')) as WebKeys | undefined;
      if (held !== undefined && before === joining) {
        return held;
      }
      store.put(made, 'keys');
      store.put(joining, 'joining');
      return made;
    });
    this.#joining = keys;
    return webIdentity(keys);
  }

  /**
   * Keeps who it is now, with the keys that joined: another tab may have begun with its own meanwhile.
   *
   * @throws StoreFailed where somebody else has joined in another tab
   */
  async admit(profile: Profile): Promise<void> {
    const keys = this.#joining;
    await this.#change([IDENTITY], async (transaction) => {
      const store = transaction.objectStore(IDENTITY);
      const before = (await done(store.get('profile'), 'to read')) as Profile | undefined;
      if (before !== undefined && before.principal !== profile.principal) {
        throw new StoreFailed('a store in which nobody has joined');
      }
      if (keys !== undefined) {
        store.put(keys, 'keys');
      }
      store.put({ ...profile }, 'profile');
    });
    // Otherwise a browser that is short of room may forget who this is.
    await navigator.storage?.persist?.().catch(() => false);
  }

  /** Something small that belongs to this principal, such as a setting; undefined where it was not kept. */
  fact(name: string): Promise<unknown> {
    return this.#get(FACTS, name);
  }

  /** Keeps something small that can be cloned. Nothing secret: every script of this page can read it. */
  async keepFact(name: string, value: unknown): Promise<void> {
    await this.#change([FACTS], async (transaction) => {
      transaction.objectStore(FACTS).put(value, name);
    });
  }

  /** Lets go of the database; nothing is lost. */
  close(): void {
    this.#db.close();
  }

  /** Destroys keys, profile and notes, for good. Other tabs lose them, too. */
  async destroy(): Promise<void> {
    this.#db.close();
    await done(indexedDB.deleteDatabase(this.name), 'to delete its database');
  }

  async #last(log: string): Promise<string | undefined> {
    return (await this.#get(NOTES, log)) as string | undefined;
  }

  #keep(log: string, judgedBy: string | undefined, note: string): Promise<boolean> {
    return this.#change([NOTES], async (transaction) => {
      const store = transaction.objectStore(NOTES);
      const last = (await done(store.get(log), 'to read a note')) as string | undefined;
      if (last !== judgedBy) {
        return false;
      }
      store.put(note, log);
      return true;
    });
  }

  #get(store: string, key: string): Promise<unknown> {
    return done(this.#db.transaction(store).objectStore(store).get(key), 'to read');
  }

  /** Resolves when what was changed is on the disk. */
  async #change<T>(stores: string[], work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    const transaction = this.#db.transaction(stores, 'readwrite', { durability: 'strict' });
    const complete = new Promise<void>((resolve, reject) => {
      const fail = () => reject(new StoreFailed('to keep something', { cause: transaction.error }));
      transaction.addEventListener('complete', () => resolve());
      transaction.addEventListener('error', fail);
      transaction.addEventListener('abort', fail);
    });
    const [result] = await Promise.all([work(transaction), complete]);
    return result;
  }
}

function done<T>(request: IDBRequest<T>, wanted: string): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(new StoreFailed(wanted, { cause: request.error })));
  });
}
