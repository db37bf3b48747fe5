// Visiting the dashboard as a person does: with a link, in a new browser, looking at what is there.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

import { eventually, openPage, PATIENCE_MS, type Watched } from '../../src/index.js';

/** Opens the dashboard with a join link and waits until it is live. */
export async function visit(
  web: string,
  token: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const watched = await openPage({ locale: 'en-GB', viewport: { width: 1360, height: 850 }, ...options });
  await watched.page.goto(`${web}/#join=${token}`);
  return watched;
}

/** Waits until something is to be seen. */
export async function seen(place: Locator): Promise<void> {
  await place.first().waitFor({ state: 'visible', timeout: PATIENCE_MS });
}

/** The row of a device in the list. */
export function device(page: Page, name: string): Locator {
  return page.locator('.list-button', { has: page.locator('.list-title', { hasText: name }) });
}

/** Opens a device's panel from the list. */
export async function open(page: Page, name: string): Promise<Locator> {
  await device(page, name).first().click({ timeout: PATIENCE_MS });
  const panel = page.locator('aside.device');
  await seen(panel);
  return panel;
}

/** What axe says about the page as it is: nothing, where all is well. */
export async function barriers(page: Page): Promise<string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  // By evaluation, which the page's policy for scripts does not forbid to a test.
  await page.evaluate(readFileSync(path, 'utf8'));
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

interface Violation {
  id: string;
  nodes: { html: string }[];
}

/** Waits until what a look expects holds. */
export async function holds(look: () => void | Promise<void>, patience = PATIENCE_MS): Promise<void> {
  const kept = async () => {
    await look();
    return true;
  };
  await eventually('what is expected', kept, patience);
}

/** Takes a picture for the documents, where that is asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.SEKISHO_PICTURES === undefined) return;
  const path = `${process.env.SEKISHO_PICTURES}/${name}.png`;
  await page.screenshot({ path, animations: 'disabled' });
}

/** What the page complained about, besides what a lost connection makes browsers say. */
export function complaints(watched: Watched): string[] {
  const harmless = /WebSocket connection to|ERR_CONNECTION_REFUSED|Failed to load resource/;
  return watched.faults.filter((fault) => !harmless.test(fault));
}

/** A page that behaved. */
export function expectNoComplaint(watched: Watched): void {
  expect(complaints(watched)).toEqual([]);
}
