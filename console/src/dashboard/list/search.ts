// Which devices a reader looks for: by name, topic, publisher or type, and by what is on the map.

import type { Device, Place } from '../fleet/device';

/** A box on the map, degrees. `west` may be above `east` where it crosses the date line. */
export interface Box {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** What is looked for. */
export interface Search {
  text: string;
  /** A device type, or nothing for all. */
  type: string;
  /** Only what is in this box, where it is given. */
  box: Box | undefined;
}

/** A text as it is compared: without case, accents and differences of width. */
export function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Whether a place is in a box. */
export function isIn(place: Place | undefined, box: Box): boolean {
  if (place === undefined || place.latitude < box.south || place.latitude > box.north) return false;
  const turn = (degrees: number) => ((((degrees + 180) % 360) + 360) % 360) - 180;
  if (box.east - box.west >= 360) return true;
  const [west, east] = [turn(box.west), turn(box.east)];
  return west <= east
    ? place.longitude >= west && place.longitude <= east
    : place.longitude >= west || place.longitude <= east;
}

/** The devices that match, in the order of their names as people count: 2 before 10. */
export function find(devices: Iterable<Device>, search: Search, locale: string): Device[] {
  const words = folded(search.text).split(/\s+/).filter(Boolean);
  const found: Device[] = [];
  for (const device of devices) {
    if (search.type !== '' && device.type !== search.type) continue;
    if (search.box !== undefined && !isIn(device.place, search.box)) continue;
    if (words.length > 0) {
      const text = folded(
        `${device.title} ${device.topic} ${device.type} ${device.provenance?.publisher ?? ''}`,
      );
      if (!words.every((word) => text.includes(word))) continue;
    }
    found.push(device);
  }
  const order = new Intl.Collator(locale, { numeric: true }).compare;
  return found.sort((a, b) => order(a.title, b.title) || order(a.topic, b.topic));
}

/** Rows that are to be drawn of a long list, with a few more on both sides. */
export function window(rows: number, rowHeight: number, scrolled: number, height: number): [number, number] {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - 4);
  return [first, Math.min(rows, Math.ceil((scrolled + height) / rowHeight) + 4)];
}
