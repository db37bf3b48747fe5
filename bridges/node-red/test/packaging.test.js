'use strict';
// What Node-RED's rules for packages ask, as far as it can be judged without the online catalogue: its own
// tool, `node-red-dev validate`, with the answers of catalogue and registry taken from what is installed.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { readFileSync, readdirSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join, posix } = require('node:path');
const nodeRed = require('./installed');

const PACKAGE = join(__dirname, '..');
const about = require('../package.json');
const tool = createRequire(require.resolve('node-red-dev/package.json'));

/** Runs one of the tool's checks; what it asks of the network is answered from here. */
async function check(name) {
  const axios = tool('axios');
  const asked = axios.get;
  const installed = require(nodeRed.about);
  axios.get = async (url) =>
    url.includes('catalogue')
      ? { data: { modules: [] } }
      : {
          data: { 'dist-tags': { latest: installed.version }, versions: { [installed.version]: installed } },
        };
  const warnings = [];
  const cli = {
    log: () => {},
    warn: (text) => warnings.push(text),
    error: (error) => warnings.push(String(error)),
  };
  const card = {};
  try {
    await tool(`./src/libs/${name}`)(PACKAGE, cli, card, false);
    // The check of examples goes on after the promise that it returns.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    axios.get = asked;
  }
  return { card, warnings };
}

describe('The package', () => {
  it('passes what Node-RED’s tool checks of a package, offline', async () => {
    const { card, warnings } = await check('checkpackage');
    for (const rule of ['P01', 'P03', 'P04', 'P05', 'P06'])
      assert.equal(card[rule]?.test, true, `${rule}: ${warnings}`);
    // P07 compares with the oldest Node.js of the newest Node-RED, which is 22.9 in 5.0 and 18.5 in 4.1: this
    // package needs 20. P08 (similar names) cannot be judged without the catalogue.
    assert.deepEqual(
      warnings.filter((text) => !/P07/.test(text)),
      [],
    );
    const { satisfies } = tool('semver');
    assert.ok(satisfies('22.9.0', about.engines.node) && satisfies('5.0.7', about['node-red'].version));
  });

  it('passes what Node-RED’s tool checks of nodes, offline: an example for each', async () => {
    // N01 (unique type names) cannot be judged without the catalogue.
    const { card, warnings } = await check('checknodes');
    assert.deepEqual(warnings, []);
    assert.equal(card.N02.test, true);
    assert.equal(card.N02.nodes.length, 5);
  });

  it('has few dependencies, each of them known', () => {
    assert.ok(Object.keys(about.dependencies).length <= 6);
  });

  it('holds what Node-RED needs of it and nothing else', () => {
    const paths = packed();
    const wanted = ['LICENSE', 'README.md', 'package.json', 'resources/editor.js'];
    for (const [type, file] of Object.entries(about['node-red'].nodes)) {
      const html = file.replace('.js', '.html');
      const [, icon] = /icon: '([^']+)'/.exec(readFileSync(join(PACKAGE, html), 'utf8')) ?? [];
      wanted.push(file, html, ...(icon === undefined ? [] : [`nodes/icons/${icon}`]));
      for (const language of ['en-US', 'ja', 'es']) {
        wanted.push(`nodes/locales/${language}/${type}.json`, `nodes/locales/${language}/${type}.html`);
      }
    }
    wanted.push(...readdirSync(join(PACKAGE, 'examples')).map((file) => `examples/${file}`));
    assert.deepEqual(
      wanted.filter((path) => !paths.includes(path)),
      [],
    );
    const modules = paths.filter((path) => /^lib\/.*\.js$/.test(path));
    assert.deepEqual(paths.filter((path) => !wanted.includes(path)).sort(), modules.sort());
  });

  it('holds every module that another one needs', () => {
    const paths = packed();
    const missing = paths
      .filter((path) => /^(lib|nodes)\/.*\.js$/.test(path))
      .flatMap((path) =>
        [...readFileSync(join(PACKAGE, path), 'utf8').matchAll(/require\('(\.[^']+)'\)/g)].map(([, name]) =>
          posix.join(path, '..', /\.json$/.test(name) ? name : `${name}.js`),
        ),
      )
      .filter((path) => !paths.includes(path));
    assert.deepEqual(missing, []);
  });
});

/** The paths in what `npm pack` makes. */
function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const said = execFileSync('npm', args, { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(said)[0].files.map(({ path }) => path);
}
