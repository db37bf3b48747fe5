'use strict';
// The grant node in a real runtime, against a real node: nothing is signed without a yes to the preview.

const assert = require('node:assert/strict');
const { connection, e2e, eventually, helper, inbox, into, load, shows, unload } = require('./world');

const AIR = 'fujisawa/truck/17/air';

describe('The grant node', () => {
  let city;
  let truck;
  let visitor;

  before(async () => {
    const { City } = await e2e();
    city = await City.found('fujisawa', { web: true });
    truck = await city.member('truck-17', { topics: ['fujisawa/truck/17/#'] });
    visitor = await city.member('visitor', { kind: 'person', read: ['fujisawa/park/#'] });
    await truck.publish(AIR, { pm2_5: 1 });
  });

  after(async () => {
    await city?.[Symbol.asyncDispose]();
  });

  afterEach(unload);

  async function run(fields = {}, member = city.administrator()) {
    await load([
      connection(city, member),
      {
        id: 'g',
        type: 'sekisho-grant',
        node: 'n',
        ask: 'always',
        language: 'en',
        ...fields,
        wires: [['r'], ['c']],
      },
      { id: 'r', type: 'helper' },
      { id: 'c', type: 'helper' },
    ]);
    return { stated: inbox('r'), asked: inbox('c') };
  }

  const grant = { action: 'grant', grantee: 'visitor@fujisawa', rights: 'subscribe,decrypt', filter: AIR };
  const may = async () => (await visitor.sekisho(['why', 'visitor@fujisawa', 'subscribe', AIR])).code === 0;

  it('shows in plain words what a grant would do, in each language, as the command line does, and signs nothing', async () => {
    const until = '2099-01-01T00:00:00Z';
    for (const language of ['en', 'es', 'ja']) {
      const { stated, asked } = await run({ language });
      assert.equal(await into('g', { payload: { ...grant, until, purpose: 'a visit' } }), undefined);
      const [{ preview, warnings, confirmation }] = await eventually(
        'a preview',
        () => asked.length > 0 && asked,
      );
      const args = [
        'diff',
        'grant',
        'visitor@fujisawa',
        grant.rights,
        AIR,
        '--until',
        until,
        '--purpose',
        'a visit',
        '--lang',
        language,
      ];
      const { output } = await city.sekisho(args);
      assert.ok(squeezed(output).includes(squeezed(preview)), `${output}\n${preview}`);
      assert.deepEqual(warnings, []);
      assert.match(confirmation, /^[0-9a-f]{64}$/);
      assert.deepEqual(stated, []);
      await unload();
    }
    assert.equal(await may(), false);
  });

  it('signs what was confirmed, which then holds, and can be revoked', async () => {
    const { stated, asked } = await run();
    await into('g', { payload: grant });
    const [told] = await eventually('a preview', () => asked.length > 0 && asked);
    await shows('g', 'to be confirmed');
    assert.equal(await into('g', { ...told, confirm: true }), undefined);
    const [{ statement, confirm }] = await eventually('the statement', () => stated.length > 0 && stated);
    assert.equal(confirm, undefined);
    await eventually('the right', may);
    await shows('g', 'in force');
    await into('g', { payload: { action: 'revoke', target: statement[0], purpose: 'over' } });
    const revoked = await eventually('a preview', () => asked[1]);
    assert.match(revoked.preview, /ends now/);
    assert.equal(await may(), true);
    await into('g', { ...revoked, confirm: true });
    await eventually('no right', async () => !(await may()));
  });

  it('takes nothing but true for a yes', async () => {
    const { stated } = await run();
    for (const confirm of ['true', 1, {}, 'yes']) await into('g', { payload: grant, confirm });
    assert.deepEqual(stated, []);
    assert.equal(await may(), false);
  });

  it('does not take a yes to one statement for another', async () => {
    const { asked, stated } = await run();
    await into('g', { payload: grant });
    const [told] = await eventually('a preview', () => asked.length > 0 && asked);
    const wider = { ...told, payload: { ...grant, filter: 'fujisawa/#' }, confirm: true };
    assert.match((await into('g', wider)).message, /msg\.confirmation: wanted that of this very statement/);
    assert.deepEqual(stated, []);
  });

  it('asks before what is dangerous, also where it need not always ask', async () => {
    const { asked, stated } = await run({ ask: 'dangerous' });
    await into('g', { payload: { ...grant, filter: 'fujisawa/#', rights: 'subscribe,history,decrypt' } });
    const [{ warnings }] = await eventually('a preview', () => asked.length > 0 && asked);
    assert.equal(warnings.length, 2, warnings.join());
    assert.match(warnings.join(' '), /every topic of fujisawa/);
    assert.deepEqual(stated, []);
    await into('g', { payload: { ...grant, rights: 'subscribe' } });
    await eventually('the harmless one', () => stated.length === 1);
    assert.equal(asked.length, 1);
  });

  it('denies, and a deny wins over a grant', async () => {
    const { stated } = await run({ ask: 'dangerous' });
    await into('g', {
      payload: {
        action: 'deny',
        grantee: 'visitor@fujisawa',
        rights: 'subscribe',
        filter: AIR,
        purpose: 'closed',
      },
    });
    const [{ statement }] = await eventually('the deny', () => stated.length > 0 && stated);
    await eventually('no right', async () => !(await may()));
    await into('g', { payload: { action: 'revoke', target: statement[0] } });
  });

  it('always asks before it ends somebody, whose keys then end', async () => {
    await city.member('leaver', { kind: 'person', read: ['fujisawa/park/#'] });
    const { asked, stated } = await run({ ask: 'dangerous', action: 'revoke' });
    await into('g', { payload: { target: 'leaver@fujisawa' } });
    const [told] = await eventually('a preview', () => asked.length > 0 && asked);
    assert.match(told.preview, /leaver.*ends now, for good/);
    assert.deepEqual(stated, []);
    assert.equal(await into('g', { ...told, confirm: true }), undefined);
    await eventually('the end', async () => {
      const what = await city.json(['what', 'leaver@fujisawa']);
      return what.barred !== null && what.keys.length === 0;
    });
  });

  it('lets an administrator whom somebody named end others, with the steward’s signature', async () => {
    const clerk = await city.member('clerk', { kind: 'person', more: ['--administrator'] });
    await city.member('leaver-2', { kind: 'person', read: ['fujisawa/park/#'] });
    const { asked, stated } = await run({}, clerk);
    await into('g', { payload: { action: 'revoke', target: 'leaver-2@fujisawa' } });
    const [told] = await eventually('a preview', () => asked.length > 0 && asked);
    assert.equal(await into('g', { ...told, confirm: true }), undefined);
    await eventually('the statement', () => stated.length === 1);
    await eventually('the end', async () => (await city.json(['what', 'leaver-2@fujisawa'])).barred !== null);
  });

  it('keeps to what the editor fixed, whatever a message says', async () => {
    const { asked } = await run(grant);
    await into('g', { payload: { grantee: 'thief@fujisawa', filter: 'fujisawa/#', rights: 'administer' } });
    const [{ preview }] = await eventually('a preview', () => asked.length > 0 && asked);
    assert.match(preview, /visitor/);
    assert.doesNotMatch(preview, /thief|administer/);
  });

  it('says so where its identity may not state it', async () => {
    const { stated, asked } = await run({}, visitor);
    const error = await into('g', { payload: grant, confirm: true });
    assert.match(`${error.name} ${error.message}`, /not-permitted|may state/);
    assert.deepEqual([stated, asked], [[], []]);
    assert.equal(helper.getNode('g').status.lastCall.firstArg.fill, 'red');
  });
});

/** Without what a table or a terminal's width puts in between. */
function squeezed(text) {
  return text.replace(/\s+/g, '');
}
