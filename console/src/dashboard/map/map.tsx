// The map: Leaflet for moving about, canvases of our own for everything that is shown.

import * as L from 'leaflet';
import { useEffect, useRef } from 'preact/hooks';
import { node, now } from '../../identity/node';
import { Icon } from '../../parts/icon';
import { coloursChanged } from '../../parts/pickers';
import type { Device } from '../fleet/device';
import type { Desk } from '../state';
import { words } from '../words';
import { viewOf } from './canvas';
import { type MapColours, mapColours } from './colours';
import { Devices, hit, type Scene, type Spot } from './devices';
import { boxOf, Ground } from './ground';

/** How often trails are drawn again while the map rests, milliseconds. */
const TRAILS_EVERY_MS = 400;
/** Below and above the legend, pixels. */
const LEGEND_MARGIN = 36;
/** How near a click has to be, pixels. */
const REACH = 22;
/** For how long after the first device the map goes on to show all that come, milliseconds. */
const SETTLING_MS = 2500;

/** One map and everything on it. */
class Cartography {
  readonly #map: L.Map;
  readonly #ground: Ground;
  readonly #devices: Devices;
  #colours: MapColours = mapColours();
  #spots: Spot[] = [];
  #pointed: string | undefined;
  #drawn = -1;
  #trailsAt = 0;
  #viewChanged = true;
  #groundChanged = true;
  #tiles: L.TileLayer | undefined;
  /** Whether one has come: until then the coast shows where one is. */
  #hasTile = false;
  #frame = 0;
  #hasMoved = false;
  #firstAt: number | undefined;
  #fitted = 0;
  #chosen: string | undefined;

  constructor(
    readonly container: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.#map = L.map(container, {
      zoomAnimation: false,
      fadeAnimation: false,
      markerZoomAnimation: false,
      attributionControl: false,
      zoomControl: false,
      worldCopyJump: true,
      minZoom: 2,
      zoomSnap: 0.25,
      zoomDelta: 1,
      wheelPxPerZoomLevel: 90,
      maxZoom: 20,
      center: [20, 0],
      zoom: 2,
    });
    L.control.zoom({ position: 'topright' }).addTo(this.#map);
    L.control.scale({ position: 'bottomright', imperial: false }).addTo(this.#map);
    const sheets = document.createElement('div');
    sheets.className = 'sheets';
    container.prepend(sheets);
    this.#ground = new Ground(sheets, () => {
      this.#groundChanged = true;
    });
    this.#devices = new Devices(sheets);
    this.#listen();
    this.#frame = requestAnimationFrame(this.#draw);
  }

  #listen(): void {
    this.#map.on('move zoom viewreset resize', () => {
      this.#viewChanged = true;
    });
    this.#map.on('moveend', () => this.#tellBox());
    this.#map.on('dragstart zoomstart', (event) => {
      if (event.type === 'dragstart' || this.#firstAt !== undefined)
        this.#hasMoved = this.#hasMoved || !this.#isFitting;
    });
    this.#map.on('click', (event) => {
      const { x, y } = event.containerPoint;
      this.desk.choose(hit(this.#spots, x, y, REACH)?.topic);
    });
    this.#map.on('mousemove', (event) => {
      const { x, y } = event.containerPoint;
      this.#point(hit(this.#spots, x, y, REACH / 1.5));
    });
    this.container.addEventListener('keydown', this.#key);
  }

  #isFitting = false;

  readonly #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.container) return;
    const key = event.key.toLowerCase();
    if (key === 'n' || key === 'p') this.#step(key === 'n' ? 1 : -1);
    else if (key === 'escape') this.desk.choose(undefined);
    else return;
    event.preventDefault();
  };

  /** Chooses the next device in sight, from west to east. */
  #step(by: number): void {
    const order = [...this.#spots].sort((a, b) => a.x - b.x || a.y - b.y);
    if (order.length === 0) return;
    const at = order.findIndex(({ device }) => device.topic === this.desk.chosen.peek());
    const next = at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length;
    this.desk.choose(order[next]?.device.topic);
  }

  #point(device: Device | undefined): void {
    if (device?.topic === this.#pointed) return;
    this.#pointed = device?.topic;
    this.container.classList.toggle('is-pointing', device !== undefined);
    this.#drawn = -1;
  }

  #tellBox(): void {
    if (this.#map.getSize().x > 0) this.desk.box.value = boxOf(viewOf(this.#map));
  }

  /** Draws what changed, once a frame at most. */
  readonly #draw = (time: number): void => {
    this.#frame = requestAnimationFrame(this.#draw);
    const { fleet } = this.desk.feed;
    const size = this.#map.getSize();
    if (size.x === 0 || size.y === 0) return;
    this.#settle(time);
    const hasChosen = this.#chosen !== this.desk.chosen.peek();
    if (hasChosen) this.#chosen = this.desk.chosen.peek();
    const isMoved = this.#viewChanged;
    if (!isMoved && !hasChosen && !this.#groundChanged && this.#drawn === fleet.version) return;
    const view = viewOf(this.#map);
    if (isMoved || this.#groundChanged) {
      this.#ground.draw(view, this.#map.getZoom(), this.#colours, this.#hasTile);
    }
    const scene = this.#scene();
    if (isMoved || hasChosen || time - this.#trailsAt > TRAILS_EVERY_MS) {
      this.#devices.drawTrails(view, scene);
      this.#trailsAt = time;
    }
    this.#spots = this.#devices.drawMarks(view, scene, this.#colours);
    this.#drawn = fleet.version;
    this.#viewChanged = false;
    this.#groundChanged = false;
  };

  #scene(): Scene {
    return {
      devices: [...this.desk.feed.fleet.devices.values()],
      colouring: { measurement: this.desk.measurement.peek(), thresholds: this.desk.thresholds() },
      chosen: this.desk.chosen.peek(),
      pointed: this.#pointed,
      now: now(),
    };
  }

  /** Shows all devices while they come in, until the viewer moves the map. */
  #settle(time: number): void {
    const { fleet } = this.desk.feed;
    if (this.#hasMoved || this.#drawn === fleet.version) return;
    if (this.#firstAt !== undefined && time - this.#firstAt > SETTLING_MS) return;
    let placed = 0;
    for (const { place } of fleet.devices.values()) if (place !== undefined) placed += 1;
    if (placed === 0 || placed === this.#fitted) return;
    this.#firstAt ??= time;
    this.#fitted = placed;
    this.fit();
  }

  /** Moves so that every device is in sight. */
  fit(): void {
    const bounds = L.latLngBounds([]);
    for (const { place } of this.desk.feed.fleet.devices.values()) {
      if (place !== undefined) bounds.extend([place.latitude, place.longitude]);
    }
    if (!bounds.isValid()) return;
    this.#isFitting = true;
    // The legend lies over the south; of a low map it is left half.
    const legend = this.container.parentElement?.querySelector<HTMLElement>('.legend');
    const south = Math.min(LEGEND_MARGIN + (legend?.offsetHeight ?? 0), this.#map.getSize().y / 2);
    this.#map.fitBounds(bounds.pad(0.1), {
      paddingTopLeft: [40, 60],
      paddingBottomRight: [60, south],
      maxZoom: 15,
      animate: false,
    });
    this.#isFitting = false;
  }

  /** Moves to a place. */
  show(latitude: number, longitude: number): void {
    this.#hasMoved = true;
    this.#map.setView([latitude, longitude], Math.max(this.#map.getZoom(), 14), { animate: false });
  }

  /** Takes the theme's colours, and draws everything again. */
  recolour(): void {
    this.#colours = mapColours();
    this.redraw();
  }

  redraw(): void {
    this.#viewChanged = true;
  }

  /** Uses the operator's tiles, where there are some. */
  useTiles(map: { tiles: string; attribution: string } | undefined): void {
    if (map === undefined || this.#tiles !== undefined) return;
    this.#tiles = L.tileLayer(map.tiles, { maxZoom: 20, maxNativeZoom: 19 });
    this.#tiles.once('tileload', () => {
      this.#hasTile = true;
      this.redraw();
    });
    this.#tiles.addTo(this.#map);
  }

  resize(): void {
    this.#map.invalidateSize({ animate: false });
    this.#viewChanged = true;
    this.#tellBox();
  }

  remove(): void {
    cancelAnimationFrame(this.#frame);
    this.container.removeEventListener('keydown', this.#key);
    this.#ground.remove();
    this.#devices.remove();
    this.#map.remove();
  }
}

/** The map as a part of the page. */
export function MapView({ desk }: { desk: Desk }) {
  const w = words();
  const place = useRef<HTMLDivElement>(null);
  const map = useRef<Cartography>();
  useEffect(() => {
    if (place.current === null) return;
    const made = new Cartography(place.current, desk);
    map.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      made.remove();
    };
  }, [desk]);
  const colours = coloursChanged.value;
  useEffect(() => map.current?.recolour(), [colours]);
  const drawnBy = `${desk.measurement.value} ${desk.thresholds().join()}`;
  useEffect(() => map.current?.redraw(), [drawnBy]);
  const tiles = node.value?.map;
  useEffect(() => map.current?.useTiles(tiles), [tiles]);
  const look = desk.look.value;
  useEffect(() => {
    if (look !== undefined) map.current?.show(look.latitude, look.longitude);
  }, [look]);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved with the keys. */}
      <div ref={place} class="map" role="application" aria-label={w.mapLabel} tabIndex={0} />
      <button
        type="button"
        class="button button-icon map-fit"
        aria-label={w.fit}
        title={w.fit}
        onClick={() => map.current?.fit()}
      >
        <Icon name="target" />
      </button>
      <p class="map-credit">{tiles === undefined ? w.copyright : tiles.attribution}</p>
    </>
  );
}
