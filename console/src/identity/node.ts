// What a page learns of its node before it is anybody: whose it is and what time it has there.
// Nothing of it is trusted: the root comes from the join token, the node proves its key at login.

import { computed, signal } from '@preact/signals';

/** What the node says of itself to anybody. */
export interface NodeFacts {
  organisation: string;
  /** Its key, hexadecimal. */
  nodeKey: string;
  /** The fingerprint of the organisation's root, hexadecimal. */
  root: string | undefined;
  software: string;
  /** The operator's own map, where one is configured. */
  map: { tiles: string; attribution: string } | undefined;
  /** Origins of the OpenID providers that this page may ask. */
  signIn: readonly string[];
}

/** What the node said; nothing before, or where it cannot be reached. */
export const node = signal<NodeFacts | undefined>(undefined);

/** How far the viewer's clock is ahead of the node's, milliseconds; nothing before it is known. */
export const clockAheadMs = signal<number | undefined>(undefined);

/** From here on a clock is wrong: what nodes allow themselves. */
export const CLOCK_WRONG_MS = 120_000;

/** Whether the viewer's clock is so wrong that times need an explanation. */
export const isClockWrong = computed(() => Math.abs(clockAheadMs.value ?? 0) > CLOCK_WRONG_MS);

/** The node's time as well as the page knows it, milliseconds since 1970. */
export function now(): number {
  return Date.now() - (clockAheadMs.peek() ?? 0);
}

function text(document: Record<string, unknown>, key: string): string | undefined {
  const value = document[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function mapOf(value: unknown): NodeFacts['map'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const tiles = text(value as Record<string, unknown>, 'tiles');
  const attribution = text(value as Record<string, unknown>, 'attribution') ?? '';
  return tiles === undefined ? undefined : { tiles, attribution };
}

/** Asks the node who it is; what it answers is in {@link node} and {@link clockAheadMs}. */
export async function askNode(): Promise<void> {
  const asked = Date.now();
  const response = await fetch('/v1/node', { cache: 'no-store' });
  const answered = Date.now();
  if (!response.ok) throw new TypeError(`/v1/node: wanted an answer, found status ${response.status}`);
  const document = (await response.json()) as Record<string, unknown>;
  node.value = {
    organisation: text(document, 'organisation') ?? '',
    nodeKey: text(document, 'node_key') ?? '',
    root: text(document, 'root'),
    software: text(document, 'software') ?? '',
    map: mapOf(document.map),
    signIn: Array.isArray(document.sign_in) ? document.sign_in.map(String) : [],
  };
  const told = Date.parse(text(document, 'time') ?? '');
  if (Number.isFinite(told)) clockAheadMs.value = (asked + answered) / 2 - told;
}
