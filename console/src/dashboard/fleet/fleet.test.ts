import { describe, expect, it } from 'vitest';
import type { Batch } from '../feed/protocol';
import { DEVICES_MAX, Fleet, rowsFor } from './fleet';

const COLUMNS = [
  { name: 'latitude', unit: 'deg' },
  { name: 'longitude', unit: 'deg' },
  { name: 'pm2_5', unit: 'ug/m3' },
];

function batch(topic: string, times: number[], received = times): Batch {
  return {
    topic,
    provenance: { publisher: 'truck-7@fujisawa', publisherId: 'ab'.repeat(32), sealed: true },
    columns: COLUMNS,
    times: Float64Array.from(times),
    delays: Float64Array.from(received.map((at, index) => at - (times[index] ?? 0))),
    positions: Float64Array.from(times.map((_, index) => index)),
    first: { boot: 'b007', sequence: 0n },
    last: { boot: 'b007', sequence: 0n },
    values: Float64Array.from(times.flatMap((time) => [35.33, 139.48 + time / 1e7, time / 1000])),
    texts: [],
  };
}

describe('a fleet', () => {
  it('knows what each device measured last and where it is', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('fujisawa/truck/7/air', [1000, 1100, 2000])]);
    const device = fleet.devices.get('fujisawa/truck/7/air');
    expect(device?.numbers.get('pm2_5')).toEqual({ value: 2, unit: 'ug/m3', time: 2000 });
    expect(device?.place?.longitude).toBeCloseTo(139.4802);
    expect(device?.provenance?.publisher).toBe('truck-7@fujisawa');
    expect(device?.readings).toBe(3);
    expect([...(device?.thin.times ?? [])]).toEqual([1000, 2000]);
  });

  it('does not take an older reading for the last one, and counts the late', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('fujisawa/truck/7/air', [500_000, 100_000], [500_010, 500_020])]);
    const device = fleet.devices.get('fujisawa/truck/7/air');
    expect(device?.time).toBe(500_000);
    expect(device?.numbers.get('pm2_5')?.value).toBe(500);
    expect([device?.late, device?.lateMost]).toEqual([1, 400_020]);
  });

  it('draws a gap from the last reading before it to the first behind it', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('fujisawa/truck/7/air', [1000]), batch('fujisawa/truck/8/air', [1500])]);
    fleet.gap({ from: 3, to: 9, reason: 'retention' }, 1600);
    fleet.gap({ from: 10, to: 10, reason: 'withheld', topic: 'fujisawa/truck/8/air' }, 1700);
    fleet.take([batch('fujisawa/truck/7/air', [5000])]);
    expect(fleet.devices.get('fujisawa/truck/7/air')?.breaks).toEqual([
      { after: 1000, before: 5000, reason: 'retention' },
    ]);
    expect(fleet.devices.get('fujisawa/truck/8/air')?.breaks).toEqual([
      { after: 1500, before: undefined, reason: 'retention' },
      { after: 1500, before: undefined, reason: 'withheld' },
    ]);
  });

  it('keeps every row of the chosen device', () => {
    const fleet = new Fleet(60_000);
    fleet.choose('fujisawa/truck/7/air');
    fleet.take([batch('fujisawa/truck/7/air', [1000, 1100, 1200]), batch('fujisawa/truck/8/air', [1000])]);
    expect([...(fleet.detail?.series.times ?? [])]).toEqual([1000, 1100, 1200]);
  });

  it('counts what was refused and what could not be opened, and shows neither', () => {
    const fleet = new Fleet(60_000);
    fleet.reject('signature', 'wanted the publisher’s signature', 'fujisawa/truck/7/air');
    fleet.reject('signature', 'wanted the publisher’s signature', 'fujisawa/truck/7/air');
    fleet.cannotOpen('fujisawa/truck/9/air', 'no-key', 'wanted a key');
    expect(fleet.refused.get('signature')?.count).toBe(2);
    expect(fleet.unopened.get('no-key')?.count).toBe(1);
    expect(fleet.devices.size).toBe(0);
  });

  it('forgets what the viewer may not see any more, and keeps the rest', () => {
    const fleet = new Fleet(60_000);
    fleet.choose('a/2');
    fleet.take([batch('a/1', [1]), batch('a/2', [1])]);
    fleet.keep((topic) => topic === 'a/1');
    expect([...fleet.devices.keys()]).toEqual(['a/1']);
    expect(fleet.detail?.series.length).toBe(0);
  });

  it('shows a gap where the viewer was shut out for a while, and none where nothing was missed', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('a/1', [1000]), batch('a/2', [1000, 2000])]);
    const before = fleet.devices.get('a/1')?.position ?? 0;
    fleet.keep(() => false);
    fleet.take([batch('a/1', [1000]), { ...batch('a/2', [9000]), positions: Float64Array.of(77) }]);
    expect(fleet.devices.get('a/1')?.position).toBe(before);
    expect(fleet.devices.get('a/1')?.breaks).toEqual([]);
    expect(fleet.devices.get('a/2')?.breaks).toEqual([{ after: 2000, before: 9000, reason: 'rights' }]);
    fleet.clear();
    fleet.take([{ ...batch('a/2', [11_000]), positions: Float64Array.of(78) }]);
    expect(fleet.devices.get('a/2')?.breaks).toEqual([]);
  });

  it('shows no gap where what comes is the next of what its publisher sent, though the page heard late of it', () => {
    const fleet = new Fleet(60_000);
    const numbered = (topic: string, time: number, boot: string, sequence: bigint, key = 'ab') => {
      const number = { boot, sequence };
      const provenance = { publisher: 'truck-7@fujisawa', publisherId: key.repeat(32), sealed: true };
      const positions = Float64Array.of(time);
      return { ...batch(topic, [time]), positions, provenance, first: number, last: number };
    };
    const topics = ['a/next', 'a/later', 'a/restarted', 'a/other'];
    fleet.take(topics.map((topic) => numbered(topic, 1000, 'b1', 6n)));
    fleet.keep(() => false);
    fleet.take([
      numbered('a/next', 9000, 'b1', 7n),
      numbered('a/later', 9000, 'b1', 8n),
      numbered('a/restarted', 9000, 'b2', 7n),
      numbered('a/other', 9000, 'b1', 7n, 'cd'),
    ]);
    const withGap = topics.filter((topic) => (fleet.devices.get(topic)?.breaks.length ?? 0) > 0);
    expect(withGap).toEqual(['a/later', 'a/restarted', 'a/other']);
  });

  it('lets the history say what is missing of a time that it has, and nothing of another', () => {
    const fleet = new Fleet(60_000);
    const topic = 'fujisawa/truck/7/air';
    fleet.choose(topic);
    for (const [at, time] of [1000, 5000, 9000].entries()) {
      fleet.take([{ ...batch(topic, [time]), positions: Float64Array.of(10 * at) }]);
      if (time < 9000) fleet.gap({ from: 0, to: 1, reason: 'withheld', topic }, 0);
    }
    const device = fleet.devices.get(topic);
    if (device === undefined) throw new Error('device: wanted one, found none');
    expect(device.breaks.map(({ after, before }) => [after, before])).toEqual([
      [1000, 5000],
      [5000, 9000],
    ]);
    const sealed = { after: 6000, before: 8000, reason: 'sealed' };
    fleet.fill(device, [batch(topic, [6000, 8000])], { from: 5000, until: 9000, breaks: [sealed] });
    expect(device.breaks).toEqual([{ after: 1000, before: 5000, reason: 'withheld' }, sealed]);
    expect([...(fleet.detail?.series.times ?? [])]).toEqual([1000, 5000, 6000, 8000, 9000]);
  });

  it('shows what comes and cannot be opened as a gap, until something can be again', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('a/1', [1000])]);
    fleet.cannotOpen('a/1', 'no-key', 'wanted a key');
    fleet.cannotOpen('a/1', 'no-key', 'wanted a key');
    expect(fleet.devices.get('a/1')?.breaks).toEqual([{ after: 1000, before: undefined, reason: 'sealed' }]);
    fleet.take([batch('a/1', [3000])]);
    expect(fleet.devices.get('a/1')?.breaks).toEqual([{ after: 1000, before: 3000, reason: 'sealed' }]);
  });

  it('says of what came and cannot be read for another reason than the key that it is unusable', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('a/1', [1000])]);
    for (const fault of ['decrypt', 'samples']) fleet.cannotOpen('a/1', fault, 'wanted samples, found none');
    fleet.cannotOpen('a/1', 'no-key', 'wanted a key');
    expect(fleet.devices.get('a/1')?.breaks.map(({ reason }) => reason)).toEqual(['unusable', 'sealed']);
  });

  it('forgets names, gaps and details of what may not be seen any more, and counts it still', () => {
    const fleet = new Fleet(60_000);
    const described = (topic: string) =>
      ({ topic, described: true, class: 'open', mobile: false, title: topic, transducers: [] }) as const;
    fleet.describe([described('a/1'), described('a/2')], true);
    fleet.gap({ from: 1, to: 2, reason: 'withheld', topic: 'a/1' }, 0);
    fleet.gap({ from: 3, to: 4, reason: 'withheld', topic: 'a/2' }, 0);
    fleet.gap({ from: 5, to: 6, reason: 'retention' }, 0);
    fleet.reject('signature', 'wanted the signature of a/1', 'a/1');
    fleet.reject('repeated', 'wanted the next of a/2', 'a/2');
    fleet.cannotOpen('a/1', 'no-key', 'wanted a key of a/1');
    fleet.keep((topic) => topic === 'a/2');
    expect(['a/1', 'a/2'].map((topic) => fleet.isDescribed(topic))).toEqual([false, true]);
    expect(fleet.gaps.map(({ topic }) => topic)).toEqual(['a/2', undefined]);
    const forgotten = { count: 1, detail: '', topic: undefined };
    expect(fleet.refused.get('signature')).toEqual(forgotten);
    expect(fleet.refused.get('repeated')?.topic).toBe('a/2');
    expect(fleet.unopened.get('no-key')).toEqual(forgotten);
    // Not what was signed once: the node's word counts where nothing signed is known.
    fleet.describe([{ ...described('a/1'), title: 'told' }]);
    fleet.take([batch('a/1', [1000])]);
    expect(fleet.devices.get('a/1')?.title).toBe('told');
  });

  it('takes no late answer of the history for a device that may not be seen any more, or came anew', () => {
    const fleet = new Fleet(60_000);
    fleet.choose('a/1');
    fleet.take([batch('a/1', [1000])]);
    const before = fleet.devices.get('a/1');
    if (before === undefined) throw new Error('device: wanted one, found none');
    fleet.keep(() => false);
    fleet.fill(before, [batch('a/1', [500])], { from: 0, until: 1000, breaks: [] });
    expect(fleet.detail?.series.length).toBe(0);
    fleet.take([{ ...batch('a/1', [9000]), positions: Float64Array.of(7) }]);
    fleet.fill(before, [batch('a/1', [500])], { from: 0, until: 1000, breaks: [] });
    expect([...(fleet.detail?.series.times ?? [])]).toEqual([9000]);
  });

  it('keeps what an owner signed of a stream where the node tells something else', () => {
    const fleet = new Fleet(60_000);
    const topic = 'fujisawa/truck/7/air';
    const stream = (unit: string) => {
      const transducers = [{ name: 'co', title: '', unit }];
      return { topic, described: true, class: 'open', mobile: false, transducers } as const;
    };
    fleet.take([{ ...batch(topic, [1]), columns: [{ name: 'co', unit: '' }], values: Float64Array.of(7) }]);
    fleet.describe([stream('mg/m3')]);
    expect(fleet.devices.get(topic)?.unitOf('co')).toBe('mg/m3');
    fleet.describe([stream('ug/m3')], true);
    fleet.describe([stream('mg/m3')]);
    expect(fleet.devices.get(topic)?.unitOf('co')).toBe('ug/m3');
  });

  it('names the measurements of a stream that invents ever new ones no more than it can keep', () => {
    const fleet = new Fleet(60_000);
    for (let at = 0; at < 3_000; at += 1) {
      const columns = [{ name: `m${at}`, unit: '' }];
      fleet.take([{ ...batch('a/1', [at * 1000]), columns, values: Float64Array.of(at) }]);
    }
    const device = fleet.devices.get('a/1');
    expect(device?.numbers.size).toBe(1024);
    expect(device?.thin.columns).toHaveLength(1024);
  });

  it('forgets everything when the viewer may not see it any more', () => {
    const fleet = new Fleet(60_000);
    fleet.choose('fujisawa/truck/7/air');
    fleet.take([batch('fujisawa/truck/7/air', [1000])]);
    fleet.clear();
    expect(fleet.devices.size).toBe(0);
    expect(fleet.detail).toBeUndefined();
  });

  it('names what is measured, the most frequent first, and no position', () => {
    const fleet = new Fleet(60_000);
    fleet.take([batch('a/1', [1]), batch('a/2', [1])]);
    const noise = { ...batch('a/3', [1]), columns: [{ name: 'noise', unit: 'dB' }] };
    fleet.take([{ ...noise, values: Float64Array.of(60) }]);
    expect(fleet.measurements().map(({ name, devices }) => [name, devices])).toEqual([
      ['pm2_5', 2],
      ['noise', 1],
    ]);
  });

  it('keeps its memory bounded, however many devices there are', () => {
    for (const devices of [1, 100, 1_000, 10_000, DEVICES_MAX]) {
      const rows = rowsFor(devices, 23);
      expect(rows).toBeGreaterThanOrEqual(8);
      expect(devices * rows * 2 * 26 * 8).toBeLessThanOrEqual(70e6);
    }
    const fleet = new Fleet(60_000);
    for (let index = 0; index < DEVICES_MAX + 5; index += 1) {
      fleet.take([{ ...batch(`a/${index}`, [1]), columns: [], values: new Float64Array(0) }]);
    }
    expect(fleet.devices.size).toBe(DEVICES_MAX);
    expect(fleet.leftOut).toBe(5);
  });
});
