import { describe, expect, test } from 'vitest';
import { linkTo, placeOf } from './route';

describe('a place in the console', () => {
  test('is found again by its link', () => {
    const query = { who: 'park@santander', topic: 'fujisawa/見回り/17 & more?', action: 'subscribe' };
    expect(placeOf(linkTo('rights', 'ask', query))).toEqual({ room: 'rights', part: 'ask', query });
    expect(placeOf(linkTo('peers'))).toEqual({ room: 'peers', part: '', query: {} });
  });

  test('that is none is the overview', () => {
    for (const fragment of ['', '#', '#/', '#/nowhere/x', '#join=sekisho-join-v1.abc', '#<img>']) {
      expect(placeOf(fragment)).toMatchObject({ room: 'overview', part: '' });
    }
  });

  test('leaves out what was not asked', () => {
    expect(linkTo('change', 'grant', { who: undefined, topic: '' })).toBe('#/change/grant');
  });
});
