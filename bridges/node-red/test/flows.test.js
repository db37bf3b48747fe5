'use strict';
// A real Node-RED, as it is installed: the examples imported and run, keys kept over restarts, what its
// admin interface tells to whom, and the picker of the editor.

const assert = require('node:assert/strict');
const { readFileSync, readdirSync, statSync } = require('node:fs');
const { join } = require('node:path');
const bcrypt = require('bcryptjs');
const { Red } = require('./red');
const { eventually } = require('./eventually');

const EXAMPLES = join(__dirname, '..', 'examples');
const AIR = 'fujisawa/truck/17/air';
/** Where pictures go for people to look at; nowhere unless asked for. */
const PICTURES = process.env.SEKISHO_PICTURES;

/** An example as somebody imports it who then chooses a connection; what its debug nodes show is logged. */
function example(name, connection) {
  const nodes = JSON.parse(readFileSync(join(EXAMPLES, `${name}.json`), 'utf8'));
  return nodes.map((node) => {
    if (node.type === 'sekisho-node') return { ...node, ...connection };
    return node.type === 'debug' ? { ...node, console: true } : node;
  });
}

const named = (flow, name) => flow.find((node) => node.name === name).id;

describe('A real Node-RED', function () {
  this.timeout(180_000);
  let city;
  let red;
  let truck;
  let e2e;

  before(async () => {
    e2e = await import('@sekisho/e2e');
    city = await e2e.City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    await city.describe(AIR, {
      type: 'vehicle',
      title: '<img src=x onerror="window.hostile=1">',
      mobile: true,
      transducers: { pm2_5: 'ug/m3', temperature: 'Cel' },
    });
    red = await Red.start();
  });

  after(async () => {
    await red?.remove();
    await city?.[Symbol.asyncDispose]();
  });

  const as = (member) => ({ web: city.web, identity: 'folder', folder: member.dir });
  /** Waits for what a debug node shows; where it does not come, the log says why. */
  const logs = (what, form) =>
    eventually(`${what} in the log`, () => form.exec(red.log)).catch((error) => {
      throw new Error(`${error.message}:\n${red.log.slice(-2_000)}`);
    });

  /** Deploys an example, and forgets what was logged before. */
  async function run(name, member) {
    const flow = example(name, as(member));
    red.log = '';
    await red.deploy(flow);
    return flow;
  }

  it('offers the examples in its import menu', async () => {
    const { document } = await red.get('library/examples/flows/@sekisho/node-red-sekisho');
    const text = JSON.stringify(document);
    for (const file of readdirSync(EXAMPLES))
      assert.ok(text.includes(file.replace('.json', '')), `${file} in ${text}`);
  });

  it('runs the example that publishes', async () => {
    const flow = await run('publish', truck);
    await red.press(named(flow, 'one sample'));
    await logs('the published sample', /\[debug:published\][^[]*12\.5/);
    await red.press(named(flow, 'three samples'));
    await logs(
      'the published samples',
      /\[debug:published\][\s\S]*\[debug:published\][\s\S]*temperature: 21\.4/,
    );
    const administrator = await city.member('reader-1', { read: ['fujisawa/truck/#'] });
    const kept = await eventually('four samples', async () => {
      const lines = (await administrator.run(['history', AIR, '--json'])).trim().split('\n');
      return lines.length === 4 && lines.map((line) => JSON.parse(line).values.pm2_5);
    });
    assert.deepEqual(kept, [12.5, 14, 13, 12]);
  });

  it('runs the example that subscribes', async () => {
    const wall = await city.member('wall', { read: ['fujisawa/truck/#'] });
    await run('subscribe', wall);
    await logs('that it is live', /kind: 'live'/);
    await truck.publish(AIR, { pm2_5: 15.25, temperature: 20 });
    await logs('the reading', /\[debug:readings\][\s\S]*15\.25[\s\S]*publisher: 'truck-17@fujisawa'/);
  });

  it('runs the example that discovers', async () => {
    const looker = await city.member('looker', { read: ['fujisawa/#'] });
    const flow = await run('discover', looker);
    await red.press(named(flow, 'all streams'));
    await logs('the streams', /\[debug:streams\][\s\S]*fujisawa\/truck\/17\/air/);
    red.log = '';
    await red.press(named(flow, 'near Enoshima'));
    await logs('that none is near', /\[debug:streams\]\s*\[\]/);
  });

  it('runs the example that looks back', async () => {
    const archivist = await city.member('archivist', { read: ['fujisawa/truck/#'] });
    const flow = await run('history', archivist);
    await red.press(named(flow, 'last values'));
    await logs('the last value', /\[debug:found\][\s\S]*15\.25/);
    red.log = '';
    await red.press(named(flow, '48 hours'));
    await logs('what was before', /\[debug:found\][\s\S]*12\.5[\s\S]*15\.25/);
  });

  it('runs the example that grants', async () => {
    await city.member('visitor', { kind: 'person', read: ['fujisawa/park/#'] });
    const flow = await run('grant', city.administrator());
    const may = async () => (await city.sekisho(['why', 'visitor@fujisawa', 'subscribe', AIR])).code === 0;
    await red.press(named(flow, '1. what would it do?'));
    await logs('the preview', /\[debug:preview\][\s\S]*visitor[\s\S]*can read/);
    assert.equal(await may(), false);
    await red.press(named(flow, '2. sign it'));
    await logs('the statement', /\[debug:in force\][\s\S]*[0-9a-f]{64}/);
    await eventually('the right', may);
  });

  it('releases positions as the reader’s role allows: exact ones to an administrator, coarse ones to a visitor', async () => {
    const position = 'fujisawa/truck/17/position';
    const area = 'fujisawa/truck/17/area';
    const releaser = await city.member('releaser', {
      kind: 'bridge',
      read: ['fujisawa/truck/+/position'],
      topics: ['fujisawa/truck/+/area'],
    });
    const warden = await city.member('warden', { kind: 'person', read: ['fujisawa/truck/#'] });
    const guest = await city.member('guest', { kind: 'person', read: ['fujisawa/truck/+/area'] });
    await run('role-dependent-release', releaser);
    await logs('that it is live', /kind: 'live'/);
    await truck.publish(position, { latitude: 35.33912, longitude: 139.48765, speed: 7.5 });
    await truck.publish(position, { latitude: 35.30481, longitude: 139.48012, speed: 8.5 });

    const read = async (member, topic) => {
      const { output } = await member.sekisho(['history', topic, '--json']);
      return output
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    };
    const coarse = await eventually('two coarse positions', async () => {
      const found = await read(guest, area);
      return found.length === 2 && found;
    });
    assert.deepEqual(
      coarse.map(({ values }) => values),
      [
        { latitude: 35.34, longitude: 139.49 },
        { latitude: 35.3, longitude: 139.48 },
      ],
    );
    assert.deepEqual(
      coarse.map(({ publisher, sealed }) => [publisher, sealed]),
      Array(2).fill(['releaser@fujisawa', true]),
    );

    const exact = await read(warden, position);
    assert.deepEqual(
      exact.map(({ values }) => values.latitude),
      [35.33912, 35.30481],
    );
    assert.equal((await read(warden, area)).length, 2);

    const refused = await guest.sekisho(['history', position, '--json']);
    assert.notEqual(refused.code, 0);
    const everything = await guest.sekisho(['history', 'fujisawa/truck/#', '--json']);
    // Digits of a time are none of a position.
    const said = (refused.output + everything.output).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '');
    assert.doesNotMatch(said, /35\.33912|35\.30481|7\.5/);
    const released = await releaser.sekisho(['pub', position, 'latitude=1']);
    assert.notEqual(released.code, 0);
  });

  it('goes on behind its cursor after a crash, with the keys of a pasted token, neither of which others can read', async () => {
    const token = await city.enrol('restarted', { kind: 'app', read: ['fujisawa/truck/#'] });
    const flow = example('subscribe', { web: city.web, identity: 'token' });
    const { id } = flow.find((node) => node.type === 'sekisho-node');
    red.log = '';
    await red.deploy(flow, { [id]: { token } });
    await logs('that it is live', /kind: 'live'/);
    const everything = readdirSync(red.folder)
      .filter((file) => file.startsWith('flows'))
      .map((file) => readFileSync(join(red.folder, file), 'utf8'));
    assert.ok(everything.length >= 2 && everything.every((text) => !text.includes(token)));
    const [folder] = readdirSync(join(red.folder, 'sekisho'));
    assert.equal(statSync(join(red.folder, 'sekisho', folder, 'identity.key')).mode & 0o777, 0o600);
    await red.kill();
    await truck.publish(AIR, { pm2_5: 16.125 });
    await red.run();
    await logs('what it missed', /\[debug:readings\][\s\S]*16\.125/);
    assert.ok(!red.log.includes(token));
  });

  it('lets the picker of the editor offer topics, with hostile titles as mere text', async () => {
    const { page, faults, context } = await e2e.openPage();
    await red.edit(page);
    const { id } = example('subscribe', {}).find((node) => node.type === 'sekisho-subscribe');
    await page.evaluate((node) => window.RED.editor.edit(window.RED.nodes.node(node)), id);
    await page.click('.sekisho-pick');
    const offered = page.locator('.red-ui-autoComplete-container li a');
    await eventually('topics', async () =>
      (await offered.allInnerTexts()).some((text) => text.includes(AIR)),
    );
    if (PICTURES) await page.screenshot({ path: join(PICTURES, 'picker.png') });
    const texts = await offered.allInnerTexts();
    assert.ok(
      texts.some((text) => text.includes('<img src=x') && text.includes('pm2_5 [ug/m3]')),
      texts.join(),
    );
    assert.ok(texts.includes('fujisawa/truck/17/#'), texts.join());
    await page.locator('.red-ui-autoComplete-container').getByText(AIR, { exact: true }).click();
    assert.equal(await page.inputValue('#node-input-filter'), AIR);
    assert.equal(await page.evaluate(() => window.hostile), undefined);
    assert.deepEqual(
      faults.filter((fault) => !/favicon/.test(fault)),
      [],
    );
    const config = example('subscribe', {}).find((node) => node.type === 'sekisho-node').id;
    const { document } = await red.get(`sekisho-node/${config}/facts`);
    assert.equal(document.principal, 'restarted@fujisawa');
    assert.match(document.root, /^[0-9a-f]{64}$/);
    assert.deepEqual((await red.get('sekisho-node/none/streams')).status, 404);
    await context.close();
  });

  it('answers the editor’s questions to those alone who may read', async () => {
    const password = 'of the test';
    const users = [{ username: 'reader', password: bcrypt.hashSync(password, 4), permissions: 'read' }];
    const guarded = await Red.start({ adminAuth: { type: 'credentials', users } });
    try {
      for (const path of ['sekisho-node/x/streams', 'sekisho-node/x/facts']) {
        assert.equal((await guarded.get(path)).status, 401);
      }
      const answer = await fetch(`${guarded.url}/auth/token`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          client_id: 'node-red-admin',
          grant_type: 'password',
          scope: 'read',
          username: 'reader',
          password,
        }),
      });
      const { access_token: token } = await answer.json();
      const headers = { Authorization: `Bearer ${token}` };
      assert.equal((await guarded.get('sekisho-node/x/facts', headers)).status, 404);
    } finally {
      await guarded.remove();
    }
  });
});
