import { describe, expect, it } from 'vitest';
import { cellsOf, decodeRing, encodeRing, isCut, type Point } from './land';

describe('the coast in files', () => {
  it('comes back as it was kept, to a thousandth of a degree', () => {
    const ring: Point[] = [
      [139.4771, 35.3012],
      [139.4899, 35.2998],
      [139.4899, 35.2998],
      [-12.5, -70.25],
    ];
    expect(decodeRing(encodeRing(ring))).toEqual([
      [139.477, 35.301],
      [139.49, 35.3],
      [-12.5, -70.25],
    ]);
  });

  it('is fetched only for the cells that a view touches', () => {
    expect(cellsOf({ west: 139.4, south: 35.2, east: 139.6, north: 35.4 }, 16)).toEqual(['130_30']);
    expect(cellsOf({ west: -4.1, south: 43.4, east: 0.2, north: 43.6 }, 16)).toEqual(['-10_40', '0_40']);
    expect(cellsOf({ west: -900, south: -90, east: 900, north: 90 }, 16)).toHaveLength(16);
  });

  it('has no line where it was cut', () => {
    expect(isCut([140, 35], [140, 36])).toBe(true);
    expect(isCut([139, 40], [138, 40])).toBe(true);
    expect(isCut([139.5, 35], [139.6, 35.5])).toBe(false);
  });
});
