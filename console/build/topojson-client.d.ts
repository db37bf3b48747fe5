// The one function of this package that the build uses, whose authors publish no types.

declare module 'topojson-client' {
  interface Geometry {
    type: string;
    coordinates: unknown;
  }
  interface Feature {
    type: 'Feature';
    geometry: Geometry;
  }
  interface Topology {
    type: 'Topology';
    objects: Record<string, unknown>;
  }
  export function feature(
    topology: Topology,
    object: unknown,
  ): Feature | { type: 'FeatureCollection'; features: Feature[] };
}
