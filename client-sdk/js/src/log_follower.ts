// Follows an organisation's control log over as many connections as it takes.

import { Backoff } from './backoff.js';
import { asError, ProtocolViolation } from './failure.js';
import type { Branch, Link } from './link.js';
import { parseOrganisation } from './name.js';
import { Refusal } from './refusal.js';
import type { Session } from './session.js';
import { decodeStatement, type Statement } from './statement.js';
import { pause, unlessAborted } from './waiting.js';

/** Frames of a log are not paid for: what comes waits to be taken. */
const NO_CREDIT = 0;

/** One entry of a control log. */
export interface LogLine {
  readonly index: number;
  /** When the owner's node logged it, milliseconds since 1970. */
  readonly received: number;
  /** The same in microseconds. */
  readonly receivedUs: bigint;
  readonly statement: Statement;
  /** The statement as it was signed. */
  readonly bytes: Uint8Array;
}

/**
 * Pages of a log from an entry on: what is there, then, once, a page with nothing in it, then what is added.
 * Nothing of it is verified but that the statements can be read: replay them, and compare with a checkpoint.
 *
 * @throws Refusal where this client may not follow it; what ends the client
 */
export async function* followLog(
  session: Session,
  organisation: string,
  options: { from?: number; signal?: AbortSignal },
): AsyncGenerator<LogLine[], void, void> {
  parseOrganisation(organisation);
  const stop = options.signal ? AbortSignal.any([options.signal, session.closing]) : session.closing;
  const backoff = new Backoff(session.settings.backoff.min, session.settings.backoff.max);
  const place: Standing = { from: BigInt(options.from ?? 0), wasToldAll: false };
  let ended = 0;
  for (;;) {
    const link = await session.link(ended, options.signal);
    try {
      for await (const lines of pages(link, organisation, place, stop)) {
        backoff.reset();
        yield lines;
      }
    } catch (thrown) {
      if (options.signal?.aborted) {
        return;
      }
      throwIfFinal(asError(thrown), session);
    }
    if (link.why === undefined) {
      await pause(backoff.next(), stop);
    } else {
      ended = link.generation;
    }
  }
}

function throwIfFinal(cause: Error, session: Session): void {
  if (session.closing.aborted || (cause instanceof Refusal && !cause.mayPass)) {
    throw cause;
  }
}

/** How far a log was told. */
interface Standing {
  from: bigint;
  wasToldAll: boolean;
}

/** What one connection tells of it. */
async function* pages(
  link: Link,
  organisation: string,
  place: Standing,
  stop: AbortSignal,
): AsyncGenerator<LogLine[], never, void> {
  const branch = follow(link, organisation, place.from);
  try {
    for (;;) {
      const lines = await nextPage(branch, place.from, stop);
      place.from += BigInt(lines.length);
      const isEnd = lines.length === 0;
      if (!isEnd || !place.wasToldAll) {
        place.wasToldAll ||= isEnd;
        yield lines;
      }
    }
  } finally {
    if (!branch.frames.isEnded) {
      branch.leave();
    }
  }
}

function follow(link: Link, organisation: string, from: bigint): Branch {
  return link.open(NO_CREDIT, (subscription) => {
    return { case: 'follow', value: { subscription, organisation, from } };
  });
}

async function nextPage(branch: Branch, from: bigint, stop: AbortSignal): Promise<LogLine[]> {
  for (;;) {
    const frame = await unlessAborted(branch.frames.take(), stop);
    if (frame?.case === 'checkpoint') {
      continue;
    }
    if (frame?.case !== 'statements') {
      throw new ProtocolViolation('statements of a log', frame?.case ?? 'its end');
    }
    const { first, statements, receivedUs } = frame.value;
    if (statements.length > 0 && first !== from) {
      throw new ProtocolViolation(`entry ${from}`, `entry ${first}`);
    }
    return statements.map((bytes, place) => {
      const time = receivedUs[place] ?? 0n;
      const index = Number(first) + place;
      const statement = decodeStatement(bytes);
      return { index, received: Number(time) / 1000, receivedUs: time, statement, bytes };
    });
  }
}
