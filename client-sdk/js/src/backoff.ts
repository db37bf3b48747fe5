// Spreads reconnections, so that a fleet that lost its node does not return in one instant.

/** Doublings after which a delay has surely reached its maximum. */
const DOUBLINGS_MAX = 20;

/** Exponential delays, each drawn from the upper half of its step. */
export class Backoff {
  #failures = 0;

  /**
   * @param min - the first step, milliseconds
   * @param max - the longest step, milliseconds
   * @param random - a number from 0 to 1
   */
  constructor(
    private readonly min: number,
    private readonly max: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** The pause before the next attempt, milliseconds. */
  next(): number {
    const step = Math.min(this.min * 2 ** Math.min(this.#failures, DOUBLINGS_MAX), this.max);
    this.#failures += 1;
    return step / 2 + (step / 2) * this.random();
  }

  /** An attempt succeeded: the next failure starts over. */
  reset(): void {
    this.#failures = 0;
  }
}
