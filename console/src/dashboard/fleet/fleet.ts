// Every device that the viewer may see, as the readings come in. No part of the page draws from
// here: whoever shows something asks once per frame whether anything changed.

import type { Stream } from '@sekisho/client';
import { measurement } from '../../words/measurement';
import type { Batch, Break, GapTold } from '../feed/protocol';
import { reasonOf } from '../feed/unopened';
import { Device, isPosition, type Left } from './device';
import { Series } from './series';

/** Numbers that all devices together may keep: 48 MB. */
const NUMBERS_MAX = 6_000_000;
/** Rows that one device keeps at most: ten minutes. */
const ROWS_MAX = 600;
const ROWS_MIN = 8;
/** Rows of the chosen device: ten minutes at 10 Hz. */
const DETAIL_ROWS_MAX = 6_000;
/** Devices at most; what is beyond is counted and said. */
export const DEVICES_MAX = 20_000;

/** Records that are not shown for one reason. */
export interface Refused {
  count: number;
  detail: string;
  topic: string | undefined;
}

/** What of a time the history has, milliseconds since 1970. */
export interface Filled {
  from: number;
  until: number;
  breaks: readonly Break[];
}

/** A measurement that some device makes. */
export interface Measurement {
  name: string;
  unit: string;
  title: string;
  devices: number;
}

/** The rows that each of so many devices with so many columns may keep. */
export function rowsFor(devices: number, columns: number): number {
  const share = Math.floor(NUMBERS_MAX / (2 * Math.max(1, devices) * (columns + 3)));
  return Math.max(ROWS_MIN, Math.min(ROWS_MAX, share));
}

/** That something was refused stays true; what it was is not to be seen. */
function forgetTopics(counted: Map<string, Refused>, mayStay: (topic: string) => boolean): void {
  for (const [reason, { count, topic }] of counted) {
    if (topic !== undefined && !mayStay(topic)) counted.set(reason, { count, detail: '', topic: undefined });
  }
}

/** All devices. */
export class Fleet {
  readonly devices = new Map<string, Device>();
  readonly refused = new Map<string, Refused>();
  /** Records that could not be opened, by what stands between. */
  readonly unopened = new Map<string, Refused>();
  gaps: (GapTold & { at: number })[] = [];
  /** Counts up with every change. */
  version = 0;
  /** Counts up when a device is added or described. */
  membership = 0;
  /** Readings of devices that there was no room for. */
  leftOut = 0;
  readings = 0;
  /** From when on a reading is late: milliseconds between being taken and being here, or at home where it was asked for later. */
  lateAfter: number;
  /** All rows of the chosen device. */
  detail: { topic: string; series: Series } | undefined;
  #descriptions = new Map<string, Stream>();
  /** Where the viewer had come with what was taken back: no reading, only where a gap begins. */
  readonly #left = new Map<string, Left>();
  /** Topics whose description was signed by their owner; as many as were looked at. */
  readonly #signed = new Set<string>();

  constructor(lateAfter: number) {
    this.lateAfter = lateAfter;
  }

  /** Takes readings in. */
  take(batches: readonly Batch[]): void {
    for (const batch of batches) this.#takeOne(batch);
    this.version += 1;
  }

  #takeOne(batch: Batch): void {
    const device = this.#device(batch.topic, batch.columns.length);
    if (device === undefined) {
      this.leftOut += batch.times.length;
      return;
    }
    device.take(batch, this.lateAfter);
    this.readings += batch.times.length;
    if (this.detail?.topic === batch.topic) this.detailTake(device, batch);
  }

  /** Puts a batch into the rows of the chosen device. */
  detailTake(device: Device, batch: Batch): void {
    const series = this.detail?.series;
    if (series === undefined) return;
    const width = batch.columns.length;
    const provenance = device.latest;
    batch.times.forEach((time, index) => {
      const row = batch.values.subarray(index * width, (index + 1) * width);
      series.insert(time, batch.delays[index] ?? 0, provenance, batch.columns, row);
    });
  }

  /** What the history tells of the chosen device: rows before those that are live, and what is missing among them. */
  fill(device: Device, batches: readonly Batch[], { from, until, breaks }: Filled): void {
    // What was asked before the viewer was shut out may be answered behind it.
    if (this.detail?.topic !== device.topic || this.devices.get(device.topic) !== device) return;
    for (const batch of batches) if (batch.topic === device.topic) this.detailTake(device, batch);
    device.mend(from, until, breaks);
    this.version += 1;
  }

  /** Chooses a device, of which every row is kept from now on; or none. */
  choose(topic: string | undefined): void {
    this.detail = topic === undefined ? undefined : { topic, series: new Series(DETAIL_ROWS_MAX) };
    this.version += 1;
  }

  /** Notes a gap: of one topic, or of all that are followed. */
  gap(gap: GapTold, at: number): void {
    this.gaps.push({ ...gap, at });
    if (this.gaps.length > 200) this.gaps.shift();
    const concerned = gap.topic === undefined ? this.devices.values() : [this.devices.get(gap.topic)];
    for (const device of concerned) device?.breakOff(gap.reason);
    this.version += 1;
  }

  /** Counts a record that is not what it says. */
  reject(reason: string, detail: string, topic: string | undefined): void {
    const so = this.refused.get(reason);
    this.refused.set(reason, { count: (so?.count ?? 0) + 1, detail, topic });
    const device = topic === undefined ? undefined : this.devices.get(topic);
    if (device !== undefined) device.rejected += 1;
    this.version += 1;
  }

  /** Counts a record that came and cannot be shown: mostly because the viewer was not given the key. */
  cannotOpen(topic: string, fault: string, detail: string): void {
    this.devices.get(topic)?.breakOff(reasonOf(fault));
    this.unopened.set(fault, { count: (this.unopened.get(fault)?.count ?? 0) + 1, detail, topic });
    this.version += 1;
  }

  /** Takes over what owners say of their streams; what the node tells of them yields to what was signed. */
  describe(streams: readonly Stream[], isSigned = false): void {
    for (const stream of streams) {
      if (isSigned) this.#signed.add(stream.topic);
      else if (this.#signed.has(stream.topic)) continue;
      if (this.#descriptions.size < DEVICES_MAX) this.#descriptions.set(stream.topic, stream);
      this.devices.get(stream.topic)?.describe(stream);
    }
    this.membership += 1;
    this.version += 1;
  }

  /** Whether somebody asked what a topic is. */
  isDescribed(topic: string): boolean {
    return this.#descriptions.has(topic);
  }

  /** Forgets what the viewer may not see any more; where they may again, a gap begins where it was. */
  keep(mayStay: (topic: string) => boolean): void {
    const gone = [...this.devices.keys()].filter((topic) => !mayStay(topic));
    for (const topic of gone) {
      const left = this.devices.get(topic)?.leave();
      this.devices.delete(topic);
      if (left !== undefined && this.#left.size < DEVICES_MAX) this.#left.set(topic, left);
    }
    // Its rows go; where it comes back it is still the chosen one.
    if (this.detail !== undefined && !mayStay(this.detail.topic)) this.choose(this.detail.topic);
    for (const topic of this.#descriptions.keys()) if (!mayStay(topic)) this.#descriptions.delete(topic);
    for (const topic of this.#signed) if (!mayStay(topic)) this.#signed.delete(topic);
    this.gaps = this.gaps.filter(({ topic }) => topic === undefined || mayStay(topic));
    for (const counted of [this.refused, this.unopened]) forgetTopics(counted, mayStay);
    this.membership += 1;
    this.version += 1;
  }

  /** Forgets everything: the viewer may not see it any more. */
  clear(): void {
    this.devices.clear();
    this.refused.clear();
    this.unopened.clear();
    this.#descriptions.clear();
    this.#signed.clear();
    this.#left.clear();
    this.gaps = [];
    this.detail = undefined;
    this.membership += 1;
    this.version += 1;
  }

  /** What devices measure, the most frequent first; positions are no measurement. */
  measurements(): Measurement[] {
    const all = new Map<string, Measurement>();
    for (const device of this.devices.values()) {
      for (const name of device.numbers.keys()) {
        const known = all.get(name);
        if (known === undefined) {
          all.set(name, { name, unit: device.unitOf(name), title: device.titleOf(name), devices: 1 });
          continue;
        }
        known.devices += 1;
        known.unit ||= device.unitOf(name);
        if (known.title === measurement(name)) known.title = device.titleOf(name);
      }
    }
    return [...all.values()].filter(({ name }) => !isPosition(name)).sort((a, b) => b.devices - a.devices);
  }

  #device(topic: string, columns: number): Device | undefined {
    const known = this.devices.get(topic);
    if (known !== undefined) {
      known.thin.rowsMax = rowsFor(this.devices.size, columns);
      return known;
    }
    if (this.devices.size >= DEVICES_MAX) return undefined;
    const device = new Device(topic, rowsFor(this.devices.size + 1, columns));
    const stream = this.#descriptions.get(topic);
    if (stream !== undefined) device.describe(stream);
    const left = this.#left.get(topic);
    if (left !== undefined) device.resume(left);
    this.#left.delete(topic);
    this.devices.set(topic, device);
    this.membership += 1;
    return device;
  }
}
