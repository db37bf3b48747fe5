'use strict';
// What a flow may hand to the publish node, and what it may not.

const assert = require('node:assert/strict');
const { samplesOf } = require('../lib/samples');

const NOW = 1_795_000_000_000;
const terms = { now: NOW };
/** Samples as plain objects, so that they can be compared. */
const plain = (msg, more) =>
  samplesOf(msg, { ...terms, ...more }).map(({ time, values }) => ({
    time,
    values: Object.fromEntries(values),
  }));

describe('Samples of a message', () => {
  it('an object is one sample, now', () => {
    const values = { pm2_5: { value: 12.5, unit: '' }, lid: { value: true, unit: '' } };
    assert.deepEqual(plain({ payload: { pm2_5: 12.5, lid: true } }), [{ time: NOW, values }]);
  });

  it('a list has a time for each sample', () => {
    const payload = [{ time: '2026-11-21T09:00:00Z', values: { pm2_5: 1 } }, { pm2_5: 2 }];
    const found = plain({ payload });
    assert.deepEqual(
      found.map(({ time, values }) => [time, values.pm2_5.value]),
      [
        [Date.parse('2026-11-21T09:00:00Z'), 1],
        [NOW, 2],
      ],
    );
  });

  it('a single value goes by the name of the message, or of the node', () => {
    assert.equal(plain({ payload: 7, transducer: 'energy' })[0].values.energy.value, 7);
    assert.equal(plain({ payload: 7 }, { transducer: 'energy' })[0].values.energy.value, 7);
    assert.throws(() => plain({ payload: 7 }), /msg\.transducer: wanted the name .* found nothing/);
  });

  it('what flows for SOX put into msg.transducer is a sample', () => {
    const [sample] = plain({ transducer: { latitude: 35.33, user: 'hanako' }, payload: 'ignored' });
    assert.deepEqual(Object.keys(sample.values), ['latitude', 'user']);
  });

  it('units come with the value, or beside it', () => {
    const [sample] = plain({
      payload: { pm2_5: { value: 12.5, unit: 'ug/m3' }, temperature: 21 },
      units: { temperature: 'Cel', pm2_5: 'overruled' },
    });
    assert.deepEqual(sample.values, {
      pm2_5: { value: 12.5, unit: 'ug/m3' },
      temperature: { value: 21, unit: 'Cel' },
    });
    assert.equal(plain({ payload: 7, transducer: 'energy', unit: 'kW.h' })[0].values.energy.unit, 'kW.h');
  });

  it('a transducer may be called as anything in JavaScript is', () => {
    const payload = JSON.parse('{"constructor": 1, "__proto__": 2, "time": "noon", "toString": true}');
    const [sample] = samplesOf({ payload }, terms);
    assert.deepEqual([...sample.values.keys()], ['constructor', '__proto__', 'time', 'toString']);
    assert.equal(sample.values.get('constructor').unit, '');
  });

  const refused = [
    ['nothing', {}, /msg\.payload: wanted .* found nothing/],
    ['null', { payload: null }, /msg\.payload: .* found null/],
    ['an empty object', { payload: {} }, /msg\.payload: wanted at least one value, found none/],
    ['an empty list', { payload: [] }, /wanted 1 to 65536 samples, found 0/],
    ['a list of numbers', { payload: [1, 2] }, /msg\.payload\[0\]: wanted a sample .* found 1/],
    [
      'a nested object',
      { payload: { air: { pm2_5: 1 } } },
      /air: wanted a number, text, .* found \{"pm2_5":1\}/,
    ],
    ['a value that is null', { payload: { pm2_5: null } }, /pm2_5: wanted a number.* found null/],
    ['no number', { payload: { pm2_5: Number.NaN } }, /pm2_5: wanted a finite number, found NaN/],
    ['a time without its zone', { payload: { a: 1 }, time: '2026-11-21T09:00:00' }, /msg\.time: wanted/],
    ['a unit that is no text', { payload: { a: 1 }, units: { a: 5 } }, /unit of a: wanted text/],
    ['units that are none', { payload: { a: 1 }, units: 'ug/m3' }, /msg\.units: wanted an object/],
  ];
  for (const [what, msg, why] of refused) {
    it(`${what} is refused with what was wanted and what was found`, () => {
      assert.throws(() => samplesOf(msg, terms), why);
    });
  }
});
