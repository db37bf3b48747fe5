import { beforeAll, describe, expect, it } from 'vitest';
import { cellsOf, decodeRing, type LandFile } from '../src/dashboard/map/land';
import { coastFiles } from './coastline';

let files: Map<string, string>;

beforeAll(() => {
  files = coastFiles();
}, 60_000);

function fileOf(name: string): LandFile {
  return JSON.parse(files.get(`land/${name}.json`) ?? '{"rings":[]}') as LandFile;
}

/** Whether a place is on land, by counting the outlines that a ray to the east crosses. */
function isLand(file: LandFile, latitude: number, longitude: number): boolean {
  let isInside = false;
  for (const ring of file.rings.map(decodeRing)) {
    let from = ring[ring.length - 1];
    for (const to of ring) {
      if (from !== undefined && from[1] > latitude !== to[1] > latitude) {
        const crossing = from[0] + ((latitude - from[1]) / (to[1] - from[1])) * (to[0] - from[0]);
        if (crossing > longitude) isInside = !isInside;
      }
      from = to;
    }
  }
  return isInside;
}

describe('the coast that comes with the page', () => {
  it('has cities on land and bays in the sea, near and from afar', () => {
    const places: [string, number, number, boolean][] = [
      ['Fujisawa', 35.36, 139.47, true],
      ['the sea before Sagami', 33.8, 140.5, false],
      ['Santander', 43.4, -3.8, true],
      ['Bay of Biscay', 44.5, -4, false],
      ['Yakutsk', 62, 129.7, true],
      ['South Pole', -89, 20, true],
    ];
    for (const [name, latitude, longitude, expected] of places) {
      const box = { west: longitude, east: longitude, south: latitude, north: latitude };
      const [cell = ''] = cellsOf(box, 1);
      expect(isLand(fileOf(cell), latitude, longitude), name).toBe(expected);
      if (Math.abs(latitude) < 89)
        expect(isLand(fileOf('world'), latitude, longitude), `${name} from afar`).toBe(expected);
    }
  });

  it('is cut at the date line and goes nowhere across the map', () => {
    for (const ring of fileOf('world').rings.map(decodeRing)) {
      for (let index = 1; index < ring.length; index += 1) {
        const jump = Math.abs((ring[index]?.[0] ?? 0) - (ring[index - 1]?.[0] ?? 0));
        const isPole = ring[index]?.[1] === -90 && ring[index - 1]?.[1] === -90;
        if (!isPole) expect(jump).toBeLessThan(90);
      }
    }
  });

  it('is small where it is fetched', () => {
    for (const name of fileOf('world').cells ?? []) {
      expect(files.get(`land/${name}.json`)?.length, name).toBeLessThan(200_000);
    }
    expect(files.get('land/world.json')?.length).toBeLessThan(100_000);
  });
});
