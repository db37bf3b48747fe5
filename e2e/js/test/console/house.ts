// What the tests of the operator's console have in common: somebody who may administer a city from a browser
// of their own, and the way around the page.

import type { Locator, Page } from 'playwright-core';

import { type City, eventually, openPage, PATIENCE_MS, type Watched } from '../../src/index.js';

/** A console that somebody has joined in a browser of their own. */
export interface Console extends Watched {
  /** Goes to a place of the console, such as `rights/ask?who=…`. */
  go(place: string): Promise<void>;
  /** The text of the room. */
  text(): Promise<string>;
}

/** How a console is opened. */
export interface Opening {
  /** Default `en`. */
  readonly language?: 'en' | 'es' | 'ja';
  /** Options of `sekisho enrol`; default those of an administrator. */
  readonly more?: readonly string[];
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  /** Where its node is reached; default the city's own address. */
  readonly web?: string;
}

/** Enrols somebody, by default one who may administer everything, and joins as them in a new browser. */
export async function openConsole(city: City, name: string, options: Opening = {}): Promise<Console> {
  const { language = 'en', viewport = { width: 1280, height: 860 }, colorScheme = 'light' } = options;
  const token = await city.enrol(name, { kind: 'person', more: options.more ?? ['--administrator'] });
  const watched = await openPage({ locale: language, viewport, colorScheme, acceptDownloads: true });
  const { page } = watched;
  await page.goto(`${options.web ?? city.web}/console#join=${token}`);
  await page.locator('#room-title').waitFor({ timeout: PATIENCE_MS });
  return {
    ...watched,
    go: async (place) => {
      await page.evaluate((to) => {
        location.hash = `#/${to}`;
      }, place);
    },
    text: () => page.locator('main').innerText(),
  };
}

/** Waits until the room says something, and gives all that it says. */
export async function says(at: Console, wanted: string | RegExp): Promise<string> {
  let last = '';
  try {
    return await eventually(`the console to say ${wanted}`, async () => {
      last = await at.text();
      const isSaid = typeof wanted === 'string' ? last.includes(wanted) : wanted.test(last);
      return isSaid ? last : undefined;
    });
  } catch (cause) {
    throw new Error(`wanted the console to say ${wanted}, found: ${last}`, { cause });
  }
}

/** A field by its name in the form. */
export function input(page: Page, name: string): Locator {
  return page.locator(`[name="${name}"]`);
}

/** Fills in a form: texts by their fields' names. */
export async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    await input(page, name).fill(value);
  }
}

/** Sets exactly these marks of the actions. */
export async function mark(page: Page, actions: readonly string[]): Promise<void> {
  for (const box of await page.locator('fieldset.actions input').all()) {
    const name = (await box.getAttribute('name')) ?? '';
    await box.setChecked(actions.includes(name.replace('action-', '')));
  }
}

/** Shows what the form would do; the text of the preview. */
export async function preview(page: Page): Promise<string> {
  await page.locator('form.form button[type=submit]').click();
  const text = page.locator('.preview-text').first();
  await text.waitFor({ timeout: PATIENCE_MS });
  return (await text.innerText()).trim();
}

/** Signs what is shown, typing a word where one is asked for; the ids of what stands. */
export async function sign(at: Console, word?: string): Promise<string[]> {
  const { page } = at;
  if (word !== undefined) {
    await input(page, 'agree').fill(word);
  }
  await page.locator('.agree button[type=submit]').click();
  const ids = page.locator('.outcome .notice .mono a');
  await eventually('what was signed to stand', async () => {
    const fault = page.locator('.fault-words');
    if ((await fault.count()) > 0) {
      throw new Error(await fault.first().innerText());
    }
    return (await ids.count()) > 0;
  });
  return await ids.allInnerTexts();
}

/** Downloads what a button gives, and where it is. */
export async function downloaded(page: Page, button: Locator): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download', { timeout: PATIENCE_MS }), button.click()]);
  return await file.path();
}
