// Cuts the world's coast into files of ten degrees, so that a page about one city fetches some
// kilobytes of outline instead of three megabytes, and no tile of anybody else's server.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature } from 'topojson-client';
import type { Plugin } from 'vite';
import { CELL_DEGREES, cellName, encodeRing, type LandFile, type Point } from '../src/dashboard/map/land';

type Topology = Parameters<typeof feature>[0];
type Ring = Point[];

/** Keeps the part of a ring on one side of a line (Sutherland and Hodgman). */
function clip(ring: Ring, axis: 0 | 1, limit: number, keepAbove: boolean): Ring {
  const inside = (point: Point) => (keepAbove ? point[axis] >= limit : point[axis] <= limit);
  const out: Ring = [];
  let from = ring[ring.length - 1];
  for (const to of ring) {
    if (from !== undefined && inside(from) !== inside(to)) {
      const share = (limit - from[axis]) / (to[axis] - from[axis]);
      const other = axis === 0 ? 1 : 0;
      const crossing: Point = [limit, limit];
      crossing[other] = from[other] + share * (to[other] - from[other]);
      out.push(crossing);
    }
    if (inside(to)) out.push(to);
    from = to;
  }
  return out;
}

function strip(rings: Ring[], axis: 0 | 1, low: number, high: number): Ring[] {
  return rings
    .map((ring) => clip(clip(ring, axis, low, true), axis, high, false))
    .filter((ring) => ring.length > 2);
}

/**
 * Cuts a ring where it crosses the date line: there its longitudes jump. One that goes around a
 * pole is closed along that pole.
 */
function cutAtDateLine(ring: Ring): Ring[] {
  const whole: Ring = [];
  let turn = 0;
  let before: number | undefined;
  for (const [longitude, latitude] of ring) {
    if (before !== undefined && Math.abs(longitude - before) > 180) turn += longitude < before ? 360 : -360;
    before = longitude;
    whole.push([longitude + turn, latitude]);
  }
  if (turn !== 0) {
    const [first, last] = [whole[0], whole[whole.length - 1]];
    if (first !== undefined && last !== undefined) whole.push([last[0], -90], [first[0], -90]);
  }
  return [-360, 0, 360].flatMap((shift) => {
    const shifted = whole.map(([longitude, latitude]): Point => [longitude + shift, latitude]);
    const part = clip(clip(shifted, 0, -180, true), 0, 180, false);
    return part.length > 2 ? [part] : [];
  });
}

function ringsOf(file: string): Ring[] {
  const path = createRequire(import.meta.url).resolve(`world-atlas/${file}`);
  const topology = JSON.parse(readFileSync(path, 'utf8')) as Topology;
  const land = topology.objects.land;
  if (land === undefined) throw new Error(`${file}: wanted an object "land", found none`);
  const found = feature(topology, land);
  const shapes = found.type === 'FeatureCollection' ? found.features : [found];
  const rings = shapes.flatMap(({ geometry }) => {
    if (geometry.type === 'Polygon') return geometry.coordinates as Ring[];
    if (geometry.type === 'MultiPolygon') return (geometry.coordinates as Ring[][]).flat();
    return [];
  });
  return rings.flatMap(cutAtDateLine);
}

/** All files of the coast by their path below the page's root. */
export function coastFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const cells: string[] = [];
  const fine = ringsOf('land-10m.json');
  for (let west = -180; west < 180; west += CELL_DEGREES) {
    const column = strip(fine, 0, west, west + CELL_DEGREES);
    for (let south = -90; south < 90; south += CELL_DEGREES) {
      const rings = strip(column, 1, south, south + CELL_DEGREES).map(encodeRing);
      if (rings.length === 0) continue;
      const name = cellName(west, south);
      cells.push(name);
      files.set(`land/${name}.json`, JSON.stringify({ rings } satisfies LandFile));
    }
  }
  const world: LandFile = { rings: ringsOf('land-110m.json').map(encodeRing), cells };
  files.set('land/world.json', JSON.stringify(world));
  return files;
}

/** The outlines as files of the built pages, and for the development server. */
export function coastline(): Plugin {
  return {
    name: 'coastline',
    configureServer(server) {
      const files = coastFiles();
      server.middlewares.use((request, response, next) => {
        const file = files.get((request.url ?? '').slice(1));
        if (file === undefined) return next();
        response.setHeader('content-type', 'application/json');
        response.end(file);
      });
    },
    generateBundle() {
      for (const [fileName, source] of coastFiles()) this.emitFile({ type: 'asset', fileName, source });
    },
  };
}
