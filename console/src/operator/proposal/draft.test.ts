import { describe, expect, test } from 'vitest';
import { denyOf, grantOf, roleOf, streamOf, targetOf } from './draft';

const now = Date.UTC(2026, 10, 21, 9);
const fields = {
  grantee: ' park@santander ',
  filter: 'fujisawa/truck/+/air',
  'action-subscribe': 'yes',
  'action-decrypt': 'yes',
  until: '2026-12-20T00:00',
};

describe('a form', () => {
  test('becomes what is to be signed, its times in UTC', () => {
    const { said } = grantOf(fields, 'fujisawa', now, 'none');
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
      'none',
    ).said;
    expect(later).toMatchObject({ historyFrom: undefined, ratePerS: 50 });
  });

  test('names every field that is wrong, with what was wanted and found', () => {
    const wrong = { grantee: 'park', filter: 'santander/#', until: 'tomorrow', rate: '0.5' };
    const { faults } = grantOf(wrong, 'fujisawa', now, 'actions: wanted one at least, found none');
    expect(Object.keys(faults ?? {}).sort()).toEqual(['actions', 'filter', 'grantee', 'rate', 'until']);
    for (const fault of Object.values(faults ?? {})) expect(fault).toMatch(/wanted .*found/s);
    expect(faults?.filter).toBe('filter: wanted topics of fujisawa, found santander/#');
  });

  test('takes hostile text for text', () => {
    const hostile = { ...fields, purpose: '<img src=x onerror=alert(1)>', grantee: '"><script>@x' };
    const draft = grantOf(hostile, 'fujisawa', now, '');
    expect(draft.faults?.grantee).toContain('wanted');
    const { said } = denyOf({ ...fields, reason: '<b>' }, 'fujisawa', now, '');
    expect(said?.reason).toBe('<b>');
  });

  test('knows a role in short and refuses another organisation’s', () => {
    const said = roleOf({ role: 'family', member: 'hanako@fujisawa' }, 'fujisawa', now).said;
    expect(said?.role).toBe('role/family@fujisawa');
    expect(roleOf({ role: 'family@santander', member: 'a@b' }, 'fujisawa', now).faults?.role).toContain(
      'fujisawa',
    );
    expect(roleOf({ role: 'x', member: 'role/y@fujisawa' }, 'fujisawa', now).faults?.member).toContain(
      'wanted',
    );
  });

  test('tells a statement from a name', () => {
    expect(targetOf({ target: 'AB'.repeat(32) }).said).toEqual({ statement: 'ab'.repeat(32) });
    expect(targetOf({ target: 'truck-17@fujisawa' }).said).toEqual({ name: 'truck-17@fujisawa' });
    expect(targetOf({ target: 'truck-17' }).faults?.target).toContain('name@organisation');
  });

  test('describes a stream with places and transducers that can be', () => {
    const tide = {
      topic: 'fujisawa/tide',
      class: 'open',
      latitude: '35.3',
      longitude: '139.5',
      retention: '30',
    };
    const { said } = streamOf({ ...tide, transducers: 'level = m\n\npm2_5=ug/m3' }, 'fujisawa', now);
    expect(said).toMatchObject({
      class: 'open',
      latitude: 35.3,
      retentionS: 30 * 86_400,
      transducers: [
        { name: 'level', unit: 'm' },
        { name: 'pm2_5', unit: 'ug/m3' },
      ],
    });
    const wrong = streamOf({ topic: 'fujisawa/+', latitude: '95', transducers: 'level' }, 'fujisawa', now);
    expect(Object.keys(wrong.faults ?? {}).sort()).toEqual(['latitude', 'topic', 'transducers']);
    expect(streamOf({ topic: 'fujisawa/tide', latitude: '9' }, 'fujisawa', now).faults?.longitude).toContain(
      'both',
    );
  });
});
