import type { GrantSaid, StreamSaid } from '@sekisho/client/preview';
import { describe, expect, test } from 'vitest';
import { commandOf, quoted, sekisho } from './command';

const now = Date.UTC(2026, 10, 21, 9);
const grant: GrantSaid = {
  kind: 'grant',
  organisation: 'fujisawa',
  grantee: 'park@santander',
  actions: ['subscribe', 'decrypt'],
  filter: 'fujisawa/truck/+/air',
  purpose: '',
  issued: now,
  from: now,
  onward: false,
};

describe('the command line beside the page', () => {
  test('says the same as a form', () => {
    expect(commandOf(grant)).toBe('sekisho grant park@santander subscribe,decrypt fujisawa/truck/+/air');
    const full: GrantSaid = {
      ...grant,
      filter: 'fujisawa/#',
      purpose: "the mayor's wish",
      from: now + 3_600_000,
      until: Date.UTC(2026, 11, 20),
      historyFrom: Date.UTC(2026, 10, 1, 12, 30),
      onward: true,
      ratePerS: 50,
    };
    expect(commandOf(full)).toBe(
      "sekisho grant park@santander subscribe,decrypt 'fujisawa/#' --purpose 'the mayor'\\''s wish' " +
        '--from 2026-11-21T10:00:00Z --until 2026-12-20 --history-from 2026-11-01T12:30:00Z --onward --rate 50',
    );
  });

  test('quotes what a shell would take for something else', () => {
    for (const word of ['*@santander', 'a b', '$(reboot)', '`x`', 'a;b', '"', "'", '', 'ü', '\n']) {
      expect(quoted(word)).toMatch(/^'[\s\S]*'$/);
    }
    expect(quoted("it's")).toBe("'it'\\''s'");
    expect(sekisho('who', 'fujisawa/truck/17/air')).toBe('sekisho who fujisawa/truck/17/air');
  });

  test('describes a stream with everything that the form asks', () => {
    const stream: StreamSaid = {
      kind: 'stream-descriptor',
      organisation: 'fujisawa',
      topic: 'fujisawa/tide',
      deviceType: 'tide gauge',
      title: '',
      class: 'open',
      mobile: false,
      latitude: 35.3,
      longitude: -139.5,
      retentionS: 30 * 86_400,
      transducers: [{ name: 'level', unit: 'm' }],
      issued: now,
    };
    expect(commandOf(stream)).toBe(
      "sekisho describe fujisawa/tide --type 'tide gauge' --class open --location 35.3,-139.5 " +
        '--retention-days 30 --transducer level=m',
    );
  });

  test('ends a role by its statement and a person by their name', () => {
    const said = { kind: 'revoke', organisation: 'fujisawa', reason: 'lost', issued: now } as const;
    expect(commandOf({ ...said, target: { statement: 'ab'.repeat(32) } })).toBe(
      `sekisho revoke ${'ab'.repeat(32)} --reason lost`,
    );
    const key = { ...said, target: { principal: 'cd'.repeat(32) } };
    expect(commandOf(key, { revoked: 'truck-17@fujisawa' })).toBe(
      'sekisho revoke truck-17@fujisawa --reason lost',
    );
  });
});
