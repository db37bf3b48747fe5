import type { Stream } from '@sekisho/client';
import { describe, expect, it } from 'vitest';
import { Device, placeOf } from '../fleet/device';
import { find, isIn, window } from './search';

function device(
  topic: string,
  title: string,
  deviceType: string,
  latitude: number,
  longitude: number,
): Device {
  const made = new Device(topic, 8);
  made.describe({ topic, title, deviceType, transducers: [] } as unknown as Stream);
  made.place = placeOf(latitude, longitude);
  return made;
}

const DEVICES = [
  device('fujisawa/truck/10/air', 'Truck 10', 'vehicle', 35.34, 139.49),
  device('fujisawa/truck/2/air', 'Truck 2', 'vehicle', 35.36, 139.45),
  device('fujisawa/shelter/本町', '藤沢本町', 'weather', 35.35, 139.48),
  device('santander/park/1', 'Parque Las Llamas, estación', 'weather', 43.47, -3.8),
];

const names = (search: Partial<Parameters<typeof find>[1]>) =>
  find(DEVICES, { text: '', type: '', box: undefined, ...search }, 'en').map(({ title }) => title);

describe('a search for devices', () => {
  it('looks at names, topics and types, without case and accents, every word', () => {
    expect(names({ text: 'truck' })).toEqual(['Truck 2', 'Truck 10']);
    expect(names({ text: 'ESTACION llamas' })).toEqual(['Parque Las Llamas, estación']);
    expect(names({ text: '本町' })).toEqual(['藤沢本町']);
    expect(names({ text: 'fujisawa/truck/10' })).toEqual(['Truck 10']);
    expect(names({ text: 'truck llamas' })).toEqual([]);
  });

  it('keeps to a type and to an area', () => {
    expect(names({ type: 'weather' })).toHaveLength(2);
    expect(names({ box: { west: 139.4, south: 35.3, east: 139.47, north: 35.4 } })).toEqual(['Truck 2']);
  });

  it('knows areas across the date line and maps that show more than the world', () => {
    const fiji = placeOf(-17, 179.5);
    expect(isIn(fiji, { west: 170, south: -30, east: 190, north: 0 })).toBe(true);
    expect(isIn(fiji, { west: -190, south: -30, east: -170, north: 0 })).toBe(true);
    expect(isIn(fiji, { west: -400, south: -90, east: 400, north: 90 })).toBe(true);
    expect(isIn(undefined, { west: -400, south: -90, east: 400, north: 90 })).toBe(false);
  });

  it('draws only the rows that are in sight', () => {
    expect(window(10_000, 50, 100_000, 500)).toEqual([1996, 2014]);
    expect(window(3, 50, 0, 500)).toEqual([0, 3]);
  });
});
