'use strict';
// What a topic's description lets through, and how the rest is refused.

const assert = require('node:assert/strict');
const { asDescribed, onlyTransducer } = require('../lib/description');

const TOPIC = 'fujisawa/truck/17/air';
const described = {
  topic: TOPIC,
  transducers: [
    { name: 'pm2_5', unit: 'ug/m3', minimum: '0', maximum: '1000' },
    { name: 'count', unit: '1' },
    { name: 'street', unit: '' },
  ],
};
const sample = (name, value, unit = '') => [{ time: 0, values: new Map([[name, { value, unit }]]) }];
const checked = (...given) => asDescribed(sample(...given), described)[0].values.get(given[0]);

describe('A described topic', () => {
  it('gives its units to values without one', () => {
    assert.deepEqual(checked('pm2_5', 12.5), { value: 12.5, unit: 'ug/m3' });
    assert.deepEqual(checked('pm2_5', 12n, 'ug/m3'), { value: 12n, unit: 'ug/m3' });
  });

  it('takes anything where it names no unit', () => {
    assert.equal(checked('street', 'Kugenuma').value, 'Kugenuma');
    assert.equal(checked('count', 3).unit, '1');
  });

  const refused = [
    [
      'another transducer',
      ['pm10', 1],
      /transducer of fujisawa\/truck\/17\/air: wanted one of pm2_5, count, street, found "pm10"/,
    ],
    ['another unit', ['pm2_5', 1, 'mg/m3'], /unit of pm2_5: wanted "ug\/m3", found "mg\/m3"/],
    ['text in place of a number', ['pm2_5', '12.5'], /pm2_5: wanted a number of ug\/m3, found "12\.5"/],
    ['yes in place of a number', ['pm2_5', true], /pm2_5: wanted a number/],
    ['less than it can measure', ['pm2_5', -1], /pm2_5: wanted 0 to 1000 ug\/m3, found -1/],
    ['more than it can measure', ['pm2_5', 1001n], /pm2_5: wanted 0 to 1000 ug\/m3, found 1001/],
  ];
  for (const [what, given, why] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => checked(...given), why);
    });
  }

  it('names its transducer where there is one alone', () => {
    assert.equal(onlyTransducer(described), undefined);
    assert.equal(onlyTransducer({ topic: TOPIC, transducers: [{ name: 'energy', unit: 'kW.h' }] }), 'energy');
    assert.equal(onlyTransducer(undefined), undefined);
  });

  it('that nobody described takes everything as it is', () => {
    const samples = sample('anything', 'x', 'y');
    assert.equal(asDescribed(samples, undefined), samples);
    assert.equal(asDescribed(samples, { topic: TOPIC, transducers: [] }), samples);
  });
});
