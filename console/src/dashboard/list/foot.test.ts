import { afterEach, describe, expect, it } from 'vitest';
import { language } from '../../words/language';
import type { Batch } from '../feed/protocol';
import { DEVICES_MAX, Fleet } from '../fleet/fleet';
import { words } from '../words';
import { footNotes } from './foot';

afterEach(() => {
  language.value = 'en';
});

/** Readings of one device, of which none says a place. */
function batch(topic: string, readings: number): Batch {
  const number = { boot: 'ab', sequence: 0n };
  const zeros = new Float64Array(readings);
  return {
    topic,
    provenance: { publisher: 'counter@fujisawa', publisherId: 'ab'.repeat(32), sealed: true },
    columns: [],
    times: zeros,
    delays: zeros,
    positions: zeros,
    first: number,
    last: number,
    values: new Float64Array(0),
    texts: [],
  };
}

describe('below the list of devices', () => {
  it('nothing is said where every device has its place', () => {
    expect(footNotes(words(), 0, 0)).toEqual([]);
  });

  it('one reads how many readings are of devices beyond those that the page holds', () => {
    const fleet = new Fleet(60_000);
    fleet.take(Array.from({ length: DEVICES_MAX }, (_, at) => batch(`fujisawa/many/${at}`, 1)));
    expect(footNotes(words(), 0, fleet.leftOut)).toEqual([]);
    fleet.take([batch('fujisawa/more/1', 3), batch('fujisawa/more/2', 1), batch('fujisawa/many/7', 9)]);
    const told = (name: string) => {
      language.value = name as typeof language.value;
      return footNotes(words(), fleet.devices.size, fleet.leftOut);
    };
    expect(told('en')).toEqual([
      '20,000 devices say no position and are only in the list.',
      '4 readings of further devices are not shown: this page holds no more devices.',
    ]);
    expect(told('es')[1]).toMatch(/^4 lecturas de otros dispositivos/);
    expect(told('ja')[1]).toContain('4');
  });
});
