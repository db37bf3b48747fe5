// Why something was not published, for good.

import type { Refusal } from './refusal.js';

/** Envelopes that were published here and that the node will never take. */
export class Lost extends Error {
  override readonly name = 'lost';

  /**
   * @param boot - the run of the publisher that they belong to
   * @param sequence - the first of them
   * @param refusal - what the node said about it
   */
  constructor(
    readonly boot: string,
    readonly sequence: bigint,
    readonly refusal: Refusal,
  ) {
    super(`envelopes from sequence ${sequence} on are lost: ${refusal.message}`, { cause: refusal });
  }
}

/** A sample cannot travel: no envelope that the node takes can hold it. */
export class Unencodable extends Error {
  override readonly name = 'unencodable';

  constructor(thing: string, wanted: string, found: string, options?: ErrorOptions) {
    super(`${thing}: wanted ${wanted}, found ${found}`, options);
  }
}

/** No trusted statement says how to protect a topic: it has no epoch and is not open. */
export class Unprotected extends Error {
  override readonly name = 'unprotected';

  constructor(readonly topic: string) {
    super(`topic ${topic}: wanted an announced epoch or class open, found neither`);
  }
}
