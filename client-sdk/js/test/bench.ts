// What the tests of sessions share: clients of members' folders, what a subscription tells, and its end.

import type { City, Member } from '@sekisho/e2e';
import { Client, type ConnectOptions, type Delivery, type Message, type Subscription } from '../src/index.js';
import { openFolder } from '../src/node.js';

/** Pauses of a test: what is lost is back at once. */
const BACKOFF = { min: 20, max: 200 };

/** A client of a member's folder, at its city's web listener unless told otherwise. */
export async function clientOf(
  member: Member,
  city: City,
  options: Partial<ConnectOptions> = {},
): Promise<Client> {
  const folder = await openFolder(member.dir);
  return Client.connect({ ...folder, web: city.web, backoff: BACKOFF, ...options });
}

/** The next messages of a subscription; anything else than messages and the mark of live ones fails. */
export async function messages(subscription: Subscription, count: number): Promise<Message[]> {
  const found: Message[] = [];
  while (found.length < count) {
    const delivery = await next(subscription);
    if (delivery.kind === 'message') {
      found.push(delivery);
    } else if (delivery.kind !== 'live') {
      throw new Error(`wanted a message, found ${JSON.stringify(delivery)}`);
    }
  }
  return found;
}

/** The next delivery, whatever it is. */
export async function next(subscription: Subscription): Promise<Delivery> {
  const delivery = await subscription.next();
  if (delivery === undefined) {
    throw new Error('wanted a delivery, found the end of the subscription');
  }
  return delivery;
}

/** The value of one transducer in the only sample of a message; integers as plain numbers. */
export function reading(message: Message, transducer: string): unknown {
  const [sample] = message.samples();
  const value = sample?.values.get(transducer)?.value;
  return typeof value === 'bigint' ? Number(value) : value;
}

/** What a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const thrown: unknown = await promise.then(
    () => new Error('wanted a failure, found success'),
    (cause: unknown) => cause,
  );
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
