'use strict';
// What a message may ask of the grant node, and what the editor's settings keep it from.

const assert = require('node:assert/strict');
const { requestOf } = require('../lib/request');
const { momentOf, timeOf } = require('../lib/times');
const { chosen, nearOf } = require('../lib/place');

const NOW = 1_795_000_000_000;
const here = { organisation: 'fujisawa', now: NOW };
const grant = {
  action: 'grant',
  grantee: 'visitor@fujisawa',
  rights: 'history, subscribe',
  filter: 'fujisawa/park/#',
};

describe('A request for rights', () => {
  it('is taken from the message where the node leaves it open', () => {
    const { body } = requestOf({}, { payload: { ...grant, until: '7 d', purpose: 'a visit' } }, here);
    assert.deepEqual(body, {
      kind: 'grant',
      organisation: 'fujisawa',
      grantee: 'visitor@fujisawa',
      actions: 0b110,
      filter: 'fujisawa/park/#',
      issuedUs: BigInt(NOW) * 1000n,
      purpose: 'a visit',
      fromUs: BigInt(NOW) * 1000n,
      untilUs: BigInt(NOW + 7 * 86_400_000) * 1000n,
      historyFromUs: undefined,
      onward: false,
    });
  });

  it('cannot overrule what the node says', () => {
    const payload = { grantee: 'thief@fujisawa', filter: 'fujisawa/#', rights: ['administer'] };
    const { body } = requestOf(grant, { payload }, here);
    assert.equal(body.grantee, 'visitor@fujisawa');
    assert.equal(body.filter, 'fujisawa/park/#');
    assert.equal(body.actions, 0b110);
  });

  it('of another request has other words', () => {
    const words = (payload) => requestOf({}, { payload }, here).words;
    assert.equal(words(grant), words({ ...grant }));
    assert.notEqual(words(grant), words({ ...grant, filter: 'fujisawa/home/#' }));
  });

  it('revokes a statement by its id, and a principal by its name', () => {
    const id = 'ab'.repeat(32);
    const { body } = requestOf({}, { payload: { action: 'revoke', target: id, purpose: 'moved' } }, here);
    assert.equal(body.statement, id);
    const { principal } = requestOf({ action: 'revoke' }, { payload: { target: 'visitor@fujisawa' } }, here);
    assert.equal(principal, 'visitor@fujisawa');
  });

  const refused = [
    ['no action', {}, /action: wanted grant, deny or revoke, found nothing/],
    ['an unknown action', { action: 'give' }, /action: .* found "give"/],
    ['nobody', { ...grant, grantee: undefined }, /grantee: wanted name@organisation/],
    ['no rights', { ...grant, rights: '' }, /rights: wanted some of publish/],
    ['an unknown right', { ...grant, rights: 'read' }, /rights: .* found "read"/],
    ['a time gone by', { ...grant, until: '2020-01-01' }, /until: wanted a time to come/],
    ['half a statement id', { action: 'revoke', target: 'abcd' }, /target: wanted a statement/],
  ];
  for (const [what, payload, why] of refused) {
    it(`with ${what} is refused`, () => {
      assert.throws(() => requestOf({}, { payload }, here), why);
    });
  }
});

describe('Times and places', () => {
  it('a time is milliseconds, a Date, text, or how long ago', () => {
    assert.equal(timeOf('t', NOW), NOW);
    assert.equal(timeOf('t', new Date(NOW)), NOW);
    assert.equal(timeOf('t', '2026-11-21'), Date.parse('2026-11-21'));
    assert.equal(momentOf('t', '48 h', NOW), NOW - 48 * 3_600_000);
    for (const wrong of ['yesterday', '21/11/2026', Number.POSITIVE_INFINITY, {}, '2026-11-21T09:00']) {
      assert.throws(() => timeOf('t', wrong), /t: wanted milliseconds/);
    }
  });

  it('streams are chosen by type and by where they stand', () => {
    const station = {
      topic: 'fujisawa/park/1',
      deviceType: 'outdoor weather',
      latitude: 35.3,
      longitude: 139.48,
    };
    const truck = { topic: 'fujisawa/truck/17/air', deviceType: 'vehicle', mobile: true };
    const all = [station, truck];
    assert.deepEqual(chosen(all, { deviceType: 'vehicle' }), [truck]);
    assert.deepEqual(chosen(all, { near: nearOf('35.2998, 139.4802, 2') }), [station]);
    assert.deepEqual(chosen(all, { near: nearOf({ latitude: 35, longitude: 139, kilometres: 5 }) }), []);
    for (const wrong of ['35.3', '91, 0, 1', '35, , 2', { latitude: 35 }]) {
      assert.throws(() => nearOf(wrong), /near: wanted latitude/);
    }
  });
});
