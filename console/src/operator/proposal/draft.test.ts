import { describe, expect, test } from 'vitest';
import { denyOf, grantOf, invitationFaults, roleOf, streamOf, targetOf } from './draft';

const now = Date.UTC(2026, 10, 21, 9);
const words = { empty: 'empty', noActions: 'actions: wanted one at least, found none', endsBefore: 'over' };
const fields = {
  grantee: ' park@santander ',
  filter: 'fujisawa/truck/+/air',
  'action-subscribe': 'yes',
  'action-decrypt': 'yes',
  until: '2026-12-20T00:00',
};

describe('a form', () => {
  test('becomes what is to be signed, its times in UTC', () => {
    const { said } = grantOf(fields, 'fujisawa', now, words);
    expect(said).toMatchObject({
      grantee: 'park@santander',
      actions: ['subscribe', 'decrypt'],
      from: now,
      until: Date.UTC(2026, 11, 20),
      onward: false,
      ratePerS: undefined,
    });
    const later = grantOf(
      { ...fields, historyFrom: '2026-01-01T00:00', rate: '50' },
      'fujisawa',
      now,
      words,
    ).said;
    expect(later).toMatchObject({ historyFrom: undefined, ratePerS: 50 });
  });

  test('names every field that is wrong, with what was wanted and found', () => {
    const wrong = { grantee: 'park', filter: 'santander/#', until: 'tomorrow', rate: '0.5' };
    const { faults } = grantOf(wrong, 'fujisawa', now, words);
    expect(Object.keys(faults ?? {}).sort()).toEqual(['actions', 'filter', 'grantee', 'rate', 'until']);
    for (const fault of Object.values(faults ?? {})) expect(fault).toMatch(/wanted .*found/s);
    expect(faults?.filter).toBe('filter: wanted topics of fujisawa, found santander/#');
  });

  test('says of what is not filled in just that', () => {
    expect(grantOf({}, 'fujisawa', now, words).faults).toEqual({
      actions: words.noActions,
      grantee: 'empty',
      filter: 'empty',
    });
    expect(roleOf({}, 'fujisawa', now, words).faults).toEqual({ role: 'empty', member: 'empty' });
    expect(targetOf({ target: ' ' }, words).faults).toEqual({ target: 'empty' });
    expect(streamOf({}, 'fujisawa', now, words).faults).toEqual({ topic: 'empty' });
  });

  test('takes no end that is over, or before its beginning', () => {
    const until = (from: string, end: string) =>
      grantOf({ ...fields, from, until: end }, 'fujisawa', now, words).faults?.until;
    expect(until('', '2026-11-21T08:59')).toBe('over');
    expect(until('2027-01-01T00:00', '2026-12-01T00:00')).toBe('over');
    expect(until('2026-01-01T00:00', '2026-11-01T00:00')).toBe('over');
    expect(until('2026-01-01T00:00', '2026-12-01T00:00')).toBeUndefined();
    const role = { role: 'family', member: 'hanako@fujisawa', until: '2026-01-01T00:00' };
    expect(roleOf(role, 'fujisawa', now, words).faults).toEqual({ until: 'over' });
  });

  test('names what is wrong with an invitation', () => {
    const faults = (name: string, publish: string[], read: string[]) =>
      invitationFaults({ name, publish, read }, 'fujisawa');
    expect(faults('truck-17@fujisawa', ['fujisawa/truck/17/#'], ['fujisawa/#'])).toEqual({});
    const wrong = faults('Truck 17@fujisawa', ['fujisawa/a', 'fujisawa/#/a'], ['santander/#']);
    expect(Object.keys(wrong)).toEqual(['name', 'publish', 'read']);
    expect(wrong.read).toBe('filter: wanted topics of fujisawa, found santander/#');
  });

  test('takes hostile text for text', () => {
    const hostile = { ...fields, purpose: '<img src=x onerror=alert(1)>', grantee: '"><script>@x' };
    const draft = grantOf(hostile, 'fujisawa', now, words);
    expect(draft.faults?.grantee).toContain('wanted');
    const { said } = denyOf({ ...fields, reason: '<b>' }, 'fujisawa', now, words);
    expect(said?.reason).toBe('<b>');
  });

  test('knows a role in short and refuses another organisation’s', () => {
    const said = roleOf({ role: 'family', member: 'hanako@fujisawa' }, 'fujisawa', now, words).said;
    expect(said?.role).toBe('role/family@fujisawa');
    expect(
      roleOf({ role: 'family@santander', member: 'a@b' }, 'fujisawa', now, words).faults?.role,
    ).toContain('fujisawa');
    expect(roleOf({ role: 'x', member: 'role/y@fujisawa' }, 'fujisawa', now, words).faults?.member).toContain(
      'wanted',
    );
  });

  test('tells a statement from a name', () => {
    expect(targetOf({ target: 'AB'.repeat(32) }, words).said).toEqual({ statement: 'ab'.repeat(32) });
    expect(targetOf({ target: 'truck-17@fujisawa' }, words).said).toEqual({ name: 'truck-17@fujisawa' });
    expect(targetOf({ target: 'truck-17' }, words).faults?.target).toContain('name@organisation');
  });

  test('describes a stream with places and transducers that can be', () => {
    const tide = {
      topic: 'fujisawa/tide',
      class: 'open',
      latitude: '35.3',
      longitude: '139.5',
      retention: '30',
    };
    const { said } = streamOf({ ...tide, transducers: 'level = m\n\npm2_5=ug/m3' }, 'fujisawa', now, words);
    expect(said).toMatchObject({
      class: 'open',
      latitude: 35.3,
      retentionS: 30 * 86_400,
      transducers: [
        { name: 'level', unit: 'm' },
        { name: 'pm2_5', unit: 'ug/m3' },
      ],
    });
    const wrong = streamOf(
      { topic: 'fujisawa/+', latitude: '95', transducers: 'level' },
      'fujisawa',
      now,
      words,
    );
    expect(Object.keys(wrong.faults ?? {}).sort()).toEqual(['latitude', 'topic', 'transducers']);
    expect(
      streamOf({ topic: 'fujisawa/tide', latitude: '9' }, 'fujisawa', now, words).faults?.longitude,
    ).toContain('both');
  });
});
