import { describe, expect, it } from 'vitest';
import { ascending, CLASS_COLOURS, classOf, startingThresholds } from './scale';

describe('the colours of a measurement', () => {
  it('change at the thresholds', () => {
    const limits = [5, 15, 50, 90] as const;
    expect([4.9, 5, 14.9, 50, 90, 1e9].map((value) => classOf(value, limits))).toEqual([0, 1, 1, 3, 4, 4]);
    expect(classOf(Number.NaN, limits)).toBeUndefined();
    expect(classOf(undefined, limits)).toBeUndefined();
  });

  it('begin with the usual limits, else with the described range, else with what was measured', () => {
    expect(startingThresholds({ name: 'pm2_5', unit: 'ug/m3' }, undefined, [])).toEqual([5, 15, 50, 90]);
    const other = { name: 'level', unit: 'm' };
    expect(startingThresholds(other, { minimum: 0, maximum: 10 }, [])).toEqual([2, 4, 6, 8]);
    expect(startingThresholds(other, undefined, [100, 200, Number.NaN])).toEqual([120, 140, 160, 180]);
    expect(startingThresholds(other, undefined, [])).toEqual([1, 2, 3, 4]);
    expect(startingThresholds(other, undefined, [7, 7])).toHaveLength(4);
  });

  it('take only thresholds that ascend', () => {
    expect(ascending([1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
    expect(ascending([1, 2, 2, 4])).toBeUndefined();
    expect(ascending([1, 2, 3])).toBeUndefined();
    expect(ascending([1, 2, 3, Number.NaN])).toBeUndefined();
  });

  it('differ in lightness from their neighbours, for those who see no colours', () => {
    const lightness = CLASS_COLOURS.map((colour) => {
      const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
    for (let index = 1; index < lightness.length; index += 1) {
      expect(Math.abs((lightness[index] ?? 0) - (lightness[index - 1] ?? 0))).toBeGreaterThan(40);
    }
  });
});
