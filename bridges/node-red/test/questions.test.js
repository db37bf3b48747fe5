'use strict';
// The nodes that ask: discover and history, in a real runtime against a real node.

const assert = require('node:assert/strict');
const { connection, e2e, eventually, inbox, into, load, shows, unload } = require('./world');

const AIR = 'fujisawa/truck/17/air';
const OTHER = 'fujisawa/truck/18/air';
const STATION = 'fujisawa/truck/depot/air';

describe('The nodes that ask', () => {
  let city;
  let truck;
  let wall;
  const start = Date.now() - 3_600_000;

  before(async () => {
    const { City } = await e2e();
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/#'] });
    wall = await city.member('wall', { read: ['fujisawa/truck/#'] });
    await city.describe(AIR, {
      type: 'vehicle',
      title: 'Truck 17',
      mobile: true,
      transducers: { pm2_5: 'ug/m3' },
    });
    await city.describe(STATION, { type: 'outdoor weather', title: 'Depot', location: [35.2998, 139.4802] });
    const times = [1, 2, 3, 4, 5].map((step) => new Date(start + step * 60_000).toISOString());
    await truck.publish(
      AIR,
      times.map((time, step) => ({ time, values: { pm2_5: step + 1, count: step } })),
    );
    await truck.publish(OTHER, { pm2_5: 77 });
    await truck.publish(STATION, { pm2_5: 88 });
  });

  after(async () => {
    await city?.[Symbol.asyncDispose]();
  });

  afterEach(unload);

  /** What a node of a type answers to a message. */
  async function ask(type, fields, msg = {}) {
    await load([
      connection(city, wall),
      { id: 'q', type, node: 'n', ...fields, wires: [['r']] },
      { id: 'r', type: 'helper' },
    ]);
    const found = inbox('r');
    const error = await into('q', msg);
    if (error !== undefined) throw error;
    return eventually('an answer', () => found.length > 0 && found);
  }

  it('discover lists streams with their descriptions', async () => {
    const [{ payload, kept }] = await ask(
      'sekisho-discover',
      { filter: 'fujisawa/#' },
      { kept: 'as it was' },
    );
    assert.deepEqual(payload.map(({ topic }) => topic).sort(), [AIR, OTHER, STATION].sort());
    const stream = payload.find(({ topic }) => topic === AIR);
    const { title, deviceType, mobile, transducers } = stream;
    assert.deepEqual(
      { title, deviceType, mobile },
      { title: 'Truck 17', deviceType: 'vehicle', mobile: true },
    );
    assert.deepEqual(
      transducers.map(({ name, unit }) => [name, unit]),
      [['pm2_5', 'ug/m3']],
    );
    assert.equal(kept, 'as it was');
  });

  it('discover finds by type, by place, and by what the message says', async () => {
    const topics = async (fields, msg) =>
      (await ask('sekisho-discover', fields, msg))[0].payload.map(({ topic }) => topic);
    assert.deepEqual(await topics({ deviceType: 'outdoor weather' }), [STATION]);
    assert.deepEqual(await topics({ near: '35.3, 139.48, 2' }), [STATION]);
    assert.deepEqual(await topics({ near: '36, 139.48, 2' }), []);
    assert.deepEqual(await topics({}, { topic: 'fujisawa/truck/18/#' }), [OTHER]);
    await assert.rejects(topics({}, { topic: 'fujisawa' }), /filter/);
    await assert.rejects(topics({}, { near: 'the sea' }), /near: wanted latitude/);
  });

  it('history gives the last value of each topic, once', async () => {
    const [{ payload, complete, gaps, rejected }] = await ask('sekisho-history', {
      filter: 'fujisawa/truck/+/air',
      mode: 'last',
    });
    const last = Object.fromEntries(payload.map((entry) => [entry.topic, entry.payload.pm2_5]));
    assert.deepEqual(last, { [AIR]: 5, [OTHER]: 77, [STATION]: 88 });
    assert.equal(payload.find(({ topic }) => topic === AIR).units.pm2_5, 'ug/m3');
    assert.equal(payload[0].publisher, 'truck-17@fujisawa');
    assert.deepEqual([complete, gaps, rejected], [true, [], []]);
  });

  it('history gives what was measured in a span of time', async () => {
    const fields = { filter: AIR, mode: 'span' };
    const [{ payload }] = await ask('sekisho-history', fields, {
      from: start + 90_000,
      until: new Date(start + 250_000),
    });
    assert.deepEqual(
      payload.map((entry) => entry.payload.pm2_5),
      [2, 3, 4],
    );
    assert.deepEqual(
      payload.map(({ late }) => late),
      [true, true, true],
    );
    const [all] = await ask('sekisho-history', fields, {});
    assert.equal(all.payload.length, 5);
    const [recent] = await ask('sekisho-history', { ...fields, from: '10 min' });
    assert.deepEqual(recent.payload, []);
  });

  it('history says where its limit cut it short', async () => {
    const [{ payload, complete }] = await ask('sekisho-history', { filter: AIR, mode: 'span', limit: 2 });
    assert.deepEqual(
      payload.map((entry) => entry.payload.pm2_5),
      [1, 2],
    );
    assert.equal(complete, false);
    for (const limit of [0, 1.5, 'many', 1e9]) {
      await assert.rejects(
        ask('sekisho-history', { filter: AIR, mode: 'span' }, { limit }),
        /limit: wanted a whole number/,
      );
    }
  });

  it('history gives one message for each reading, for a join node', async () => {
    const fields = { filter: AIR, mode: 'span', output: 'each', each: 'reading' };
    await ask('sekisho-history', fields, { _msgid: 'asked', own: 1 });
    const found = inbox('r');
    await into('q', { _msgid: 'asked', own: 1 });
    await eventually('all readings', () => found.length === 10);
    const [first] = found;
    assert.deepEqual([first.parts.index, first.parts.count, first.own], [0, 10, 1]);
    assert.ok(['pm2_5', 'count'].includes(first.transducer) && typeof first.payload === 'number');
  });

  it('what nobody may read is an error, and the node goes on', async () => {
    await assert.rejects(
      ask('sekisho-history', { filter: 'fujisawa/home/#', mode: 'span' }),
      (error) => error.name === 'not-permitted',
    );
    await shows('q', 'not permitted');
    const [{ payload }] = await ask('sekisho-history', { filter: AIR, mode: 'last' });
    assert.equal(payload.length, 1);
  });
});
