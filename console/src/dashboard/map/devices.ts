// Devices and their trails on two sheets of canvas: what moves is drawn with every frame that
// brought something, what is behind it a few times a second.

import { CLASS_COLOURS, classOf, NO_VALUE_COLOUR, type Thresholds } from '../colour/scale';
import type { Device } from '../fleet/device';
import { Sheet, type View } from './canvas';
import type { MapColours } from './colours';
import { mercator } from './mercator';

/** By what devices are coloured. */
export interface Colouring {
  measurement: string;
  thresholds: Thresholds;
}

/** What is to be drawn. */
export interface Scene {
  devices: Iterable<Device>;
  colouring: Colouring;
  chosen: string | undefined;
  pointed: string | undefined;
  /** The node's time, milliseconds since 1970. */
  now: number;
}

/** From when on a device that says nothing is drawn hollow, milliseconds. */
export const SILENT_AFTER_MS = 5 * 60_000;
/** A trail is not drawn across a pause longer than this, milliseconds. */
const PAUSE_MS = 60_000;
/** From so many devices in sight on they are small and have no names. */
const MANY = 40;
const RADIUS = 8;
const RADIUS_SMALL = 5;
/** How far what shows the course stands out of a mark. */
const HEADING = 7;
/** What is around the device that was chosen. */
const RING = RADIUS + 9;
/** Between the ring and a name, with what the line of each takes. */
const NAME_GAP = 5;
const NAME_HEIGHT = 14;
/** Where its letters stand, below its upper edge. */
const NAME_BASE = 11;
const RIM = '#10222a';
const CASING = 'rgb(16 34 42 / 45%)';

/** A device's place among the pixels of the container. */
export interface Spot {
  device: Device;
  x: number;
  y: number;
}

/** The devices in sight. */
export function spotsOf(devices: Iterable<Device>, view: View): Spot[] {
  const spots: Spot[] = [];
  for (const device of devices) {
    if (device.place === undefined) continue;
    const x = device.place.x * view.scale - view.left;
    const y = device.place.y * view.scale - view.top;
    if (x > -20 && y > -20 && x < view.width + 20 && y < view.height + 20) spots.push({ device, x, y });
  }
  return spots;
}

/** The device nearest to a point, within reach of a finger. */
export function hit(spots: readonly Spot[], x: number, y: number, reach: number): Device | undefined {
  let [best, found]: [number, Device | undefined] = [reach * reach, undefined];
  for (const spot of spots) {
    const distance = (spot.x - x) ** 2 + (spot.y - y) ** 2;
    if (distance <= best) [best, found] = [distance, spot.device];
  }
  return found;
}

/** A device's class by the measurement chosen. */
export function deviceClass(device: Device, colouring: Colouring): number | undefined {
  return classOf(device.numbers.get(colouring.measurement)?.value, colouring.thresholds);
}

function markRoom({ x, y }: Spot, radius: number): Room {
  return { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius };
}

/** Draws devices and trails. */
export class Devices {
  readonly #trails: Sheet;
  readonly #marks: Sheet;

  constructor(container: HTMLElement) {
    this.#trails = new Sheet(container, 'trails');
    this.#marks = new Sheet(container, 'marks');
  }

  remove(): void {
    this.#trails.remove();
    this.#marks.remove();
  }

  /** Draws where devices came from. */
  drawTrails(view: View, scene: Scene): void {
    const context = this.#trails.begin(view);
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (const device of scene.devices) {
      if (device.place === undefined || device.thin.length < 2) continue;
      const isChosen = device.topic === scene.chosen;
      context.globalAlpha = isChosen ? 1 : 0.8;
      drawTrail(context, view, device, scene.colouring, isChosen ? 4.5 : 3);
    }
    context.globalAlpha = 1;
  }

  /** Draws the devices themselves; gives where each is. */
  drawMarks(view: View, scene: Scene, colours: MapColours): Spot[] {
    const context = this.#marks.begin(view);
    const spots = spotsOf(scene.devices, view);
    const radius = spots.length > 300 ? RADIUS_SMALL : RADIUS;
    const named: Spot[] = [];
    let chosen: Spot | undefined;
    for (const spot of spots) {
      if (spot.device.topic === scene.chosen) chosen = spot;
      else drawMark(context, spot, radius, scene, colours);
      if (spots.length <= MANY || spot.device.topic === scene.pointed) named.push(spot);
    }
    if (chosen !== undefined) {
      drawRing(context, chosen, colours);
      drawMark(context, chosen, radius + 2, scene, colours);
      if (!named.includes(chosen)) named.push(chosen);
    }
    // Of many each has a name only where it is asked for.
    const taken =
      spots.length > MANY ? [] : spots.map((spot) => markRoom(spot, spot === chosen ? RING : radius));
    const kindOf = (spot: Spot) =>
      spot === chosen ? 'chosen' : spot.device.topic === scene.pointed ? 'pointed' : 'other';
    const order = ['chosen', 'pointed', 'other'];
    for (const spot of named.sort((a, b) => order.indexOf(kindOf(a)) - order.indexOf(kindOf(b)))) {
      const reach = spot === chosen ? RING + NAME_GAP : radius + HEADING + 1;
      drawName(context, spot, reach, colours, kindOf(spot), taken, view);
    }
    return spots;
  }
}

function trailColumn(device: Device, names: readonly string[]): Float64Array | undefined {
  for (const { name } of device.thin.columns) {
    if (names.includes(name.toLowerCase())) return device.thin.values(name);
  }
  return undefined;
}

/** Draws pieces of one trail, a new path where the colour changes. */
class Pen {
  #kind: number | undefined;
  #isDown = false;

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly width: number,
  ) {}

  lift(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    // A darker line below keeps pale colours apart from a pale map.
    this.context.lineWidth = this.width + 1.5;
    this.context.strokeStyle = CASING;
    this.context.stroke();
    this.context.lineWidth = this.width;
    this.context.strokeStyle =
      this.#kind === undefined ? NO_VALUE_COLOUR : (CLASS_COLOURS[this.#kind] ?? NO_VALUE_COLOUR);
    this.context.stroke();
  }

  line(fromX: number, fromY: number, toX: number, toY: number, kind: number | undefined): void {
    if (!this.#isDown || kind !== this.#kind) {
      this.lift();
      this.context.beginPath();
      this.context.moveTo(fromX, fromY);
      this.#isDown = true;
      this.#kind = kind;
    }
    this.context.lineTo(toX, toY);
  }
}

function drawTrail(
  context: CanvasRenderingContext2D,
  view: View,
  device: Device,
  colouring: Colouring,
  width: number,
): void {
  const latitudes = trailColumn(device, ['latitude', 'lat']);
  const longitudes = trailColumn(device, ['longitude', 'lon', 'lng']);
  if (latitudes === undefined || longitudes === undefined) return;
  const values = device.thin.values(colouring.measurement);
  const times = device.thin.times;
  const pen = new Pen(context, width);
  let [x, y, before] = [0, 0, Number.NaN];
  for (let row = 0; row < times.length; row += 1) {
    const at = mercator(latitudes[row] ?? Number.NaN, longitudes[row] ?? Number.NaN);
    const [toX, toY] = [at.x * view.scale - view.left, at.y * view.scale - view.top];
    const time = times[row] ?? Number.NaN;
    const isJoined = time - before <= PAUSE_MS && !Number.isNaN(toX);
    before = time;
    if (isJoined && Math.abs(toX - x) + Math.abs(toY - y) < 1.5) continue;
    if (isJoined) pen.line(x, y, toX, toY, classOf(values?.[row], colouring.thresholds));
    else pen.lift();
    [x, y] = [toX, toY];
  }
  const { place } = device;
  if (place !== undefined && device.time - before <= PAUSE_MS) {
    const kind = deviceClass(device, colouring);
    pen.line(x, y, place.x * view.scale - view.left, place.y * view.scale - view.top, kind);
  }
  pen.lift();
}

/** A circle; in the highest class a diamond, so that colour is not all that says so. */
function outline(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  kind: number | undefined,
): void {
  context.beginPath();
  if (kind === 4) {
    const reach = radius * 1.35;
    context.moveTo(x, y - reach);
    context.lineTo(x + reach, y);
    context.lineTo(x, y + reach);
    context.lineTo(x - reach, y);
    context.closePath();
  } else {
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

function drawMark(
  context: CanvasRenderingContext2D,
  spot: Spot,
  radius: number,
  scene: Scene,
  colours: MapColours,
): void {
  const { device, x, y } = spot;
  const kind = deviceClass(device, scene.colouring);
  const isSilent = scene.now - device.time > SILENT_AFTER_MS;
  const colour = kind === undefined ? NO_VALUE_COLOUR : (CLASS_COLOURS[kind] ?? NO_VALUE_COLOUR);
  const course = device.numbers.get('course')?.value;
  if (course !== undefined && !isSilent && radius > RADIUS_SMALL)
    drawHeading(context, spot, radius, course, colours);
  outline(context, x, y, radius, kind);
  context.fillStyle = isSilent ? '#ffffff' : colour;
  context.globalAlpha = isSilent ? 0.55 : 1;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = isSilent ? 2.5 : 1.75;
  context.strokeStyle = isSilent ? colour : RIM;
  context.stroke();
}

function drawHeading(
  context: CanvasRenderingContext2D,
  { x, y }: Spot,
  radius: number,
  course: number,
  colours: MapColours,
): void {
  const angle = ((course - 90) * Math.PI) / 180;
  const at = (turn: number, reach: number): [number, number] => [
    x + Math.cos(angle + turn) * reach,
    y + Math.sin(angle + turn) * reach,
  ];
  context.beginPath();
  context.moveTo(...at(0, radius + HEADING));
  context.lineTo(...at(0.62, radius + 1));
  context.lineTo(...at(-0.62, radius + 1));
  context.closePath();
  context.fillStyle = colours.ink;
  context.fill();
}

function drawRing(context: CanvasRenderingContext2D, { x, y }: Spot, colours: MapColours): void {
  context.beginPath();
  context.arc(x, y, RING, 0, 2 * Math.PI);
  context.lineWidth = 4;
  context.strokeStyle = colours.accent;
  context.stroke();
}

/** Where something is on the sheet, pixels. */
export interface Room {
  x: number;
  y: number;
  width: number;
  height: number;
}

function overlap(a: Room, b: Room): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function isInside(room: Room, view: { width: number; height: number }): boolean {
  return (
    room.x >= 0 && room.y >= 0 && room.x + room.width <= view.width && room.y + room.height <= view.height
  );
}

/** Where a name has room beside its mark, which ends `reach` pixels from its middle; first where people look for it. */
export function roomOf(
  { x, y }: { x: number; y: number },
  reach: number,
  width: number,
  taken: readonly Room[],
  view: { width: number; height: number },
): Room | undefined {
  const height = NAME_HEIGHT;
  const rooms = [
    { x: x + reach, y: y - height / 2, width, height },
    { x: x - reach - width, y: y - height / 2, width, height },
    { x: x - width / 2, y: y + reach, width, height },
    { x: x - width / 2, y: y - reach - height, width, height },
  ];
  return rooms.find((room) => isInside(room, view) && !taken.some((other) => overlap(room, other)));
}

/** Writes a name where no other one and no mark is; the list has them all. One that is asked for is always written. */
function drawName(
  context: CanvasRenderingContext2D,
  { device, x, y }: Spot,
  reach: number,
  colours: MapColours,
  kind: 'chosen' | 'pointed' | 'other',
  taken: Room[],
  view: View,
): void {
  const title = device.title.length > 28 ? `${device.title.slice(0, 27)}…` : device.title;
  context.font = `${kind === 'chosen' ? 700 : 550} 12px system-ui, 'Noto Sans CJK JP', sans-serif`;
  const { width } = context.measureText(title);
  const found = roomOf({ x, y }, reach, width, taken, view);
  if (found === undefined && kind === 'other') return;
  const room = found ?? { x: x + reach, y: y - NAME_HEIGHT / 2, width, height: NAME_HEIGHT };
  taken.push(room);
  context.lineWidth = 3.5;
  context.strokeStyle = colours.halo;
  context.fillStyle = colours.ink;
  context.strokeText(title, room.x, room.y + NAME_BASE);
  context.fillText(title, room.x, room.y + NAME_BASE);
}
