'use strict';
// The connection that nodes share: joining, one session for all, ending and beginning with what is deployed.

const assert = require('node:assert/strict');
const { existsSync, readdirSync, readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');
const {
  connection,
  e2e,
  eventually,
  helper,
  inbox,
  load,
  shows,
  statuses,
  unload,
  userDir,
} = require('./world');

const AIR = 'fujisawa/truck/17/air';
const SESSIONS = 'sekisho_accesses_recorded_total{kind="session"}';

describe('The connection', () => {
  let city;
  let truck;
  let wall;

  before(async () => {
    const { City } = await e2e();
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    wall = await city.member('wall', { read: ['fujisawa/truck/#'] });
  });

  after(async () => {
    await city?.[Symbol.asyncDispose]();
  });

  afterEach(unload);

  const subscribe = (id, more = {}) => ({
    id,
    type: 'sekisho-subscribe',
    node: 'n',
    filter: AIR,
    start: 'latest',
    each: 'sample',
    ...more,
    wires: [[`${id}-r`], []],
  });
  const byToken = () => ({ id: 'n', type: 'sekisho-node', web: city.web, identity: 'token' });

  it('joins with a pasted token, once, and keeps its keys where nobody else can read them', async () => {
    const token = await city.enrol('flow', { kind: 'app', read: ['fujisawa/truck/#'] });
    const flow = [byToken(), subscribe('s'), { id: 's-r', type: 'helper' }];
    await load(flow, { n: { token: `Your token:\n  ${token}\n` } });
    await shows('s', 'live');
    const [folder] = readdirSync(join(userDir, 'sekisho'));
    const keys = join(userDir, 'sekisho', folder, 'identity.key');
    assert.equal(statSync(keys).mode & 0o777, 0o600);
    assert.match(readFileSync(join(userDir, 'sekisho', folder, 'profile.toml'), 'utf8'), /flow@fujisawa/);
    assert.ok(!folder.includes(token.slice(-10)));
    await unload();
    // The token is used up: what connects now are the keys.
    await load(flow, { n: { token } });
    await shows('s', 'live');
    const readings = inbox('s-r');
    await truck.publish(AIR, { pm2_5: 12.5 });
    await eventually('a reading', () => readings.length === 1);
  });

  it('waits to be admitted, and shows the fingerprint that is to be compared', async () => {
    const token = await city.enrol('newcomer', {
      kind: 'app',
      read: ['fujisawa/truck/#'],
      approveMatching: false,
    });
    await load([byToken(), subscribe('s'), { id: 's-r', type: 'helper' }], { n: { token } });
    await shows('s', 'to be admitted');
    const { fingerprint } = helper.getNode('n').connection.state.waiting;
    assert.match(fingerprint, /^([0-9a-f]{4}-){3}[0-9a-f]{4}$/);
    // The steward looks who waits every now and then.
    const approve = ['enrol', '--approve', 'newcomer', '--key', fingerprint, '--yes'];
    await eventually('the approval', async () => (await city.sekisho(approve)).code === 0);
    await shows('s', 'live');
  });

  const wrong = [
    ['that was cut short', (token) => token.slice(0, -3), 'wrong input', /join token/],
    ['that is none', () => 'hello', 'wrong input', /join token/],
    ['that is empty', () => '', 'wrong input', /join token: wanted .*, found nothing/],
  ];
  for (const [what, spoil, text, why] of wrong) {
    it(`refuses a token ${what}, and makes no keys for it`, async () => {
      const folders = () =>
        existsSync(join(userDir, 'sekisho')) ? readdirSync(join(userDir, 'sekisho')).length : 0;
      const before = folders();
      const token = spoil(await city.enrol('other', { kind: 'app', read: ['fujisawa/truck/#'] }));
      await load([byToken(), subscribe('s'), { id: 's-r', type: 'helper' }], { n: { token } });
      await shows('s', text);
      assert.match(helper.getNode('n').connection.state.error.message, why);
      assert.equal(folders(), before);
    });
  }

  it('refuses a token that somebody else has used', async () => {
    const token = await city.enrol('stolen', { kind: 'app', read: ['fujisawa/truck/#'] });
    const { Member } = await e2e();
    await Member.join('stolen@fujisawa', token, city.place('thief'));
    await load([byToken(), subscribe('s'), { id: 's-r', type: 'helper' }], { n: { token } });
    await shows('s', 'not admitted');
    assert.equal(helper.getNode('n').connection.opened, 1);
  });

  it('is one session, however many nodes use it', async () => {
    const before = await city.metric(SESSIONS);
    const discover = { id: 'd', type: 'sekisho-discover', node: 'n', filter: 'fujisawa/#', wires: [['d-r']] };
    const helpers = ['a-r', 'b-r', 'd-r'].map((id) => ({ id, type: 'helper' }));
    await load([connection(city, wall), subscribe('a'), subscribe('b'), discover, ...helpers]);
    await Promise.all([shows('a', 'live'), shows('b', 'live')]);
    const found = inbox('d-r');
    helper.getNode('d').receive({});
    await eventually('streams', () => found.length === 1);
    assert.equal(await city.metric(SESSIONS), before + 1);
    assert.equal(helper.getNode('n').connection.opened, 1);
  });

  it('ends with its last user and begins anew when a flow is deployed', async () => {
    const flow = [connection(city, wall), subscribe('s'), { id: 's-r', type: 'helper' }];
    await load(flow);
    await shows('s', 'live');
    const { connection: old } = helper.getNode('n');
    const before = await city.metric(SESSIONS);
    await helper.setFlows(
      flow.map((node) => (node.id === 's' ? { ...node, filter: 'fujisawa/truck/+/air' } : node)),
    );
    assert.equal(old.state.phase, 'closed');
    assert.equal(old.client, undefined);
    await shows('s', 'live');
    assert.notEqual(helper.getNode('n').connection, old);
    assert.equal(await city.metric(SESSIONS), before + 1);
    const readings = inbox('s-r');
    await truck.publish(AIR, { pm2_5: 5 });
    await eventually('a reading', () => readings.length === 1);
  });

  it('stays open where only a node that uses it is deployed anew', async () => {
    const flow = [connection(city, wall), subscribe('s'), { id: 's-r', type: 'helper' }];
    await load(flow);
    await shows('s', 'live');
    const { connection: kept } = helper.getNode('n');
    const changed = flow.map((node) =>
      node.id === 's' ? { ...node, filter: 'fujisawa/truck/+/air' } : node,
    );
    await helper.setFlows(changed, 'nodes');
    await shows('s', 'live');
    assert.equal(helper.getNode('n').connection, kept);
    assert.equal(kept.opened, 1);
  });

  it('says so where what answers is not the node of the profile', async () => {
    const { City } = await e2e();
    const other = await City.found('santander', { web: true });
    try {
      await load([connection(other, wall), subscribe('s'), { id: 's-r', type: 'helper' }]);
      await shows('s', 'not the right node');
    } finally {
      await unload();
      await other[Symbol.asyncDispose]();
    }
  });

  it('keeps trying where nobody answers, and ends at once when it is closed', async () => {
    const { claimPort } = await e2e();
    const away = { ...connection(city, wall), web: `http://127.0.0.1:${await claimPort()}` };
    await load([away, subscribe('s'), { id: 's-r', type: 'helper' }]);
    assert.deepEqual(statuses('s'), ['connecting']);
    const { connection: trying } = helper.getNode('n');
    await unload();
    assert.equal(trying.state.phase, 'closed');
  });
});
