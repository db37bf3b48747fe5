'use strict';
// A real Node-RED, a process of its own, with this package as `npm pack` makes it in its palette.

const { execFileSync, spawn } = require('node:child_process');
const { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { eventually } = require('./eventually');
const { about } = require('./installed');

const PACKAGE = join(__dirname, '..');
const NAME = '@sekisho/node-red-sekisho';

/** A port of loopback that nobody has at the moment. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** See the file. */
class Red {
  constructor(folder, port, settings) {
    this.folder = folder;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.log = '';
    writeFileSync(join(folder, 'settings.js'), `module.exports = ${JSON.stringify(settings)};`);
  }

  /** Makes the folder, puts the packed package into it and starts Node-RED. */
  static async start(more = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'sekisho-red-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    install(folder);
    const port = await freePort();
    const red = new Red(folder, port, {
      uiHost: '127.0.0.1',
      uiPort: port,
      flowFile: 'flows.json',
      credentialSecret: 'of the test',
      telemetry: { enabled: false, updateNotification: false },
      diagnostics: { enabled: false, ui: false },
      editorTheme: { tours: false, codeEditor: { lib: 'ace' } },
      logging: { console: { level: 'info', metrics: false, audit: false } },
      externalModules: { palette: { allowInstall: false, allowUpload: false } },
      ...more,
    });
    await red.run();
    return red;
  }

  /** Starts the process; resolves when its flows run. */
  async run() {
    const main = join(dirname(about), 'red.js');
    const args = [main, '--userDir', this.folder, '--settings', join(this.folder, 'settings.js')];
    this.log = '';
    this.process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (chunk) => {
      this.log += chunk;
    };
    this.process.stdout.on('data', hear);
    this.process.stderr.on('data', hear);
    await eventually(
      'Node-RED with its flows',
      () => /Started flows|nothing to start/.test(this.log) || this.isUp(),
    );
  }

  async isUp() {
    if (this.process.exitCode !== null) throw new Error(`Node-RED ended:\n${this.log}`);
    const answer = await fetch(`${this.url}/flows`).catch(() => undefined);
    return answer !== undefined && answer.status !== 503 && /Server now running/.test(this.log);
  }

  /** Deploys flows, with the credentials of their nodes, as the editor does. */
  async deploy(flows, credentials = {}, type = 'full') {
    const all = flows.map((node) =>
      credentials[node.id] ? { ...node, credentials: credentials[node.id] } : node,
    );
    const answer = await fetch(`${this.url}/flows`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Node-RED-Deployment-Type': type,
        'Node-RED-API-Version': 'v1',
      },
      body: JSON.stringify(all),
    });
    if (!answer.ok) throw new Error(`deploy: wanted it taken, found ${answer.status} ${await answer.text()}`);
  }

  /** Presses the button of an inject node. */
  async press(id) {
    // A flow that is being deployed has none yet.
    const pressed = async () => (await fetch(`${this.url}/inject/${id}`, { method: 'POST' })).ok;
    await eventually('the button pressed', pressed);
  }

  /** What a path of the admin interface answers. */
  async get(path, headers = {}) {
    const answer = await fetch(`${this.url}/${path}`, {
      headers: { Accept: 'application/json', ...headers },
    });
    return { status: answer.status, document: await answer.json().catch(() => undefined) };
  }

  /** Opens the editor in a page; resolves when it can be used. */
  async edit(page) {
    await page.goto(this.url);
    await page.waitForFunction(() => window.RED?.nodes?.getType?.('sekisho-grant'));
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' });
  }

  /** Ends the process where it stands, as a power cut does. */
  async kill() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  /** Ends the process, as a service manager does. */
  async stop() {
    const { process: running } = this;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    await ended;
  }

  /** Ends it and removes its folder. */
  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Unpacks what `npm pack` makes; its dependencies are those of this repository. */
function install(folder) {
  const place = join(folder, 'node_modules', NAME);
  mkdirSync(place, { recursive: true });
  const quiet = { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'ignore'] };
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], quiet);
  const packed = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  execFileSync('tar', ['-xzf', join(folder, packed), '-C', place, '--strip-components', '1']);
  mkdirSync(join(place, 'node_modules', '@sekisho'), { recursive: true });
  symlinkSync(
    join(PACKAGE, '..', '..', 'client-sdk', 'js'),
    join(place, 'node_modules', '@sekisho', 'client'),
  );
  const dependencies = { [NAME]: '0.1.0' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'red', private: true, dependencies }));
}

module.exports = { Red };
