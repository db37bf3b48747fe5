// The theme's colours for what draws on a canvas.

/** Colours of the map. */
export interface MapColours {
  sea: string;
  land: string;
  coast: string;
  grid: string;
  ink: string;
  dim: string;
  panel: string;
  accent: string;
  halo: string;
  line: string;
}

/** The present theme's. */
export function mapColours(): MapColours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    sea: of('sea'),
    land: of('land'),
    coast: of('coast'),
    grid: of('grid'),
    ink: of('ink'),
    dim: of('dim'),
    panel: of('panel'),
    accent: of('accent'),
    halo: of('halo'),
    line: of('line'),
  };
}
