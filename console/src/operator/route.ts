// Where in the console somebody is, as the address's fragment says it: `#/rights/ask?who=…`. A link can
// be sent to a colleague and a reload stays where one was. The fragment never leaves the browser.

/** The rooms, in the order of the navigation. */
export const ROOMS = [
  'overview',
  'rights',
  'change',
  'enrolment',
  'peers',
  'sessions',
  'epochs',
  'storage',
  'log',
] as const;

/** One room. */
export type Room = (typeof ROOMS)[number];

/** A place: a room, what of it, and with which questions. */
export interface Place {
  room: Room;
  /** The part of the room, empty for its first. */
  part: string;
  query: Record<string, string>;
}

/** Reads an address's fragment; whatever is none leads to the overview. */
export function placeOf(fragment: string): Place {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?', 2);
  const [name = '', part = ''] = path.split('/');
  const room = ROOMS.find((one) => one === name) ?? 'overview';
  return { room, part: room === name ? part : '', query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The fragment of a place. Questions without an answer are left out. */
export function linkTo(room: Room, part = '', query: Record<string, string | undefined> = {}): string {
  const asked = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = asked.length === 0 ? '' : `?${new URLSearchParams(asked)}`;
  return `#/${room}${part === '' ? '' : `/${part}`}${text}`;
}
