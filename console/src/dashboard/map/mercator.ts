// The projection of web maps, onto a square of side 1 with its origin in the north-west.

/** The northernmost latitude that the square shows. */
export const LATITUDE_MAX = 85.051_128_78;

/** Where a place is in the square. */
export function mercator(latitude: number, longitude: number): { x: number; y: number } {
  const shown = Math.max(-LATITUDE_MAX, Math.min(LATITUDE_MAX, latitude));
  const sine = Math.sin((shown * Math.PI) / 180);
  return {
    x: longitude / 360 + 0.5,
    y: 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI),
  };
}
