// Names, topics and filters: the grammar of docs/protocol.md, section 3, and exact answers about filters.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ParseError } from '../src/decode_error.js';
import { filterContains, filterMatches, filtersOverlap, isTopic, parseFilter } from '../src/filter.js';
import { parseLogName } from '../src/log_name.js';
import {
  parseContentType,
  parseCursor,
  parseGrantee,
  parseOrganisation,
  parsePrincipalName,
  parseRole,
  parseTransducer,
  parseUnit,
} from '../src/name.js';
import { escapeLevel, parseTopic } from '../src/topic.js';

function takes(parse: (text: string) => unknown, good: readonly string[], bad: readonly string[]): void {
  for (const text of good) {
    expect(() => parse(text), text).not.toThrow();
  }
  for (const text of bad) {
    expect(() => parse(text), JSON.stringify(text)).toThrow(ParseError);
  }
}

test('names', () => {
  takes(
    parseOrganisation,
    ['a', 'fujisawa', 'x-1', 'a'.repeat(63)],
    ['', '-a', 'a-', 'A', 'a.b', 'a'.repeat(64), 'a\n'],
  );
  takes(
    parsePrincipalName,
    ['truck-17@fujisawa', '0._-@a'],
    ['@a', 'a@', 'a', '-a@b', 'a@b@c', 'A@b', `${'a'.repeat(65)}@b`],
  );
  takes(parseRole, ['role/family@a'], ['family@a', 'role/@a', 'role/a', 'role/x/y@a']);
  takes(parseGrantee, ['*@a', 'x@a', 'role/x@a'], ['*', '*@', '*@A', '**@a', 'role/*@a']);
  takes(parseCursor, ['dashboard', '0'], ['', '.a', 'a'.repeat(65), 'a b']);
  takes(parseContentType, ['a', 'text/plain', 'a'.repeat(127)], ['', 'ä', 'a\n', 'a'.repeat(128)]);
  takes(parseTransducer, ['pm2_5', 'ゴミ', 'a b'], ['', ' a', 'a ', 'a\u00ad', 'e\u0301', 'é'.repeat(65)]);
  takes(parseUnit, ['', 'ug/m3', ' '], ['a\u200b', 'x'.repeat(65)]);
  takes(
    parseLogName,
    ['sekisho/a/control', 'sekisho/a/access'],
    ['sekisho/A/control', 'sekisho/a', 'sekisho/a/b/control', 'a'],
  );
});

test('topics', () => {
  takes(
    parseTopic,
    [
      'a/b',
      'fujisawa/ゴミ収集車/17',
      'a/%',
      'a/%2E',
      'a/%2E.',
      'a/x%25',
      'a/%24x',
      'a/%20x%20',
      'a/x y',
      `a${'/b'.repeat(31)}`,
    ],
    [
      'a',
      'a/',
      '/a',
      'a//b',
      'a/.',
      'a/..',
      'a/+',
      'a/#',
      'a/x#',
      'a/$x',
      'a/%%',
      'a/%2e',
      'a/x%24',
      'a/x%20y',
      'a/%41',
      'A/b',
      'a/ b',
      'a/b\u3000',
      'a/e\u0301',
      'a/\u202e',
      'a/\u0007',
      'a/\u0085b',
      'a/\ud800',
      `a${'/b'.repeat(32)}`,
      `a/${'é'.repeat(65)}`,
      `a${`/${'b'.repeat(100)}`.repeat(6)}`,
    ],
  );
});

test('every text can be a level, unless it holds what no level may', () => {
  const level = fc.string({ unit: fc.constantFrom('%', '$', ' ', '.', 'a', '2', '5', 'E'), maxLength: 6 });
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(level, (text) => {
      const escaped = escapeLevel(text);
      if (!/^ {2,}| {2,}$/.test(text)) {
        expect(parseTopic(`a/${escaped}`)).toBe(`a/${escaped}`);
      }
      expect(seen.get(escaped) ?? text).toBe(text);
      seen.set(escaped, text);
    }),
  );
});

test('filters', () => {
  takes(
    parseFilter,
    ['a/b', 'a/+', 'a/#', 'a/+/#', 'a/b/+/c', 'a/b/#'],
    ['a', '#', '+/a', 'a/b#', 'a/+b', 'a/#/b', 'a//#', '+', 'a/##'],
  );
  expect(isTopic('a/b') && !isTopic('a/+') && !isTopic('a/b/#')).toBe(true);
});

const LEVELS = ['x', 'y'];

/** Every topic of up to four levels. */
function topics(): string[] {
  let all = ['a'];
  const found: string[] = [];
  for (let depth = 0; depth < 4; depth += 1) {
    all = all.flatMap((topic) => LEVELS.map((level) => `${topic}/${level}`));
    found.push(...all);
  }
  return found;
}

const filter = fc
  .tuple(fc.array(fc.constantFrom('x', 'y', '+'), { maxLength: 3 }), fc.boolean())
  .filter(([levels, open]) => levels.length > 0 || open)
  .map(([levels, open]) => ['a', ...levels, ...(open ? ['#'] : [])].join('/'));

describe('answers about filters are exact', () => {
  const all = topics();

  test('two overlap where some topic is matched by both, and one contains another where it matches all of it', () => {
    fc.assert(
      fc.property(filter, filter, (one, other) => {
        const [ones, others] = [one, other].map((asked) =>
          all.filter((topic) => filterMatches(asked, topic)),
        );
        expect(filtersOverlap(one, other)).toBe(ones?.some((topic) => others?.includes(topic)));
        expect(filterContains(one, other)).toBe(others?.every((topic) => ones?.includes(topic)));
      }),
      { numRuns: 2000 },
    );
  });

  test('at the ends', () => {
    expect(
      filterMatches('x/y/#', 'x/y') && filterMatches('x/#', 'x/y') && !filterMatches('x/y/#', 'x/z'),
    ).toBe(true);
    expect(filterContains('x/#', 'x/+/#') && filterContains('x/+/#', 'x/#')).toBe(true);
    const long = 'l'.repeat(128);
    const [one, other] = [`a/${long}/${long}/+/+`, `a/+/+/${long}/${long}`];
    expect(filtersOverlap(one, other)).toBe(false);
    expect(filtersOverlap(`a/${long}/+`, `a/+/${long}`)).toBe(true);
  });
});
