// How a program of Node.js becomes a principal, and how it does not.

import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join as pathOf } from 'node:path';
import { City, claimPort, eventually, permitted, sekishoSucceeds } from '@sekisho/e2e';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  formatJoinToken,
  join,
  MemoryStore,
  NotEnrolled,
  parseJoinToken,
  type Waiting,
} from '../src/index.js';
import { folderStore, openFolder, via } from '../src/node.js';
import { failure, messages, reading } from './bench.js';
import { Liar } from './liar.js';

const FILTER = 'fujisawa/truck/17/#';
const TOPIC = 'fujisawa/truck/17/air';

describe('a newcomer', () => {
  let city: City;
  let tls: string;

  beforeAll(async () => {
    city = await City.plan('fujisawa', { web: true });
    const settings = pathOf(city.dir, 'sekisho.toml');
    tls = `127.0.0.1:${await claimPort()}`;
    const text = readFileSync(settings, 'utf8');
    if (!/^web = /m.test(text)) {
      writeFileSync(settings, text.replace('[listen]\n', `[listen]\nweb = "${tls}"\n`));
    } else {
      tls = new URL(city.web).host;
    }
    await city.start();
  });

  afterAll(() => city[Symbol.asyncDispose]());

  it('has a folder that the command line takes, with keys that nobody else reads', async () => {
    const token = await city.enrol('truck-17', { topics: [FILTER], read: [FILTER] });
    const dir = city.place('of-node-js');
    const profile = await join(token, { store: folderStore(dir), web: tls, via });
    expect(profile).toMatchObject({ principal: 'truck-17@fujisawa', node: city.node });
    expect(statSync(pathOf(dir, 'identity.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(pathOf(dir, 'profile.toml'), 'utf8')).toContain(`web = "${tls}"`);
    await permitted(city, 'truck-17@fujisawa', 'publish', TOPIC);
    await sekishoSucceeds(['pub', TOPIC, 'pm2_5=12.5', '--dir', dir]);
    const options = ['--via', 'websocket', '--dir', dir];
    expect(await sekishoSucceeds(['history', FILTER, ...options])).toContain('12.5');
    const client = await Client.connect(await openFolder(dir));
    const [message] = await messages(client.history(FILTER), 1);
    expect(message && reading(message, 'pm2_5')).toBe(12.5);
    await client.close();
    // What it trusted of the log, the command line trusts, too.
    const note = pathOf(dir, 'checkpoints', 'fujisawa.control.note');
    expect(readFileSync(note, 'utf8')).toMatch(/^sekisho\/fujisawa\/control\n/);
    expect(await sekishoSucceeds(['history', FILTER, '--dir', dir])).toContain('12.5');
    const taken = await failure(join(token, { store: folderStore(dir), web: tls, via }));
    expect(taken.message).toMatch(/in which nobody has joined/);
  });

  it('is let in by whoever compares its fingerprint', async () => {
    const token = await city.enrol('guest', { kind: 'person', approveMatching: false });
    const waits: Waiting[] = [];
    const onWaiting = (waiting: Waiting) => waits.push(waiting);
    const joining = join(token, { store: new MemoryStore(), web: city.web, via, onWaiting });
    const { fingerprint } = await eventually('a newcomer who waits', () => waits[0]);
    await eventually('the newcomer in the list', async () => {
      return (await city.sekisho(['enrol', '--approve', 'guest', '--key', fingerprint])).code === 0;
    });
    expect((await joining).principal).toBe('guest@fujisawa');
  });

  it('goes on waiting when the node is started again meanwhile', async () => {
    const token = await city.enrol('patient', { kind: 'person', approveMatching: false });
    const waits: Waiting[] = [];
    const onWaiting = (waiting: Waiting) => waits.push(waiting);
    const joining = join(token, { store: new MemoryStore(), web: city.web, via, onWaiting });
    await eventually('a newcomer who waits', () => waits.length > 0);
    await city.kill();
    await city.startNode();
    const key = waits[0]?.fingerprint ?? '';
    await eventually('the newcomer in the list', async () => {
      return (await city.sekisho(['enrol', '--approve', 'patient', '--key', key])).code === 0;
    });
    expect((await joining).principal).toBe('patient@fujisawa');
  });

  it('gives up when it is told to', async () => {
    const token = await city.enrol('fickle', { kind: 'person', approveMatching: false });
    const stop = new AbortController();
    const onWaiting = () => stop.abort();
    const options = { store: new MemoryStore(), web: city.web, via, onWaiting, signal: stop.signal };
    expect((await failure(join(token, options))).name).toBe('closed');
  });

  it('is told that a token has run out, is made up, or is another node’s', async () => {
    const token = parseJoinToken(await city.enrol('late', { kind: 'app' }));
    const options = { web: city.web, via };
    const tried = (changed: Partial<typeof token>) => {
      const text = formatJoinToken({ ...token, ...changed });
      return failure(join(text, { ...options, store: new MemoryStore() }));
    };
    const ended = await tried({ expiresUs: 1_000_000n });
    expect(ended).toBeInstanceOf(NotEnrolled);
    expect(ended.message).toMatch(/ended at 1970-01-01T00:00:01/);
    const forged = await tried({ secret: new Uint8Array(32) });
    expect(['bad-enrolment', 'not-enrolled']).toContain(forged.name);
    const elsewhere = await tried({ nodeKey: token.root });
    expect(elsewhere.name).toBe('node-not-proven');
    const foreign = await tried({ root: token.nodeKey });
    expect(foreign).toBeInstanceOf(NotEnrolled);
    expect(foreign.message).toMatch(/token's root/);
    const nobody = await failure(
      join(formatJoinToken(token), { via, web: 'ws://127.0.0.1:1', store: new MemoryStore() }),
    );
    expect(nobody.name).toBe('disconnected');
  });

  it('is not fooled by somebody who ends TLS in between, however honestly the rest is passed on', async () => {
    const santander = await City.plan('santander');
    const settings = pathOf(santander.dir, 'sekisho.toml');
    const text = readFileSync(settings, 'utf8');
    writeFileSync(settings, text.replace('[listen]\n', `[listen]\nweb = "127.0.0.1:${await claimPort()}"\n`));
    await santander.start();
    const shown = (file: string) => readFileSync(pathOf(santander.dir, 'tls', file), 'utf8');
    const between = await Liar.start(`wss://${tls}`, {
      cert: shown('certificate.pem'),
      key: shown('key.pem'),
    });
    const member = await city.member('wary', { kind: 'app' });
    const folder = await openFolder(member.dir);
    const straight = await Client.connect({ ...folder, web: tls });
    expect(straight.state).toBe('connected');
    await straight.close();
    const fooled = await failure(Client.connect({ ...folder, web: between.address }));
    expect(fooled).toMatchObject({ name: 'node-not-proven', what: 'certificate' });
    // Nor does it help to take TLS away.
    const stripped = await Liar.start(`wss://${tls}`);
    const bare = await failure(Client.connect({ ...folder, web: stripped.address }));
    expect(bare).toMatchObject({ name: 'node-not-proven', what: 'certificate' });
    await Promise.all([between.close(), stripped.close()]);
    await santander[Symbol.asyncDispose]();
  });

  it('keeps a folder from being used where its keys are open to others', async () => {
    const member = await city.member('open-keys', { kind: 'app' });
    chmodSync(pathOf(member.dir, 'identity.key'), 0o644);
    expect((await failure(openFolder(member.dir))).message).toMatch(/wanted mode 0600, found 0644/);
  });
});
