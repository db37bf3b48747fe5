// What the list says below its rows: what is on no map, and what is on no list.

import type { words } from '../words';

/** The notes of a list of which so many devices have no place, and so many readings are of devices that found no room. */
export function footNotes(w: ReturnType<typeof words>, withoutPlace: number, leftOut: number): string[] {
  const notes: string[] = [];
  if (withoutPlace > 0) notes.push(w.noPlace(withoutPlace));
  if (leftOut > 0) notes.push(w.notAllShown(leftOut));
  return notes;
}
