'use strict';
// The subscribe node in a real runtime, against a real node.

const assert = require('node:assert/strict');
const { connection, e2e, eventually, helper, inbox, load, shows, statuses, unload } = require('./world');

const AIR = 'fujisawa/truck/17/air';
const DOOR = 'fujisawa/truck/17/door';

describe('The subscribe node', () => {
  let city;
  let truck;
  let wall;

  before(async () => {
    const { City } = await e2e();
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    wall = await city.member('wall', { read: ['fujisawa/truck/#'] });
    await city.describe(AIR, {
      type: 'vehicle',
      title: 'Truck 17',
      transducers: { pm2_5: 'ug/m3', street: '' },
    });
  });

  after(async () => {
    await city?.[Symbol.asyncDispose]();
  });

  afterEach(unload);

  const flow = (fields, member = wall) => [
    connection(city, member),
    {
      id: 's',
      type: 'sekisho-subscribe',
      node: 'n',
      filter: AIR,
      start: 'latest',
      each: 'sample',
      ...fields,
      wires: [['r'], ['e']],
    },
    { id: 'r', type: 'helper' },
    { id: 'e', type: 'helper' },
  ];

  async function run(fields, member) {
    await load(flow(fields, member));
    return { readings: inbox('r'), events: inbox('e') };
  }

  it('brings samples as typed values, with units, times and who stands for them', async () => {
    const { readings, events } = await run({ late: 60 });
    await shows('s', 'live');
    const before = Date.now();
    await truck.publish(AIR, { pm2_5: 12.5, street: 'Kugenuma' });
    const [msg] = await eventually('a reading', () => readings.length > 0 && readings);
    assert.deepEqual(msg.payload, { pm2_5: 12.5, street: 'Kugenuma' });
    assert.deepEqual(msg.units, { pm2_5: 'ug/m3', street: '' });
    assert.equal(msg.lateBy, Math.max(msg.received, msg.arrived) - msg.time);
    assert.ok(msg.lateBy < 60_000, `${msg.lateBy}`);
    const { topic, publisher, device, source, late, attester } = msg;
    assert.deepEqual(
      { topic, publisher, device, source, late, attester },
      {
        topic: AIR,
        publisher: 'truck-17@fujisawa',
        device: 'truck-17',
        source: 'fujisawa',
        late: false,
        attester: undefined,
      },
    );
    assert.ok(msg.time >= before && msg.time <= Date.now());
    assert.ok(msg.received >= before && Number.isInteger(msg.position));
    assert.ok(events.some(({ kind }) => kind === 'live'));
    assert.deepEqual(statuses('s').slice(0, 1), ['connecting']);
  });

  it('brings a message for each reading where that is wanted, and marks what was late', async () => {
    const { readings } = await run({ each: 'reading', late: 60, filter: DOOR });
    await shows('s', 'live');
    await truck.publish(DOOR, [
      { time: new Date(Date.now() - 600_000).toISOString(), values: { open: true, count: 3 } },
    ]);
    await eventually('two readings', () => readings.length === 2);
    const told = readings.map(({ transducer, payload, unit, late }) => ({ transducer, payload, unit, late }));
    assert.deepEqual(
      told.sort((one, other) => one.transducer.localeCompare(other.transducer)),
      [
        { transducer: 'count', payload: 3, unit: '', late: true },
        { transducer: 'open', payload: true, unit: '', late: true },
      ],
    );
  });

  it('goes on where it was after Node-RED was away, and loses nothing', async () => {
    const first = await run({ cursor: 'away', start: 'latest' });
    await shows('s', 'live');
    await truck.publish(AIR, { pm2_5: 1 });
    await eventually('the first reading', () => first.readings.length === 1);
    await unload();
    await truck.publish(AIR, { pm2_5: 2 });
    await truck.publish(AIR, { pm2_5: 3 });
    const { readings } = await run({ cursor: 'away', start: 'latest' });
    await eventually('what was missed', () => readings.length >= 2);
    await truck.publish(AIR, { pm2_5: 4 });
    await eventually('what came then', () => readings.length >= 3);
    assert.deepEqual(
      readings.map(({ payload }) => payload.pm2_5),
      [2, 3, 4],
    );
  });

  it('goes on after the node was killed and came back, and loses nothing', async () => {
    const { readings, events } = await run({ cursor: 'killed', start: 'latest' });
    await shows('s', 'live');
    await truck.publish(AIR, { pm2_5: 10 });
    await eventually('the first reading', () => readings.length === 1);
    await city.kill();
    await shows('s', 'disconnected');
    await city.startNode();
    await truck.publish(AIR, { pm2_5: 11 });
    await truck.publish(AIR, { pm2_5: 12 });
    await eventually('what came then', () => readings.length >= 3);
    assert.deepEqual(
      readings.map(({ payload }) => payload.pm2_5),
      [10, 11, 12],
    );
    const states = events.filter(({ kind }) => kind === 'state').map(({ payload }) => payload.state);
    assert.ok(states.includes('connecting') && states.at(-1) === 'connected', states.join());
    assert.notEqual(statuses('s').at(-1), 'disconnected');
  });

  it('says of a photo what it is, and brings its bytes', async () => {
    const writer = await city.member('camera', { topics: ['fujisawa/truck/18/photo'] });
    const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
    await load([
      ...flow({ filter: 'fujisawa/truck/18/photo' }),
      connection(city, writer, 'n2'),
      { id: 'p', type: 'sekisho-publish', node: 'n2', topic: 'fujisawa/truck/18/photo', strict: true },
    ]);
    const readings = inbox('r');
    await shows('s', 'live');
    helper.getNode('p').receive({ payload: photo, contentType: 'image/jpeg' });
    const [msg] = await eventually('the photo', () => readings.length > 0 && readings);
    assert.equal(msg.contentType, 'image/jpeg');
    assert.ok(Buffer.isBuffer(msg.payload) && msg.payload.equals(photo));
  });

  it('shows what may not be read as not permitted, and asks again until it is granted', async () => {
    const stranger = await city.member('stranger', { read: ['fujisawa/park/#'] });
    const { readings, events } = await run({ filter: AIR }, stranger);
    await shows('s', 'not permitted');
    const [refused] = await eventually('the refusal', () => events.filter(({ kind }) => kind === 'refused'));
    assert.equal(refused.payload.code, 'not-permitted');
    await city.grant('stranger@fujisawa', 'subscribe,history,decrypt', AIR);
    await shows('s', 'live');
    await truck.publish(AIR, { pm2_5: 20 });
    await eventually('a reading', () => readings.some(({ payload }) => payload.pm2_5 === 20));
  });

  it('ends when its identity is revoked, and says so', async () => {
    const guest = await city.member('guest', { read: ['fujisawa/truck/#'] });
    const { readings, events } = await run({}, guest);
    await shows('s', 'live');
    await city.revoke('guest@fujisawa');
    await shows('s', 'revoked');
    await truck.publish(AIR, { pm2_5: 30 });
    assert.deepEqual(readings, []);
    const told = await eventually('the end', () =>
      events.find(({ kind, payload }) => kind === 'state' && payload.state === 'refused'),
    );
    assert.match(told.payload.why, /revoked|guest/);
  });

  it('without a connection says that it is not configured', async () => {
    await load([{ id: 's', type: 'sekisho-subscribe', node: '', filter: AIR, wires: [[], []] }]);
    assert.deepEqual(statuses('s'), ['not configured']);
  });
});
