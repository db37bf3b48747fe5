import { describe, expect, it } from 'vitest';
import { followed, isInSight, isSame } from './filters';

const grant = (filter: string, actions = 'subscribe,history') => ({ actions, filter });

describe('what a viewer may follow', () => {
  it('is what is granted, once', () => {
    const grants = [grant('a/#'), grant('a/b/#'), grant('c/#', 'history'), grant('d', 'subscribe')];
    expect(followed({ grants })).toEqual({ filters: ['a/#', 'd'], denied: [] });
    for (const nonsense of [undefined, null, {}, { grants: [{}] }]) {
      expect(followed(nonsense)).toEqual({ filters: [], denied: [] });
    }
  });

  it('is not what is denied, in whole or in part', () => {
    const grants = [grant('a/#'), grant('b/1')];
    const sight = followed({ grants, denies: [grant('b/#'), grant('a/2/#'), grant('a/3', 'history')] });
    expect(sight).toEqual({ filters: ['a/#'], denied: ['a/2/#', 'b/#'] });
    const seen = ['a/1', 'a/2/x', 'a/3', 'b/1', 'c'].filter((topic) => isInSight(topic, sight));
    expect(seen).toEqual(['a/1', 'a/3']);
  });

  it('is not changed by the order in which the node tells it', () => {
    const one = followed({ grants: [grant('a/#'), grant('b/#')] });
    expect(isSame(one, followed({ grants: [grant('b/#'), grant('a/#')] }))).toBe(true);
    expect(isSame(one, followed({ grants: [grant('b/#')] }))).toBe(false);
  });
});
