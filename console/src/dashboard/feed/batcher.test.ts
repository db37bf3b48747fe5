import type { Message } from '@sekisho/client';
import { describe, expect, it } from 'vitest';
import { Batcher, buffersOf } from './batcher';

type Values = Record<string, number | bigint | string | boolean | Uint8Array>;

function message(topic: string, publisherId: string, samples: [number, Values][], arrived?: number): Message {
  return {
    kind: 'message',
    topic,
    publisher: 'truck-7@fujisawa',
    publisherId,
    position: 4,
    received: 2_000,
    arrived,
    sealed: true,
    samples: () =>
      samples.map(([time, values]) => ({
        time,
        timeUs: BigInt(time) * 1000n,
        values: new Map(Object.entries(values).map(([name, value]) => [name, { value, unit: 'u' }])),
      })),
  } as unknown as Message;
}

const numbers = ({ first, last }: { first: { sequence: bigint }; last: { sequence: bigint } }) => [
  first.sequence,
  last.sequence,
];

describe('messages that cross to the page', () => {
  it('are one batch for each topic and signer, with a hole where a sample has no such number', () => {
    const batcher = new Batcher();
    batcher.add(
      message('a/1', 'aa', [
        [1, { x: 1 }],
        [2, { y: 5n }],
      ]),
    );
    batcher.add(message('a/2', 'aa', [[1, { x: 9 }]]));
    batcher.add(message('a/1', 'aa', [[3, { x: 3, y: 6 }]]));
    batcher.add(message('a/1', 'bb', [[4, { x: 4 }]]));
    expect(batcher.rows).toBe(5);
    const batches = batcher.take();
    const first = batches.find(({ topic, provenance }) => topic === 'a/1' && provenance.publisherId === 'aa');
    expect(batches).toHaveLength(3);
    expect(first?.columns.map(({ name }) => name)).toEqual(['x', 'y']);
    expect([...(first?.values ?? [])]).toEqual([1, Number.NaN, Number.NaN, 5, 3, 6]);
    expect([...(first?.times ?? [])]).toEqual([1, 2, 3]);
    expect(batcher.take()).toEqual([]);
    expect(buffersOf(batches)).toHaveLength(12);
  });

  it('say which of their publisher’s own are the first and the last', () => {
    const batcher = new Batcher();
    const sent = (sequence: bigint, publisherId: string) => ({
      ...message('a/1', publisherId, [
        [Number(sequence), { x: 1 }],
        [Number(sequence) + 1, { x: 2 }],
      ]),
      boot: 'b007',
      sequence,
    });
    for (const sequence of [4n, 5n, 6n]) batcher.add(sent(sequence, 'aa'));
    batcher.add(sent(0n, 'bb'));
    expect(batcher.take().map(numbers)).toEqual([
      [4n, 6n],
      [0n, 0n],
    ]);
  });

  it('say how long each was on its way: to here where it came as news, to its home where it was asked for later', () => {
    const batcher = new Batcher();
    batcher.add(message('a/1', 'aa', [[1_500, { x: 1 }]]));
    batcher.add(message('a/1', 'aa', [[1_500, { x: 1 }]], 3_602_000));
    // The clock of the viewer's node is behind that of the home.
    batcher.add(message('a/1', 'aa', [[1_500, { x: 1 }]], 1_400));
    expect([...(batcher.take()[0]?.delays ?? [])]).toEqual([500, 3_600_500, 500]);
  });

  it('take little room where one sample of many numbers follows many samples of one', () => {
    const batcher = new Batcher();
    const long = Array.from({ length: 20_000 }, (_, time): [number, Values] => [time, { x: time }]);
    const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`y${at}`, at]));
    batcher.add(message('a/1', 'aa', [...long, [20_000, wide]]));
    const batches = batcher.take();
    expect(batches.reduce((sum, { times }) => sum + times.length, 0)).toBe(20_001);
    expect(batches.reduce((sum, { values }) => sum + values.length, 0)).toBeLessThan(100_000);
    expect(batches.at(-1)?.columns).toHaveLength(1_000);
  });

  it('keep as texts what no plot can draw', () => {
    const batcher = new Batcher();
    const values = { ok: true, name: '<script>', big: 2n ** 60n, photo: new Uint8Array(3) };
    batcher.add(message('a/1', 'aa', [[1, values]]));
    expect(batcher.take()[0]?.texts.map(({ name, text }) => [name, text])).toEqual([
      ['ok', 'true'],
      ['name', '<script>'],
      ['big', '1152921504606846976'],
      ['photo', '3 B'],
    ]);
  });
});
