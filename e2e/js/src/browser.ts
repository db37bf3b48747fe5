// The browser that pages are looked at with: the system's Chromium, without a window, whose pages tell the test what
// went wrong in them.

import { existsSync } from 'node:fs';

import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';

import { PATIENCE_MS } from './patience.js';

/** Where Debian's package has it. */
const CHROMIUM = '/usr/bin/chromium';

/** It asks nobody outside, and needs no graphics. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let shared: Promise<Browser> | undefined;

/**
 * The browser, one for all tests of a file; it ends with the process, or with {@link closeBrowser}.
 *
 * @throws Error where there is no Chromium: a page that nobody looked at is not tested.
 */
export function browser(): Promise<Browser> {
  shared ??= launch();
  return shared;
}

/** Ends the shared browser, where there is one. */
export async function closeBrowser(): Promise<void> {
  const open = shared;
  shared = undefined;
  await (await open)?.close();
}

async function launch(): Promise<Browser> {
  const path = process.env.SEKISHO_CHROMIUM ?? CHROMIUM;
  if (!existsSync(path)) {
    throw new Error(
      `${path}: wanted Chromium, found none; apt-get install chromium, or name one in SEKISHO_CHROMIUM`,
    );
  }
  return await chromium.launch({ executablePath: path, args: ARGUMENTS });
}

/** A page of its own browser profile, and what went wrong in it. */
export interface Watched {
  readonly page: Page;
  /** What its storage belongs to: another page of it is the same visitor. */
  readonly context: BrowserContext;
  /** What scripts threw, what the console called an error, and what the content policy kept away. */
  readonly faults: string[];
}

/** Opens a page of a new profile: an empty IndexedDB, as of a visitor who was never here. */
export async function openPage(options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await (await browser()).newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  return await watch(context);
}

/** Opens another page of a profile. */
export async function watch(context: BrowserContext): Promise<Watched> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') {
      faults.push(`console: ${message.text()}`);
    }
  });
  return { page, context, faults };
}
