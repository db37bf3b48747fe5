// The form in which the coast's outline is kept in files, and its way back into points.

/** Longitude and latitude, degrees. */
export type Point = [number, number];

/** One file of outlines. */
export interface LandFile {
  /** Closed rings, each as differences of thousandths of a degree. */
  rings: number[][];
  /** In the file of the whole world: names of the cells that have a file of their own. */
  cells?: string[];
}

/** Width and height of a cell, degrees. */
export const CELL_DEGREES = 10;

/** Steps in a degree: finer than the source, whose steps are about 3.6 thousandths. */
const STEPS = 1000;

/** The name of the cell whose south-western corner is here. */
export function cellName(west: number, south: number): string {
  return `${west}_${south}`;
}

/** The cells that a box touches, at most `most`; a box beyond the date line is cut there. */
export function cellsOf(
  box: { west: number; south: number; east: number; north: number },
  most: number,
): string[] {
  const names: string[] = [];
  const floor = (degrees: number) => Math.floor(degrees / CELL_DEGREES) * CELL_DEGREES;
  const [west, east] = [Math.max(-180, floor(box.west)), Math.min(179.999, box.east)];
  const [south, north] = [Math.max(-90, floor(box.south)), Math.min(89.999, box.north)];
  for (let x = west; x <= east; x += CELL_DEGREES) {
    for (let y = south; y <= north; y += CELL_DEGREES) {
      if (names.length === most) return names;
      names.push(cellName(x, y));
    }
  }
  return names;
}

/** A ring as whole numbers: the first point, then differences; points that coincide are left out. */
export function encodeRing(ring: Point[]): number[] {
  const out: number[] = [];
  let [lastX, lastY] = [0, 0];
  for (const [longitude, latitude] of ring) {
    const [x, y] = [Math.round(longitude * STEPS), Math.round(latitude * STEPS)];
    if (out.length > 0 && x === lastX && y === lastY) continue;
    out.push(x - lastX, y - lastY);
    [lastX, lastY] = [x, y];
  }
  return out;
}

/** The points of an encoded ring. */
export function decodeRing(ring: number[]): Point[] {
  const out: Point[] = [];
  let [x, y] = [0, 0];
  for (let index = 0; index + 1 < ring.length; index += 2) {
    x += ring[index] ?? 0;
    y += ring[index + 1] ?? 0;
    out.push([x / STEPS, y / STEPS]);
  }
  return out;
}

/** Whether a piece of outline is where a cell was cut, not where the land ends. */
export function isCut(from: Point, to: Point): boolean {
  const on = (axis: 0 | 1) => from[axis] === to[axis] && from[axis] % CELL_DEGREES === 0;
  return on(0) || on(1);
}
