// A canvas over the whole map that stays where the map's container is, whatever the map does.

import type { Map as LeafletMap } from 'leaflet';

/** What turns places in the square of the world into pixels of the container. */
export interface View {
  /** Pixels of the square's side. */
  scale: number;
  /** Pixels of the container's north-western corner in the square. */
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The map's present view. */
export function viewOf(map: LeafletMap): View {
  const corner = map.project(map.containerPointToLatLng([0, 0]), map.getZoom());
  const size = map.getSize();
  return { scale: 256 * 2 ** map.getZoom(), left: corner.x, top: corner.y, width: size.x, height: size.y };
}

/** One canvas, sharp on every screen. */
export class Sheet {
  readonly canvas = document.createElement('canvas');
  readonly context: CanvasRenderingContext2D;

  constructor(container: HTMLElement, name: string) {
    this.canvas.className = `sheet sheet-${name}`;
    this.canvas.setAttribute('aria-hidden', 'true');
    const context = this.canvas.getContext('2d');
    if (context === null) throw new Error('canvas: wanted one to draw on, found none');
    this.context = context;
    container.append(this.canvas);
  }

  /** Empties it and makes it as large as the view. */
  begin(view: View): CanvasRenderingContext2D {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${view.width}px`;
      this.canvas.style.height = `${view.height}px`;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, view.width, view.height);
    return this.context;
  }

  /** Takes it off the page. */
  remove(): void {
    this.canvas.remove();
  }
}
