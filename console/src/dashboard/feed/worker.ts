// The part of the dashboard that talks to the node: it verifies every record, opens it with the
// viewer's keys, and hands what is proven to the page. It runs beside the page, which therefore
// never waits for cryptography.

import { BrowserKeyStore, Client, type Profile } from '@sekisho/client';
import { csv } from './every_reading';
import { Following, faultOf, mayPass, pause } from './following';
import type { Ask, FromWorker, ToWorker } from './protocol';
import { history, recent } from './reading';

/** How long to wait before connecting is tried again, milliseconds, where the client gave up. */
const AGAIN_AFTER_MS = 2_000;

const scope = globalThis as unknown as {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

let client: Client | undefined;
let hasStarted = false;
const asked = new Map<number, AbortController>();

async function start(profile: Profile, web: string): Promise<void> {
  if (hasStarted) return;
  hasStarted = true;
  for (;;) {
    try {
      const keys = await BrowserKeyStore.open();
      client = await Client.connect({ profile, keys, trust: keys, web });
      const following = new Following(client, tell);
      tell({ kind: 'state', state: 'connected' });
      return await following.run();
    } catch (thrown) {
      if (!mayPass(thrown)) return tell({ kind: 'ended', fault: faultOf(thrown) });
      tell({ kind: 'state', state: 'connecting', fault: faultOf(thrown) });
      await pause(AGAIN_AFTER_MS);
    }
  }
}

async function find(id: number, question: Ask, signal: AbortSignal): Promise<unknown> {
  if (client === undefined) throw new Error('wanted a connection to the node, found none yet');
  switch (question.ask) {
    case 'discover':
      return client.discover(question.filter);
    case 'describe':
      return client.describe(question.topic);
    case 'why':
      return client.why(client.profile.principal, question.action, question.topic);
    case 'recent':
      return recent(client, question, signal);
    case 'history':
      return history(client, question, (value) => tell({ kind: 'part', id, value }), signal);
    case 'csv':
      return csv(client, question, (value) => tell({ kind: 'part', id, value }), signal);
  }
}

async function answer(id: number, question: Ask): Promise<void> {
  const stop = new AbortController();
  asked.set(id, stop);
  try {
    tell({ kind: 'answer', id, value: await find(id, question, stop.signal) });
  } catch (thrown) {
    tell({ kind: 'failed', id, fault: faultOf(thrown) });
  } finally {
    asked.delete(id);
  }
}

/** Begins for whoever is known in this browser, while the page is still finding that out. */
async function beginEarly(): Promise<void> {
  const known = await (await BrowserKeyStore.open()).profile();
  if (known !== undefined) await start(known, location.origin);
}

beginEarly().catch(() => undefined); // The page says who it is, and hears what is wrong then.

scope.onmessage = ({ data }) => {
  if (data.kind === 'start') void start(data.profile, data.web);
  else if (data.kind === 'ask') void answer(data.id, data.question);
  else asked.get(data.id)?.abort();
};
