import { expect, it } from 'vitest';
import { Document } from './document.js';
import { ProtocolViolation } from './failure.js';
import { streamsOf } from './stream.js';

function part(topics: string[], next: string | null): Document {
  return Document.parse(JSON.stringify({ topics: topics.map((topic) => ({ topic })), next }));
}

it('a list of topics that goes on does so behind what was told, by its bytes', () => {
  expect(streamsOf(part(['a/1'], null), '').next).toBeUndefined();
  expect(streamsOf(part(['a/1'], 'a/1'), '').next).toBe('a/1');
  expect(streamsOf(part(['a/2'], 'a/2'), 'a/1').next).toBe('a/2');
  // In UTF-16 the second is before the first.
  expect(streamsOf(part(['a/\u{1f600}'], 'a/\u{1f600}'), 'a/\uff21').next).toBe('a/\u{1f600}');
});

it('a list of topics that would never end is refused', () => {
  for (const [next, after] of [
    ['a/1', 'a/1'],
    ['a/1', 'a/2'],
    ['a/\uff21', 'a/\u{1f600}'],
  ] as const) {
    expect(() => streamsOf(part(['a/1'], next), after)).toThrow(ProtocolViolation);
  }
  expect(() => streamsOf(part([], 'a/2'), 'a/1')).toThrow(ProtocolViolation);
});
