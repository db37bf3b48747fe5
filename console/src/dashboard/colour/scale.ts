// Colours for a measurement: five classes between four thresholds, in colours that people tell
// apart whatever colours they see, and shapes that say the same.

/**
 * From cool to hot (after ColorBrewer's RdYlBu, which is safe for colour-blind readers). Each is drawn with
 * a dark rim, which separates it from a light map as from a dark one.
 */
export const CLASS_COLOURS = ['#2c7bb6', '#7ab3d4', '#f2d95c', '#f79a4c', '#d01c1f'] as const;

/** Where nothing was measured. */
export const NO_VALUE_COLOUR = '#8d979b';

/** Four ascending numbers between five classes. */
export type Thresholds = readonly [number, number, number, number];

/** Limits that cities use, in the units that Sekisho's agents write. */
const KNOWN: Record<string, Thresholds> = {
  'pm2_5 ug/m3': [5, 15, 50, 90],
  'pm10 ug/m3': [15, 45, 120, 195],
  'no2 ug/m3': [10, 25, 60, 100],
  'o3 ug/m3': [60, 100, 120, 160],
  'temperature Cel': [5, 15, 25, 32],
  'humidity %': [30, 45, 60, 75],
  'noise dB': [50, 55, 65, 75],
  'uv {index}': [3, 6, 8, 11],
  'speed km/h': [5, 20, 40, 60],
};

/** The class of a value, 0 to 4; nothing for what is no number. */
export function classOf(value: number | undefined, thresholds: Thresholds): number | undefined {
  if (value === undefined || Number.isNaN(value)) return undefined;
  let found = 0;
  for (const threshold of thresholds) if (value >= threshold) found += 1;
  return found;
}

/** A number that people write: 1, 2 or 5 times a power of ten, not above the value. */
function round(value: number, span: number): number {
  const step = 10 ** Math.floor(Math.log10(Math.max(span, 1e-12)) - 1);
  return Number((Math.round(value / step) * step).toPrecision(12));
}

/**
 * Thresholds to begin with: those that are usual for the measurement, else fifths of the range
 * that its description names, else fifths of what was measured so far.
 */
export function startingThresholds(
  measurement: { name: string; unit: string },
  range: { minimum: number; maximum: number } | undefined,
  values: Iterable<number>,
): Thresholds {
  const key = `${measurement.name.toLowerCase()} ${measurement.unit}`;
  const known = Object.hasOwn(KNOWN, key) ? KNOWN[key] : undefined;
  if (known !== undefined) return known;
  let [minimum, maximum] = [
    range?.minimum ?? Number.POSITIVE_INFINITY,
    range?.maximum ?? Number.NEGATIVE_INFINITY,
  ];
  if (!(minimum < maximum)) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      minimum = Math.min(minimum, value);
      maximum = Math.max(maximum, value);
    }
  }
  if (!Number.isFinite(minimum) || !Number.isFinite(maximum)) return [1, 2, 3, 4];
  const span = maximum - minimum || Math.abs(maximum) || 1;
  const at = (fifth: number) => round(minimum + (span * fifth) / 5, span);
  return ascending([at(1), at(2), at(3), at(4)]) ?? [1, 2, 3, 4];
}

/** Four numbers as thresholds, or nothing where they do not ascend. */
export function ascending(numbers: readonly number[]): Thresholds | undefined {
  const [a, b, c, d] = numbers;
  if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined;
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) return undefined;
  return a < b && b < c && c < d ? [a, b, c, d] : undefined;
}
