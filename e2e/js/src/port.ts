// Ports that no other test has: below those that the system gives to whoever does not care, so that a node
// that was killed finds its own port free again, and below those of the Rust harness, which claims
// them in another way.

import { createSocket } from 'node:dgram';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = 10_000;
const COUNT = 9_000;

const claimed = new Set<string>();

process.once('exit', () => {
  for (const claim of claimed) {
    rmSync(claim, { force: true });
  }
});

/** A port on loopback, free for both UDP and TCP, that is this process's until it ends. */
export async function claimPort(): Promise<number> {
  const folder = join(tmpdir(), 'sekisho-e2e-js-ports');
  mkdirSync(folder, { recursive: true });
  for (let step = 0; step < COUNT; step += 1) {
    const port = FIRST + ((process.pid * 7 + step) % COUNT);
    const claim = join(folder, String(port));
    if (!take(claim)) {
      continue;
    }
    claimed.add(claim);
    if ((await isFreeForTcp(port)) && (await isFreeForUdp(port))) {
      return port;
    }
  }
  throw new Error(`wanted a free port from ${FIRST} to ${FIRST + COUNT - 1}, found none`);
}

/** Makes the file that says whose a port is; takes over that of a process that is gone. */
function take(claim: string): boolean {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const file = openSync(claim, 'wx');
      writeSync(file, String(process.pid));
      closeSync(file);
      return true;
    } catch {
      if (isAlive(ownerOf(claim))) {
        return false;
      }
      rmSync(claim, { force: true });
    }
  }
  return false;
}

function ownerOf(claim: string): number {
  try {
    return Number(readFileSync(claim, 'utf8'));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0) {
    // The file was made, and not written yet: by somebody who lives.
    return true;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isFreeForTcp(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((told) => {
    server.once('error', () => told(false));
    server.listen(port, '127.0.0.1', () => server.close(() => told(true)));
  });
}

function isFreeForUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((told) => {
    socket.once('error', () => told(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => told(true)));
  });
}
