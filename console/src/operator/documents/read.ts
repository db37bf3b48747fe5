// Reading the node's JSON: it is the node's word, so nothing of it is taken for granted. What is missing
// or of another type is absent; a page shows a dash and does not break.

/** A JSON object. */
export type Doc = Record<string, unknown>;

/** An object; an empty one where it is none. */
export function doc(value: unknown): Doc {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Doc) : {};
}

/** A list; an empty one where it is none. */
export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A list of objects. */
export function docs(value: unknown): Doc[] {
  return list(value).map(doc);
}

/** A text. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A list of texts. */
export function texts(value: unknown): string[] {
  return list(value).filter((one): one is string => typeof one === 'string');
}

/** A finite number. */
export function figure(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Whether something is `true`. */
export function flag(value: unknown): boolean {
  return value === true;
}

/** A time in RFC 3339 as milliseconds since 1970. */
export function time(value: unknown): number | undefined {
  const found = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(found) ? found : undefined;
}

/** Counts by their reason, those above nothing. */
export function counts(value: unknown): { reason: string; count: number }[] {
  return Object.entries(doc(value)).flatMap(([reason, found]) => {
    const count = figure(found);
    return count === undefined || count === 0 ? [] : [{ reason, count }];
  });
}
