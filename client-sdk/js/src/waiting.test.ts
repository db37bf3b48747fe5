import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.js';
import { Closed } from './failure.js';
import { Queue, Turn, unlessAborted, Watched } from './waiting.js';

describe('a queue', () => {
  it('gives what is there before it tells its end and why', async () => {
    const queue = new Queue<number>();
    queue.push(1);
    queue.push(2);
    queue.end(new Closed('test'));
    expect([await queue.take(), await queue.take()]).toEqual([1, 2]);
    await expect(queue.take()).rejects.toThrow('test: wanted it open');
    expect(queue.push(3)).toBe(false);
  });

  it('lets whoever puts wait until there is room', async () => {
    const queue = new Queue<number>(2);
    await queue.put(1);
    await queue.put(2);
    let isPut = false;
    const putting = queue.put(3).then((taken) => {
      isPut = taken;
    });
    await Promise.resolve();
    expect(isPut).toBe(false);
    expect(await queue.take()).toBe(1);
    await putting;
    expect([isPut, queue.length]).toEqual([true, 2]);
  });

  it('lets nobody wait after its end', async () => {
    const queue = new Queue<number>(0);
    const putting = queue.put(1);
    const taking = new Queue<number>();
    const taken = taking.take();
    queue.drop();
    taking.drop();
    expect([await putting, await taken]).toEqual([false, undefined]);
  });
});

describe('a value that is watched', () => {
  it('is waited for until something can be made of it, or it is not to be any more', async () => {
    const watched = new Watched(1);
    const found = watched.until((value) => (value > 2 ? `${value}` : undefined));
    const failed = watched.until((value) => {
      if (value > 2) {
        throw new Error('too much');
      }
      return undefined;
    });
    watched.set(2);
    watched.set(3);
    expect(await found).toBe('3');
    await expect(failed).rejects.toThrow('too much');
  });

  it('is not waited for any longer than wished', async () => {
    const stop = new AbortController();
    const waiting = new Watched(1).until(() => undefined, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toBeInstanceOf(Closed);
    await expect(unlessAborted(Promise.resolve(1), stop.signal)).rejects.toBeInstanceOf(Closed);
  });
});

describe('turns', () => {
  it('are taken one after the other, also behind one that failed', async () => {
    const turn = new Turn();
    const done: number[] = [];
    const first = turn.take(async () => {
      await Promise.resolve();
      done.push(1);
      throw new Error('first');
    });
    const second = turn.take(async () => done.push(2));
    await expect(first).rejects.toThrow('first');
    await second;
    expect(done).toEqual([1, 2]);
  });
});

describe('pauses between attempts', () => {
  it('double up to the longest, each spread over the upper half of its step', () => {
    const shortest = new Backoff(100, 800, () => 0);
    const longest = new Backoff(100, 800, () => 1);
    expect([1, 2, 3, 4, 5].map(() => shortest.next())).toEqual([50, 100, 200, 400, 400]);
    expect([1, 2, 3, 4, 5].map(() => longest.next())).toEqual([100, 200, 400, 800, 800]);
    longest.reset();
    expect(longest.next()).toBe(100);
  });
});
