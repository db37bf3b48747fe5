// A principal's folder on a disk, as `sekisho join` leaves it and takes it:
//
//   profile.toml                     who it is, which node it speaks to, which root it trusts: nothing secret
//   identity.key                     the private keys, mode 0600
//   checkpoints/fujisawa.control.note   what was trusted last of a log

import { lstat, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ParseError, quote } from '../decode_error.js';
import type { JoinStore } from '../enrol.js';
import { type Identity, randomSeeds, seedIdentity } from '../identity.js';
import { formatIdentityFile, type IdentityFile, parseIdentityFile } from '../identity_file.js';
import { parseLogName } from '../log_name.js';
import { parsePrincipalName } from '../name.js';
import type { KeyStore, Profile, TrustStore } from '../options.js';
import type { JoinToken } from '../token.js';
import type { Notebook } from '../trust/logs.js';
import { Turn } from '../waiting.js';
import { exclusively } from './folder_lock.js';

const PROFILE_FILE = 'profile.toml';
const IDENTITY_FILE = 'identity.key';
const CHECKPOINTS = 'checkpoints';
/** Beside the notes: whoever of several programs keeps one. */
const LOCK = 'keeping';
/** Names the witnesses that a log must have; this package does not judge by them. */
const WITNESSES_FILE = 'witnesses.policy';
/** Bits of a mode by which others than the owner read or change a file. */
const FORBIDDEN_MODE = 0o7077;
/** The line of a profile: a key and a text. */
const LINE = /^([a-z_]+) *= *"([^"\\]*)"$/;

/** By folder, so that several stores of one in this program do not overtake each other. */
const turns = new Map<string, Turn>();

function turnOf(dir: string): Turn {
  const place = resolve(dir);
  const turn = turns.get(place) ?? new Turn();
  turns.set(place, turn);
  return turn;
}

/** See the file. */
export class FolderStore implements KeyStore, JoinStore, TrustStore {
  readonly notebook: Notebook = { last: (log) => this.#last(log), keep: (...kept) => this.#keep(...kept) };
  #identity: Promise<Identity> | undefined;

  /** @param dir - the folder; made where it is not there */
  constructor(readonly dir: string) {}

  /**
   * Who it is; undefined where nobody has joined in this folder.
   *
   * @throws ParseError where the profile is none
   */
  async profile(): Promise<Profile | undefined> {
    const text = await readIfThere(join(this.dir, PROFILE_FILE));
    return text === undefined ? undefined : parseProfile(text);
  }

  /** @throws ParseError where the key file is none, or open to others */
  identity(): Promise<Identity> {
    this.#identity ??= this.#load().then(({ seeds }) => seedIdentity(seeds));
    return this.#identity;
  }

  /** The keys that join: those of an attempt that was interrupted, or new ones, of X-Wing. */
  async newIdentity(token: JoinToken): Promise<Identity> {
    if ((await this.profile()) !== undefined) {
      throw new ParseError(`folder ${this.dir}`, 'one in which nobody has joined', 'a profile');
    }
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const path = join(this.dir, IDENTITY_FILE);
    if ((await readIfThere(path)) === undefined) {
      const { name, organisation } = parsePrincipalName(token.principal);
      const text = await formatIdentityFile({ kind: token.kind, organisation, name, seeds: randomSeeds() });
      await writeDurably(this.dir, path, text, 'wx');
    }
    const held = await this.#load();
    if (`${held.name}@${held.organisation}` !== token.principal) {
      const found = `those of ${held.name}@${held.organisation}`;
      throw new ParseError(`key file ${path}`, `keys of ${token.principal}`, found);
    }
    return this.identity();
  }

  async admit(profile: Profile): Promise<void> {
    const { web, ...rest } = profile;
    const kept = web === undefined ? rest : { ...rest, web: listenerOf(web) };
    await replace(this.dir, join(this.dir, PROFILE_FILE), formatProfile(kept));
  }

  /** @throws ParseError where the folder asks for something that this package does not do */
  async check(): Promise<void> {
    const path = join(this.dir, WITNESSES_FILE);
    if ((await readIfThere(path)) !== undefined) {
      throw new ParseError(path, 'no policy of witnesses, by which this package does not judge', 'one');
    }
  }

  async #load(): Promise<IdentityFile> {
    const path = join(this.dir, IDENTITY_FILE);
    const facts = await lstat(path);
    if (!facts.isFile()) {
      throw new ParseError(`key file ${path}`, 'a regular file', 'something else');
    }
    if ((facts.mode & FORBIDDEN_MODE) !== 0) {
      const found = (facts.mode & 0o7777).toString(8).padStart(4, '0');
      throw new ParseError(`key file ${path}`, 'mode 0600', found);
    }
    return parseIdentityFile(await readFile(path, 'utf8'));
  }

  async #last(log: string): Promise<string | undefined> {
    return readIfThere(this.#noteOf(log));
  }

  #keep(log: string, judgedBy: string | undefined, note: string): Promise<boolean> {
    return turnOf(this.dir).take(async () => {
      const folder = join(this.dir, CHECKPOINTS);
      await mkdir(folder, { recursive: true });
      return await exclusively(join(folder, LOCK), async (stillHeld) => {
        if ((await this.#last(log)) !== judgedBy) {
          return false;
        }
        await replace(folder, this.#noteOf(log), note, stillHeld);
        return true;
      });
    });
  }

  #noteOf(log: string): string {
    const { organisation, kind } = parseLogName(log);
    return join(this.dir, CHECKPOINTS, `${organisation}.${kind}.note`);
  }
}

/** `host:port` of a listener with TLS, as other programs with this folder want it; another as it is. */
function listenerOf(web: string): string {
  if (!/^(https|wss):/.test(web)) {
    return web;
  }
  const { hostname, port } = new URL(web);
  return `${hostname}:${port === '' ? '443' : port}`;
}

/** A profile as its file has it. */
export function formatProfile(profile: Profile): string {
  const lines = [
    `principal = "${profile.principal}"`,
    `root = "${profile.root}"`,
    `node = "${profile.node}"`,
    `node_key = "${profile.nodeKey}"`,
    ...(profile.web === undefined ? [] : [`web = "${profile.web}"`]),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Reads a profile: the keys `principal`, `root`, `node`, `node_key` and, where it has one, `web`, a text each.
 *
 * @throws ParseError
 */
export function parseProfile(text: string): Profile {
  const found = new Map<string, string>();
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) {
      continue;
    }
    const [, key, value] = LINE.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      throw new ParseError('profile', 'lines such as node = "host:port"', quote(line));
    }
    found.set(key, value);
  }
  const take = (key: string, wanted: string, form: RegExp) => {
    const value = found.get(key);
    found.delete(key);
    if (value === undefined || !form.test(value)) {
      throw new ParseError(`profile: ${key}`, wanted, value === undefined ? 'nothing' : quote(value));
    }
    return value;
  };
  const digits = /^[0-9a-fA-F]{64}$/;
  const principal = parsePrincipalName(take('principal', 'a name such as truck-17@fujisawa', /./)).text;
  const root = take('root', '64 hexadecimal digits', digits).toLowerCase();
  const node = take('node', 'host:port', /:/);
  const nodeKey = take('node_key', '64 hexadecimal digits', digits).toLowerCase();
  const web = found.has('web') ? take('web', 'host:port', /:/) : undefined;
  const [other] = found.keys();
  if (other !== undefined) {
    throw new ParseError('profile', 'principal, root, node, node_key and web only', other);
  }
  const profile = { principal, root, nodeKey, node };
  return web === undefined ? profile : { ...profile, web };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') {
      return undefined;
    }
    throw thrown;
  }
}

/**
 * Either the old file or the new one is there, whenever the power fails.
 *
 * @param mayReplace - throws where the old one has to stay
 */
async function replace(
  dir: string,
  path: string,
  text: string,
  mayReplace: () => Promise<void> = async () => undefined,
): Promise<void> {
  const mode = (await stat(path).catch(() => undefined))?.mode ?? 0o600;
  const draft = `${path}.${process.pid}.draft`;
  await writeDurably(dir, draft, text, 'w', mode & 0o777);
  try {
    await mayReplace();
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
  await rename(draft, path);
  await sync(dir);
}

async function writeDurably(
  dir: string,
  path: string,
  text: string,
  flags: 'w' | 'wx',
  mode = 0o600,
): Promise<void> {
  const file = await open(path, flags, mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await sync(dir);
}

async function sync(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
