'use strict';
// The editor of a real Node-RED in a real browser: every node is in the palette with its icon, its dialog
// opens in each language, and every word of it is in the catalogue.

const assert = require('node:assert/strict');
const { mkdirSync, readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { Red } = require('./red');
const { eventually } = require('./eventually');

const TYPES = [
  'sekisho-subscribe',
  'sekisho-publish',
  'sekisho-discover',
  'sekisho-history',
  'sekisho-grant',
];
const LANGUAGES = ['en-US', 'ja', 'es-ES'];
/** Where pictures go for people to look at; nowhere unless asked for. */
const PICTURES = process.env.SEKISHO_PICTURES;
const LOCALES = join(__dirname, '..', 'nodes', 'locales');

describe('The editor', function () {
  this.timeout(180_000);
  let red;
  let browser;
  let e2e;

  before(async () => {
    red = await Red.start();
    e2e = await import('@sekisho/e2e');
    browser = await e2e.browser();
    if (PICTURES) mkdirSync(PICTURES, { recursive: true });
  });

  after(async () => {
    await e2e?.closeBrowser();
    await red?.remove();
  });

  /** An editor in a language, with what went wrong in its page. */
  async function open(language) {
    const context = await browser.newContext({ viewport: { width: 1400, height: 950 }, locale: language });
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.addInitScript((lang) => localStorage.setItem('editor-language', lang), language);
    await red.edit(page);
    return { page, faults, context };
  }

  /** Drags a node from the palette into the flow, and opens its dialog with a double click. */
  async function edit(page, type) {
    const entry = page.locator(`[data-palette-type="${type}"]`);
    await entry.scrollIntoViewIfNeeded();
    await entry.hover();
    await page.mouse.down();
    await page.mouse.move(500, 300, { steps: 8 });
    await page.mouse.up();
    const dropped = page.locator('.red-ui-flow-node-group .red-ui-flow-node').last();
    await dropped.dblclick();
    await page.waitForSelector('.red-ui-editor .form-row', { state: 'visible' });
    await page.waitForFunction(() => {
      const trays = [...document.querySelectorAll('.red-ui-tray')];
      return trays.every((tray) => tray.getBoundingClientRect().right <= window.innerWidth - 200);
    });
  }

  async function close(page) {
    await page.click('#node-dialog-delete');
    await page.waitForSelector('.red-ui-tray', { state: 'detached' });
  }

  const picture = (page, name) =>
    PICTURES ? page.screenshot({ path: join(PICTURES, `${name}.png`) }) : undefined;

  for (const language of LANGUAGES) {
    it(`shows palette, dialogs and help in ${language}, with no word missing`, async () => {
      const { page, faults, context } = await open(language);
      const palette = page.locator(
        '#red-ui-palette-container .red-ui-palette-node[data-palette-type^="sekisho-"]',
      );
      await eventually('five nodes in the palette', async () => (await palette.count()) === TYPES.length);
      const texts = catalogue(language, 'sekisho-subscribe');
      const label = page.locator('[data-palette-type="sekisho-subscribe"] .red-ui-palette-label');
      assert.equal((await label.innerText()).trim(), texts.label.palette);
      const icons = await palette
        .locator('.red-ui-palette-icon')
        .evaluateAll((all) => all.map((icon) => icon.style.backgroundImage));
      for (const icon of icons) assert.match(icon, /icons\/@sekisho\/node-red-sekisho\/sekisho-/);
      await palette.first().scrollIntoViewIfNeeded();
      for (const type of TYPES) {
        await edit(page, type);
        const dialog = page.locator('.red-ui-tray').last();
        const shown = await dialog.innerText();
        assert.match(shown, new RegExp(literally(catalogue(language, type).label.node)));
        assert.doesNotMatch(
          shown,
          /\b(label|option|tip|placeholder|error|picker)\.[a-z]/i,
          `${type} in ${language}`,
        );
        const places = await dialog
          .locator('[placeholder]')
          .evaluateAll((all) => all.map((one) => one.placeholder));
        for (const text of places) assert.doesNotMatch(text, /^(label|placeholder)\./);
        await picture(page, `${type}-${language}`);
        await close(page);
        const help = await page.evaluate((wanted) => window.RED.nodes.getNodeHelp(wanted), type);
        const written = readFileSync(join(LOCALES, folderOf(language), `${type}.html`), 'utf8');
        const [, first] = /<p>([^<]+)/.exec(written);
        assert.ok(help.includes(first), `help of ${type} in ${language}`);
      }
      await picture(page, `palette-${language}`);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  it('says of a new connection what is missing, and hides what does not matter', async () => {
    const { page, faults, context } = await open('en-US');
    await page.evaluate(() => window.RED.editor.editConfig('', 'sekisho-node', '_ADD_'));
    await page.waitForSelector('#node-config-input-web', { state: 'visible' });
    await picture(page, 'sekisho-node-en-US');
    assert.equal(await page.locator('#node-config-input-token').isVisible(), true);
    assert.equal(await page.locator('#node-config-input-folder').isVisible(), false);
    await page.selectOption('#node-config-input-identity', 'folder');
    assert.equal(await page.locator('#node-config-input-token').isVisible(), false);
    assert.equal(await page.locator('#node-config-input-folder').isVisible(), true);
    await page.fill('#node-config-input-web', 'no address');
    await page.locator('#node-config-input-web').blur();
    const wrong = page.locator('#node-config-input-web.input-error');
    await eventually('the address marked', async () => (await wrong.count()) === 1);
    await page.fill('#node-config-input-web', 'node.fujisawa.example:8443');
    await page.locator('#node-config-input-web').blur();
    await eventually('the address taken', async () => (await wrong.count()) === 0);
    assert.deepEqual(faults, []);
    await context.close();
  });

  it('judges filters, topics and times as the node does', async () => {
    const { page, context } = await open('en-US');
    const judged = await page.evaluate(() => {
      const { isFilter, isTopic, isMoment, isAddress } = window.sekisho;
      return {
        filters: [
          'fujisawa/truck/+/air',
          'fujisawa/#',
          '藤沢/x',
          'fujisawa',
          '+/x',
          'fujisawa/#/air',
          'fujisawa/ a',
          'fujisawa/a+',
          'fujisawa/..',
          'fujisawa/トラック/#',
          `$${'{'}FILTER}`,
        ].map(isFilter),
        topics: ['fujisawa/truck/17/air', 'fujisawa/+', 'fujisawa/#', 'fujisawa/a/b'].map(isTopic),
        moments: [
          '48 h',
          '7 d',
          '2026-11-21',
          '2026-11-21T09:00:00Z',
          '2026-11-21T09:00',
          'soon',
          '2026-13-41',
        ].map(isMoment),
        addresses: [
          'node.example:8443',
          'ws://127.0.0.1:80',
          '[::1]:8443',
          'node.example',
          'a b:1',
          'user@host:1',
        ].map(isAddress),
      };
    });
    assert.deepEqual(judged, {
      filters: [true, true, false, false, false, false, false, false, false, true, true],
      topics: [true, false, false, true],
      moments: [true, true, true, true, false, false, false],
      addresses: [true, true, true, false, false, false],
    });
    await context.close();
  });
});

describe('The catalogues', () => {
  const files = readdirSync(join(LOCALES, 'en-US'));
  for (const language of LANGUAGES.slice(1)) {
    it(`in ${language} have the same entries as the English ones, and other words`, () => {
      assert.deepEqual(readdirSync(join(LOCALES, folderOf(language))), files);
      for (const file of files.filter((name) => name.endsWith('.json'))) {
        const [english, other] = ['en-US', language].map((one) =>
          flat(catalogue(one, file.replace('.json', ''))),
        );
        assert.deepEqual(Object.keys(other), Object.keys(english), file);
        const same = Object.keys(english).filter(
          (key) => english[key] === other[key] && /[a-z]{4} [a-z]{4}/.test(english[key]),
        );
        assert.deepEqual(
          same.filter((key) => !key.startsWith('placeholder.')),
          [],
          file,
        );
      }
    });
  }

  it('have each status, of less than 20 characters', () => {
    const { statuses } = require('../lib/status');
    for (const language of LANGUAGES) {
      for (const type of TYPES) {
        const words = catalogue(language, type);
        for (const text of statuses) {
          assert.equal(typeof words[text], 'string', `${text} of ${type} in ${language}`);
          assert.ok(words[text].length < 20, words[text]);
        }
      }
    }
  });
});

/** Where the words of a language are: Node-RED takes `es` for `es-ES`. */
function folderOf(language) {
  return language === 'en-US' ? language : language.split('-')[0];
}

function catalogue(language, type) {
  return JSON.parse(readFileSync(join(LOCALES, folderOf(language), `${type}.json`), 'utf8'));
}

function flat(object, before = '') {
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, value]) =>
      typeof value === 'string' ? [[before + key, value]] : Object.entries(flat(value, `${before}${key}.`)),
    ),
  );
}

function literally(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
