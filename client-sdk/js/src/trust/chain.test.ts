import { describe, expect, it } from 'vitest';
import { Chain, type Link } from './chain.js';

function of(boot: number, sequence: bigint): Link {
  const header = {
    publisher: 'truck',
    boot: String(boot),
    topic: 'fujisawa/air',
    sequence,
    previous: undefined,
  };
  return { header: header as unknown as Link['header'], hash: `${boot} ${sequence}` };
}

describe('the order of streams', () => {
  it('is forgotten of the one of which nothing came for longest, where there are too many', () => {
    const chain = new Chain();
    for (let boot = 0; boot < 8192; boot += 1) {
      chain.judge(of(boot, 0n), BigInt(boot));
    }
    const gap = { from: 1n, to: 9000n, topic: 'fujisawa/air' };
    // Something is missing of the first, which is heard again before there is one too many.
    expect(chain.judge(of(0, 2n), 9000n)).toEqual(gap);
    chain.judge(of(8192, 0n), 9001n);
    expect(chain.judge(of(0, 4n), 9002n)).toMatchObject({ from: 9001n });
    expect(chain.judge(of(1, 2n), 9003n)).toBe(undefined);
    expect(chain.judge(of(2, 2n), 9004n)).toBe(undefined);
    expect(chain.judge(of(8191, 2n), 9005n)).toMatchObject({ from: 8192n });
  });
});

describe('a gap that the node told', () => {
  it('explains nothing that is missing behind a record that came in spite of it', () => {
    const chain = new Chain();
    chain.judge(of(0, 0n), 0n);
    chain.noteTold({ from: 1n, to: 2n ** 64n - 1n });
    expect(chain.judge(of(0, 5n), 5n)).toBe(undefined);
    expect(chain.judge(of(0, 7n), 9n)).toEqual({ from: 6n, to: 9n, topic: 'fujisawa/air' });
  });
});
