// What lies under the devices where no tiles are configured: sea, land, and a net of degrees.

import { Sheet, type View } from './canvas';
import type { MapColours } from './colours';
import { CELL_DEGREES, cellName, cellsOf, decodeRing, isCut, type LandFile, type Point } from './land';
import { mercator } from './mercator';

/** From this zoom on the finer outline is fetched. */
const FINE_FROM_ZOOM = 5;
/** Cells of the fine outline that one view may need. */
const CELLS_MAX = 16;
/** Steps of the net, degrees. */
const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];
/** Pixels between two lines of the net, at least. */
const STEP_PIXELS_MIN = 110;

/** An outline in units of its own size, so that single precision suffices at every zoom. */
interface Shape {
  x: number;
  y: number;
  size: number;
  fill: Path2D;
  coast: Path2D;
}

function shapeOf(file: LandFile, x: number, y: number, size: number): Shape {
  const [fill, coast] = [new Path2D(), new Path2D()];
  const local = ([longitude, latitude]: Point): [number, number] => {
    const at = mercator(latitude, longitude);
    return [(at.x - x) / size, (at.y - y) / size];
  };
  for (const ring of file.rings.map(decodeRing)) {
    let from: Point | undefined;
    for (const to of ring) {
      const [toX, toY] = local(to);
      if (from === undefined) {
        fill.moveTo(toX, toY);
        coast.moveTo(toX, toY);
      } else {
        fill.lineTo(toX, toY);
        if (isCut(from, to)) coast.moveTo(toX, toY);
        else coast.lineTo(toX, toY);
      }
      from = to;
    }
    fill.closePath();
  }
  return { x, y, size, fill, coast };
}

/** Draws the ground, and fetches what of it comes into sight. */
export class Ground {
  readonly #sheet: Sheet;
  readonly #cells = new Map<string, Shape | 'fetching' | 'none'>();
  #world: Shape | undefined;
  #known: Set<string> | undefined;

  /** @param changed - is called when an outline has come */
  constructor(
    container: HTMLElement,
    private readonly changed: () => void,
  ) {
    this.#sheet = new Sheet(container, 'ground');
    void this.#fetchWorld();
  }

  /** Draws the view; `isBare` where the operator's tiles show the ground. */
  draw(view: View, zoom: number, colours: MapColours, isBare: boolean): void {
    const context = this.#sheet.begin(view);
    if (!isBare) {
      context.fillStyle = colours.sea;
      context.fillRect(0, 0, view.width, view.height);
      for (const shape of this.#shapes(view, zoom)) this.#land(context, view, shape, colours);
    }
    drawNet(context, view, colours);
  }

  remove(): void {
    this.#sheet.remove();
  }

  #land(context: CanvasRenderingContext2D, view: View, shape: Shape, colours: MapColours): void {
    const size = shape.size * view.scale;
    context.save();
    context.translate(shape.x * view.scale - view.left, shape.y * view.scale - view.top);
    context.scale(size, size);
    context.fillStyle = colours.land;
    context.fill(shape.fill, 'evenodd');
    context.strokeStyle = colours.coast;
    context.lineWidth = 1.2 / size;
    context.stroke(shape.coast);
    context.restore();
  }

  /** The fine outlines of the view where they are all there, else the world's. */
  #shapes(view: View, zoom: number): Shape[] {
    const world = this.#world === undefined ? [] : [this.#world];
    if (zoom < FINE_FROM_ZOOM || this.#known === undefined) return world;
    const shapes: Shape[] = [];
    let isWhole = true;
    for (const name of cellsOf(boxOf(view), CELLS_MAX)) {
      const found = this.#cells.get(name);
      if (found === undefined) void this.#fetchCell(name);
      if (found === undefined || found === 'fetching') isWhole = false;
      else if (found !== 'none') shapes.push(found);
    }
    return isWhole ? shapes : world;
  }

  async #fetchWorld(): Promise<void> {
    const file = await fetchLand('world');
    if (file === undefined) return;
    this.#world = shapeOf(file, 0, 0, 1);
    this.#known = new Set(file.cells ?? []);
    this.changed();
  }

  async #fetchCell(name: string): Promise<void> {
    if (this.#known?.has(name) !== true) {
      this.#cells.set(name, 'none');
      return;
    }
    this.#cells.set(name, 'fetching');
    const file = await fetchLand(name);
    const [west = 0, south = 0] = name.split('_').map(Number);
    const corner = mercator(Math.min(south + CELL_DEGREES, 85), west);
    const shape = file === undefined ? 'none' : shapeOf(file, corner.x, corner.y, CELL_DEGREES / 360);
    this.#cells.set(cellName(west, south), shape);
    this.changed();
  }
}

/** An outline is a help and no more: without it the net of degrees remains. */
async function fetchLand(name: string): Promise<LandFile | undefined> {
  try {
    const response = await fetch(`/land/${name}.json`);
    return response.ok ? ((await response.json()) as LandFile) : undefined;
  } catch {
    return undefined;
  }
}

/** The degrees that a view shows. */
export function boxOf(view: View): { west: number; south: number; east: number; north: number } {
  const longitude = (x: number) => ((x + view.left) / view.scale - 0.5) * 360;
  const latitude = (y: number) => {
    const part = Math.PI * (1 - (2 * (y + view.top)) / view.scale);
    return (Math.atan(Math.sinh(part)) * 180) / Math.PI;
  };
  return {
    west: longitude(0),
    east: longitude(view.width),
    north: latitude(0),
    south: latitude(view.height),
  };
}

/** The step of the net at a scale, degrees. */
export function netStep(scale: number): number {
  const pixels = (degrees: number) => (degrees / 360) * scale;
  return [...STEPS].reverse().find((step) => pixels(step) >= STEP_PIXELS_MIN) ?? STEPS[0] ?? 30;
}

function degrees(value: number, step: number, letters: readonly [string, string]): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const letter = value >= 0 ? letters[0] : letters[1];
  return `${Math.abs(value).toFixed(digits)}° ${letter}`;
}

function drawNet(context: CanvasRenderingContext2D, view: View, colours: MapColours): void {
  const step = netStep(view.scale);
  const box = boxOf(view);
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  context.fillStyle = colours.dim;
  context.font = '11px system-ui, sans-serif';
  context.beginPath();
  const labels: [string, number, number][] = [];
  for (let index = Math.ceil(box.west / step); index * step <= box.east; index += 1) {
    const x = Math.round(mercator(0, index * step).x * view.scale - view.left) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, view.height);
    const shown = ((((index * step + 180) % 360) + 360) % 360) - 180;
    labels.push([degrees(shown, step, ['E', 'W']), x + 4, 14]);
  }
  for (let index = Math.ceil(box.south / step); index * step <= box.north; index += 1) {
    const y = Math.round(mercator(index * step, 0).y * view.scale - view.top) + 0.5;
    context.moveTo(0, y);
    context.lineTo(view.width, y);
    if (y > 40 && y < view.height - 40) labels.push([degrees(index * step, step, ['N', 'S']), 54, y - 4]);
  }
  context.stroke();
  for (const [text, x, y] of labels) context.fillText(text, x, y);
}
