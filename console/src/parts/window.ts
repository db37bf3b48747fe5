// Which rows of a long table are drawn: those that can be seen and a few around them.

/** The rows to draw, and the room that the others take. */
export interface Slice {
  first: number;
  /** Exclusive. */
  last: number;
  /** Pixels above and below. */
  before: number;
  after: number;
}

/** Rows drawn beyond what can be seen, so that scrolling shows no holes. */
const MARGIN = 8;

/** The slice of `rows` rows of `height` pixels that a box shows that is `room` high and scrolled by `top`. */
export function sliceOf(rows: number, height: number, top: number, room: number): Slice {
  const first = Math.max(0, Math.min(rows, Math.floor(top / height)) - MARGIN);
  const last = Math.min(rows, Math.ceil((Math.max(0, top) + room) / height) + MARGIN);
  const end = Math.max(first, last);
  return { first, last: end, before: first * height, after: (rows - end) * height };
}
