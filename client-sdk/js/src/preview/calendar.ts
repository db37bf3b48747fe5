// A time taken apart, so that each language can write it in its own order. In UTC, as the command line
// writes it and as statements hold it: two operators in two countries read the same.

/** The last time for which there is a date, milliseconds since 1970; statements may name later ones. */
const DATE_MAX = 8.64e15;

/** A time in UTC to the minute. */
export interface Moment {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  /** Undefined at midnight, where the day says it all. */
  clock?: { hour: number; minute: number } | undefined;
}

/** Takes a time apart, milliseconds since 1970. */
export function momentOf(time: number): Moment {
  const date = new Date(Math.max(-DATE_MAX, Math.min(DATE_MAX, time)));
  const [hour, minute] = [date.getUTCHours(), date.getUTCMinutes()];
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    clock: hour === 0 && minute === 0 ? undefined : { hour, minute },
  };
}

/** Two digits. */
export function two(number: number): string {
  return String(number).padStart(2, '0');
}
