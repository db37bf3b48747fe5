import { describe, expect, it } from 'vitest';
import { Device, placeOf } from '../fleet/device';
import { hit, type Room, roomOf, spotsOf } from './devices';
import { boxOf, netStep } from './ground';
import { mercator } from './mercator';

const SCALE = 256 * 2 ** 14;
const centre = mercator(35.34, 139.49);
const VIEW = {
  scale: SCALE,
  left: centre.x * SCALE - 400,
  top: centre.y * SCALE - 300,
  width: 800,
  height: 600,
};

function at(topic: string, latitude: number, longitude: number): Device {
  const device = new Device(topic, 8);
  device.place = placeOf(latitude, longitude);
  return device;
}

describe('devices on the map', () => {
  it('are where they are, and only those in sight', () => {
    const spots = spotsOf([at('a/1', 35.34, 139.49), at('a/2', 43.47, -3.8), new Device('a/3', 8)], VIEW);
    expect(spots.map(({ device, x, y }) => [device.topic, Math.round(x), Math.round(y)])).toEqual([
      ['a/1', 400, 300],
    ]);
  });

  it('are chosen by whichever is nearest to the finger', () => {
    const spots = spotsOf([at('a/1', 35.34, 139.49), at('a/2', 35.34, 139.4905)], VIEW);
    expect(hit(spots, 401, 300, 20)?.topic).toBe('a/1');
    expect(hit(spots, 404, 300, 20)?.topic).toBe('a/2');
    expect(hit(spots, 500, 300, 20)).toBeUndefined();
  });

  it('have their names where no other name and no other mark is', () => {
    const here = { x: 400, y: 300 };
    const right: Room = { x: 416, y: 293, width: 90, height: 14 };
    expect(roomOf(here, 16, 90, [], VIEW)).toEqual(right);
    const left = roomOf(here, 16, 90, [right], VIEW);
    expect(left).toEqual({ ...right, x: 294 });
    const below = roomOf(here, 16, 90, [right, { ...right, x: 294 }], VIEW);
    expect(below).toEqual({ ...right, x: 355, y: 316 });
    const mark = { x: 380, y: 310, width: 40, height: 16 };
    const above = roomOf(here, 16, 90, [right, { ...right, x: 294 }, mark], VIEW);
    expect(above).toEqual({ ...right, x: 355, y: 270 });
    expect(roomOf(here, 16, 90, [{ x: 0, y: 0, width: 800, height: 600 }], VIEW)).toBeUndefined();
  });

  it('have no name beyond the edge of the map', () => {
    expect(roomOf({ x: 780, y: 300 }, 16, 90, [], VIEW)?.x).toBe(674);
    expect(roomOf({ x: 40, y: 595 }, 16, 90, [], VIEW)).toBeUndefined();
  });

  it('have no place that is not on Earth', () => {
    expect(placeOf(91, 0)).toBeUndefined();
    expect(placeOf(Number.NaN, 0)).toBeUndefined();
    expect(placeOf(0, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  it('lie in a net whose lines are neither crowded nor rare, in the degrees of the view', () => {
    for (let zoom = 2; zoom <= 19; zoom += 1) {
      const pixels = (netStep(256 * 2 ** zoom) / 360) * 256 * 2 ** zoom;
      expect(pixels).toBeGreaterThan(80);
      if (zoom < 17) expect(pixels).toBeLessThan(400);
    }
    const box = boxOf(VIEW);
    expect((box.north + box.south) / 2).toBeCloseTo(35.34, 3);
    expect((box.west + box.east) / 2).toBeCloseTo(139.49, 6);
  });
});
