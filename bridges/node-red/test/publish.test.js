'use strict';
// The publish node in a real runtime, against a real node.

const assert = require('node:assert/strict');
const { connection, e2e, eventually, helper, inbox, into, load, shows, unload } = require('./world');

const AIR = 'fujisawa/truck/17/air';
const ENERGY = 'fujisawa/truck/17/energy';

describe('The publish node', () => {
  let city;
  let truck;
  let wall;

  before(async () => {
    const { City } = await e2e();
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    wall = await city.member('wall', { read: ['fujisawa/truck/#'] });
    await city.describe(AIR, {
      title: 'Truck 17',
      transducers: { pm2_5: 'ug/m3', temperature: 'Cel', street: '' },
    });
    await city.describe(ENERGY, { transducers: { energy: 'kW.h' } });
  });

  after(async () => {
    await city?.[Symbol.asyncDispose]();
  });

  afterEach(unload);

  const flow = (fields = {}, member = truck) => [
    connection(city, member),
    {
      id: 'p',
      type: 'sekisho-publish',
      node: 'n',
      topic: AIR,
      scope: 'organisation',
      strict: true,
      ...fields,
    },
  ];

  /** What the command line reads of a topic, oldest first. */
  async function kept(topic) {
    const said = await wall.run(['history', topic, '--json']);
    return said
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  it('is done when the node has it, sealed and signed by its identity', async () => {
    await load(flow());
    const time = Date.now() - 5_000;
    assert.equal(await into('p', { payload: { pm2_5: 12.5, street: 'Kugenuma' }, time }), undefined);
    const record = await eventually('the record', async () => (await kept(AIR)).at(-1));
    assert.deepEqual(record.values, { pm2_5: 12.5, street: 'Kugenuma' });
    assert.equal(record.publisher, 'truck-17@fujisawa');
    assert.equal(record.sealed, true);
    assert.equal(Date.parse(record.time), time);
  });

  it('publishes lists, single values and what SOX flows send, in order', async () => {
    await load(flow());
    const now = Date.now();
    const payload = [1, 2, 3].map((step) => ({ time: now + step, values: { pm2_5: step } }));
    const done = [
      into('p', { payload }),
      into('p', { transducer: { pm2_5: 4 } }),
      into('p', { payload: 5, transducer: 'pm2_5' }),
    ];
    assert.deepEqual(await Promise.all(done), [undefined, undefined, undefined]);
    const values = (await kept(AIR)).map((record) => record.values.pm2_5);
    assert.deepEqual(values.slice(-5), [1, 2, 3, 4, 5]);
  });

  it('knows the transducer of a topic that has one alone, and its unit', async () => {
    await load([
      ...flow({ topic: '' }),
      connection(city, wall, 'w'),
      {
        id: 's',
        type: 'sekisho-subscribe',
        node: 'w',
        filter: ENERGY,
        start: 'latest',
        each: 'reading',
        wires: [['r'], []],
      },
      { id: 'r', type: 'helper' },
    ]);
    await shows('s', 'live');
    const readings = inbox('r');
    assert.equal(await into('p', { topic: ENERGY, payload: 7 }), undefined);
    const [{ payload, transducer, unit }] = await eventually(
      'a reading',
      () => readings.length > 0 && readings,
    );
    assert.deepEqual({ payload, transducer, unit }, { payload: 7, transducer: 'energy', unit: 'kW.h' });
  });

  it('takes what the subscribe node puts out', async () => {
    await load([
      ...flow({ topic: '' }),
      connection(city, wall, 'w'),
      {
        id: 's',
        type: 'sekisho-subscribe',
        node: 'w',
        filter: AIR,
        start: 'latest',
        each: 'sample',
        wires: [['r'], []],
      },
      { id: 'r', type: 'helper' },
    ]);
    await shows('s', 'live');
    const readings = inbox('r');
    await into('p', { topic: AIR, payload: { pm2_5: 8, temperature: 21 } });
    const [msg] = await eventually('a reading', () => readings.length > 0 && readings);
    assert.equal(await into('p', { ...msg, topic: AIR }), undefined);
    const [, again] = await eventually('it again', () => readings.length > 1 && readings);
    assert.deepEqual([again.payload, again.units, again.time], [msg.payload, msg.units, msg.time]);
  });

  it('keeps values of every kind as they are', async () => {
    const topic = 'fujisawa/truck/17/kinds';
    await load([
      ...flow({ topic }),
      connection(city, wall, 'w'),
      { id: 's', type: 'sekisho-subscribe', node: 'w', filter: topic, start: 'latest', wires: [['r'], []] },
      { id: 'r', type: 'helper' },
    ]);
    await shows('s', 'live');
    const readings = inbox('r');
    const payload = {
      float: 0.1,
      small: 5n,
      big: 2n ** 60n,
      yes: true,
      text: '藤沢',
      bytes: Buffer.from([0, 255]),
    };
    assert.equal(await into('p', { payload }), undefined);
    const [msg] = await eventually('a reading', () => readings.length > 0 && readings);
    assert.deepEqual(msg.payload, { ...payload, small: 5 });
    assert.ok(Buffer.isBuffer(msg.payload.bytes));
  });

  const refused = [
    [
      'another transducer',
      { payload: { pm10: 1 } },
      /transducer of fujisawa\/truck\/17\/air: wanted one of pm2_5/,
    ],
    [
      'another unit',
      { payload: { pm2_5: { value: 1, unit: 'mg/m3' } } },
      /unit of pm2_5: wanted "ug\/m3", found "mg\/m3"/,
    ],
    [
      'text in place of a number',
      { payload: { pm2_5: 'much' } },
      /pm2_5: wanted a number of ug\/m3, found "much"/,
    ],
    ['nothing', {}, /msg\.payload: wanted/],
    ['a nested object', { payload: { pm2_5: { deep: 1 } } }, /pm2_5: wanted a number, text/],
    ['a time that is none', { payload: { pm2_5: 1 }, time: 'noon' }, /msg\.time: wanted/],
  ];
  for (const [what, msg, why] of refused) {
    it(`refuses ${what}, says why, and publishes nothing`, async () => {
      await load(flow());
      const before = (await kept(AIR)).length;
      assert.match((await into('p', msg)).message, why);
      await shows('p', 'wrong input');
      assert.equal(await into('p', { payload: { pm2_5: 1 } }), undefined);
      assert.equal((await kept(AIR)).length, before + 1);
      await shows('p', 'connected');
    });
  }

  it('takes what the description does not say where it is told to', async () => {
    await load(flow({ strict: false }));
    assert.equal(await into('p', { payload: { pm10: 1 } }), undefined);
  });

  it('heeds a description that was changed meanwhile', async () => {
    await load(flow({ topic: 'fujisawa/truck/17/new' }));
    await city.describe('fujisawa/truck/17/new', { transducers: { one: 'm' } });
    assert.equal(await into('p', { payload: { one: 1 } }), undefined);
    await city.describe('fujisawa/truck/17/new', { transducers: { one: 'm', two: 'm' } });
    await eventually('the new one', async () => (await into('p', { payload: { two: 2 } })) === undefined);
  });

  it('refuses a topic that it may not publish to, and one that is none', async () => {
    await load(flow({ topic: '' }));
    const foreign = await into('p', { topic: 'fujisawa/park/1', payload: { a: 1 } });
    assert.match(`${foreign.name} ${foreign.message} ${foreign.cause}`, /not-permitted|permit|wanted/);
    assert.match((await into('p', { topic: 'fujisawa/+', payload: { a: 1 } })).message, /topic/);
    assert.match(
      (await into('p', { payload: { a: 1 } })).message,
      /topic: wanted one in the node or in msg\.topic/,
    );
  });

  it('waits for a node that is away, in order, and is done when it is back', async () => {
    await load(flow());
    assert.equal(await into('p', { payload: { pm2_5: 100 } }), undefined);
    await city.kill();
    await shows('p', 'disconnected');
    const done = [101, 102, 103].map((pm2_5) => into('p', { payload: { pm2_5 } }));
    await city.startNode();
    assert.deepEqual(await Promise.all(done), [undefined, undefined, undefined]);
    const values = (await kept(AIR)).map((record) => record.values.pm2_5);
    assert.deepEqual(values.slice(-4), [100, 101, 102, 103]);
  });

  it('goes on with the next message once a right that was denied is there again', async () => {
    const topic = 'fujisawa/truck/17/denied';
    await load(flow({ topic }));
    assert.equal(await into('p', { payload: { a: 1 } }), undefined);
    await city.deny('truck-17@fujisawa', 'publish', topic);
    const error = await eventually('a refusal', () => into('p', { payload: { a: 2 } }));
    assert.match(error.message, /denied|permit/);
    await shows('p', 'not permitted');
    const { denies } = await city.json(['what', 'truck-17@fujisawa']);
    await city.run(['revoke', denies[0].statement, '--yes']);
    await eventually('the right', async () => (await into('p', { payload: { a: 3 } })) === undefined);
    await shows('p', 'connected');
    const values = (await kept(topic)).map((record) => record.values.a);
    assert.equal(values.at(-1), 3);
    assert.equal(values[0], 1);
  });

  it('fails each message once its identity is revoked', async () => {
    const other = await city.member('truck-18', { topics: ['fujisawa/truck/18/#'] });
    await load(flow({ topic: 'fujisawa/truck/18/air' }, other));
    assert.equal(await into('p', { payload: { pm2_5: 1 } }), undefined);
    await city.revoke('truck-18@fujisawa');
    await shows('p', 'revoked');
    assert.ok((await into('p', { payload: { pm2_5: 2 } })) instanceof Error);
  });

  it('says what is missing where it has no connection', async () => {
    await load([{ id: 'p', type: 'sekisho-publish', node: '', topic: AIR }]);
    assert.match((await into('p', { payload: 1 })).message, /connection: wanted a sekisho-node, found none/);
    assert.equal(helper.getNode('p').status.lastCall.firstArg.fill, 'red');
  });
});
