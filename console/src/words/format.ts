// Numbers, times and sizes as the present language writes them. Every time is milliseconds since
// 1970 and shown in the viewer's time zone.

import { isDate } from './iso';
import { language } from './language';

/** The present language as the browser's country writes it, where it names one. */
export function locale(): string {
  const own = globalThis.navigator?.languages ?? [];
  return own.find((one) => one.split('-')[0] === language.value) ?? language.value;
}

const made = new Map<string, unknown>();

/** Formatters are dear to make and are kept, by language and options. */
function kept<T>(kind: string, options: object, make: (locale: string) => T): T {
  const chosen = locale();
  const key = `${chosen} ${kind} ${JSON.stringify(options)}`;
  const found = made.get(key) as T | undefined;
  if (found !== undefined) return found;
  const fresh = make(chosen);
  made.set(key, fresh);
  return fresh;
}

/** A number with at most `digits` behind the point; without it, with four significant digits. */
export function number(value: number, digits?: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '−∞';
  const options: Intl.NumberFormatOptions =
    digits === undefined
      ? Math.abs(value) >= 1000
        ? { maximumFractionDigits: 0 }
        : { maximumSignificantDigits: 4 }
      : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return kept('number', options, (locale) => new Intl.NumberFormat(locale, options)).format(value);
}

/** A whole number with its groups. */
export function count(value: number | bigint): string {
  return kept('count', {}, (locale) => new Intl.NumberFormat(locale)).format(value);
}

function moment(ms: number, options: Intl.DateTimeFormatOptions): string {
  if (!isDate(ms)) return '–';
  return kept('date', options, (locale) => new Intl.DateTimeFormat(locale, options)).format(ms);
}

/** Date and time to the second. */
export function dateTime(ms: number): string {
  return moment(ms, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
}

/** Time of day to the second. */
export function time(ms: number): string {
  return moment(ms, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
}

/** Date. */
export function date(ms: number): string {
  return moment(ms, { year: 'numeric', month: 'short', day: 'numeric' });
}

/** The viewer's time zone in short, such as `GMT+9`. */
export function timeZone(ms: number): string {
  if (!isDate(ms)) return 'UTC';
  const options = { timeZoneName: 'short' } as const;
  const format = kept('zone', options, (locale) => new Intl.DateTimeFormat(locale, options));
  return format.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
}

type Unit = 'second' | 'minute' | 'hour' | 'day';

function largest(ms: number): [number, Unit] {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 90) return [seconds, 'second'];
  if (seconds < 5400) return [seconds / 60, 'minute'];
  if (seconds < 172_800) return [seconds / 3600, 'hour'];
  return [seconds / 86_400, 'day'];
}

/** How long ago a time was, `passed` milliseconds before now: `3 seconds ago`. What is to come is now. */
export function ago(passed: number): string {
  if (!Number.isFinite(passed)) return '–';
  const [amount, unit] = largest(Math.max(0, passed));
  const numeric = amount < 1.5 ? 'auto' : 'always';
  const options = { numeric, style: 'short' } as const;
  const format = kept('ago', options, (locale) => new Intl.RelativeTimeFormat(locale, options));
  return format.format(-Math.round(amount < 1.5 ? 0 : amount), unit);
}

/** A length of time in one unit: `12 min`. */
export function duration(ms: number): string {
  const [amount, unit] = largest(ms);
  const options = { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 0 } as const;
  return kept('duration', options, (locale) => new Intl.NumberFormat(locale, options)).format(amount);
}

/** A size: `1.2 MB`, in powers of ten. */
export function bytes(size: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  let [amount, step] = [size, 0];
  while (amount >= 1000 && step < units.length - 1) {
    amount /= 1000;
    step += 1;
  }
  const options = {
    style: 'unit',
    unit: units[step] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: step === 0 ? 0 : 1,
  } as const;
  return kept('bytes', options, (locale) => new Intl.NumberFormat(locale, options)).format(amount);
}

/** The form that goes with a number; languages without plural have only `other`. */
export function plural(value: number, forms: { one?: string; other: string }): string {
  const rule = kept('plural', {}, (locale) => new Intl.PluralRules(locale)).select(value);
  return rule === 'one' ? (forms.one ?? forms.other) : forms.other;
}
