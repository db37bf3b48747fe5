// What the viewer has chosen to look at, and a slow pulse for what is text: numbers in tables
// change four times a second, however fast readings come.

import { effect, type Signal, signal, untracked } from '@preact/signals';
import type { Profile } from '@sekisho/client';
import { now } from '../identity/node';
import { ascending, startingThresholds, type Thresholds } from './colour/scale';
import { Feed } from './feed/feed';
import type { Box } from './list/search';

/** How often text is drawn again, milliseconds. */
const PULSE_MS = 250;

const MEASUREMENT = 'sekisho.measurement';
const THRESHOLDS = 'sekisho.thresholds';

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage may be forbidden; then choices last as long as the page.
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // See above.
  }
}

function storedThresholds(): Record<string, number[]> {
  try {
    const found: unknown = JSON.parse(read(THRESHOLDS) ?? '{}');
    return typeof found === 'object' && found !== null ? (found as Record<string, number[]>) : {};
  } catch {
    return {};
  }
}

/** The topic that the address names: `#/fujisawa/truck/7/air`. */
function topicOfAddress(): string | undefined {
  if (!location.hash.startsWith('#/')) return undefined;
  try {
    return decodeURIComponent(location.hash.slice(2));
  } catch {
    return undefined;
  }
}

/** Everything that parts of the page share. */
export class Desk {
  readonly feed: Feed;
  /** Counts up, four times a second at most, when something changed. */
  readonly pulse = signal(0);
  /** Counts up with it when devices came, went or were described. */
  readonly membership = signal(0);
  /** The node's time at the last pulse. */
  readonly now = signal(now());
  readonly chosen: Signal<string | undefined> = signal(topicOfAddress());
  readonly measurement = signal(read(MEASUREMENT) ?? '');
  readonly #ownThresholds = signal(storedThresholds());
  readonly search = signal('');
  readonly type = signal('');
  readonly onlyMap = signal(false);
  /** What the map shows. */
  readonly box = signal<Box | undefined>(undefined);
  /** On a narrow screen, which part is shown. */
  readonly part = signal<'map' | 'list'>('map');
  /** A place that the map is asked to show. */
  readonly look = signal<{ latitude: number; longitude: number } | undefined>(undefined);
  #seen = -1;
  #usual = new Map<string, Thresholds>();

  constructor(profile: Profile) {
    this.feed = new Feed(profile);
    this.feed.fleet.choose(this.chosen.peek());
    setInterval(() => this.#beat(), PULSE_MS);
    effect(() => {
      // What comes first is shown at once.
      if (this.feed.hasReadings.value) untracked(() => this.#beat());
    });
    effect(() => {
      // What was taken back is gone before the page says so.
      if (this.feed.filters.value !== undefined) untracked(() => this.#beat());
    });
    effect(() => {
      const topic = this.chosen.value;
      const hash = topic === undefined ? '' : `#/${encodeURIComponent(topic).replaceAll('%2F', '/')}`;
      if (hash === location.hash) return;
      const address = `${location.pathname}${location.search}${hash}`;
      // A device covers a telephone's map: "back" closes it.
      if (hash !== '' && location.hash === '') history.pushState(history.state, '', address);
      else history.replaceState(history.state, '', address);
    });
    addEventListener('popstate', () => {
      if (!location.hash.startsWith('#join=')) this.choose(topicOfAddress());
    });
  }

  #beat(): void {
    const { fleet } = this.feed;
    this.now.value = Math.floor(now() / 1000) * 1000;
    if (fleet.version === this.#seen) return;
    this.#seen = fleet.version;
    if (this.measurement.peek() === '') this.#chooseMeasurement();
    this.membership.value = fleet.membership;
    this.pulse.value += 1;
  }

  /** Air quality where there is some, else what most devices measure. */
  #chooseMeasurement(): void {
    const all = this.feed.fleet.measurements();
    const found = ['pm2_5', 'temperature'].find((name) => all.some((one) => one.name === name));
    const first = found ?? all[0]?.name;
    if (first !== undefined) this.measurement.value = first;
  }

  /** Shows a device, or none. */
  choose(topic: string | undefined): void {
    if (this.chosen.peek() === topic) return;
    this.feed.fleet.choose(topic);
    this.chosen.value = topic;
    if (topic === undefined) return;
    this.feed.describe(topic);
    this.feed.prove(topic);
  }

  /** Colours by another measurement. */
  colourBy(measurement: string): void {
    this.measurement.value = measurement;
    write(MEASUREMENT, measurement);
  }

  /** The present thresholds: the viewer's own, else the usual ones. */
  thresholds(): Thresholds {
    const name = this.measurement.value;
    const all = this.#ownThresholds.value;
    const own = Object.hasOwn(all, name) ? all[name] : undefined;
    return (Array.isArray(own) ? ascending(own) : undefined) ?? this.#usualOf(name);
  }

  /** Sets the viewer's own thresholds for the present measurement; without any, the usual ones. */
  setThresholds(thresholds: Thresholds | undefined): void {
    const { [this.measurement.peek()]: _before, ...others } = this.#ownThresholds.peek();
    const next =
      thresholds === undefined ? others : { ...others, [this.measurement.peek()]: [...thresholds] };
    this.#ownThresholds.value = next;
    write(THRESHOLDS, JSON.stringify(next));
  }

  #usualOf(name: string): Thresholds {
    const known = this.#usual.get(name);
    if (known !== undefined) return known;
    const values: number[] = [];
    let unit = '';
    let range: { minimum: number; maximum: number } | undefined;
    for (const device of this.feed.fleet.devices.values()) {
      const found = device.numbers.get(name);
      if (found === undefined) continue;
      unit ||= device.unitOf(name);
      values.push(found.value);
      const told = device.stream?.transducers.find((one) => one.name === name);
      if (told?.minimum !== undefined && told.maximum !== undefined) {
        range ??= { minimum: Number(told.minimum), maximum: Number(told.maximum) };
      }
    }
    const usual = startingThresholds({ name, unit }, range, values);
    if (values.length > 0) this.#usual.set(name, usual);
    return usual;
  }
}
