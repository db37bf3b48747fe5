// What every room knows: where one is, who one is, and what stands in the control log, which is read
// once and then followed.

import { signal } from '@preact/signals';
import type { Stream } from '@sekisho/client';
import type { Desk } from './desk';
import { placeOf } from './route';
import { emptyStand, type Stand, takeIn } from './stand';

/** Where one is. */
export const place = signal(placeOf(location.hash));

addEventListener('hashchange', () => {
  place.value = placeOf(location.hash);
});

/** What stands; a new object with every change, so that whoever shows it sees it. */
export const stand = signal<Stand>(emptyStand());

/** Whether the whole log has been read that there was at the beginning. */
export const isRead = signal(false);

/** Why the log is not followed any more. */
export const logFault = signal<unknown>(undefined);

/** Whether one may not administer here; then few rooms have anything to show. */
export const isGuest = signal(false);

/** The topics that one may know of. */
export const streams = signal<Stream[]>([]);

/** Follows the control log until the signal says so. */
export async function followLog(desk: Desk, until: AbortSignal): Promise<void> {
  const all = emptyStand();
  stand.value = all;
  isRead.value = false;
  logFault.value = undefined;
  try {
    for await (const lines of desk.follow(until)) {
      takeIn(all, lines);
      stand.value = { ...all };
      isRead.value = true;
    }
  } catch (fault) {
    if (!until.aborted) logFault.value = fault;
  }
}

/** Asks anew which topics there are, for the pickers of forms. */
export async function lookAround(desk: Desk): Promise<void> {
  const known = await desk.discover(`${desk.self.organisation}/#`);
  streams.value = [...known].sort((one, other) =>
    one.topic.localeCompare(other.topic, 'en', { numeric: true }),
  );
}
