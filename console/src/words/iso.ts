// Times as machines read them. Whoever signs may write any number for a time, and dates end in the year 275760.

/** The last time for which there is a date, milliseconds since 1970. */
const DATE_MAX = 8.64e15;

/** Whether there is a date for a time, milliseconds since 1970. */
export function isDate(ms: number): boolean {
  return Math.abs(ms) <= DATE_MAX;
}

/** A time in UTC, such as `2026-11-21T09:00:00.000Z`; empty where there is no date for it. */
export function iso(ms: number): string {
  return isDate(ms) ? new Date(ms).toISOString() : '';
}
