// What goes wrong that is not the node's refusal, told apart by what can be done about it.

/** The connection ended before the answer came. Whether the node acted is not known. */
export class Disconnected extends Error {
  override readonly name = 'disconnected';

  constructor(why: string, options?: ErrorOptions) {
    super(`connection to the node: wanted it open, found it ended: ${why}`, options);
  }
}

/** Something took longer than it may. */
export class TimedOut extends Error {
  override readonly name = 'timed-out';

  /** @param waited - how long it was waited for, milliseconds */
  constructor(
    readonly wanted: string,
    readonly waited: number,
    options?: ErrorOptions,
  ) {
    super(`wanted ${wanted} within ${waited} ms, found none`, options);
  }
}

/** The client was closed here, or its signal was aborted. */
export class Closed extends Error {
  override readonly name = 'closed';

  constructor(what = 'client', options?: ErrorOptions) {
    super(`${what}: wanted it open, found it closed`, options);
  }
}

/** What answers does not keep to the protocol. */
export class ProtocolViolation extends Error {
  override readonly name = 'protocol-violation';

  constructor(
    readonly wanted: string,
    readonly found: string,
    options?: ErrorOptions,
  ) {
    super(`node: wanted ${wanted}, found ${found}`, options);
  }
}

/**
 * What answers is not the node of the profile: it proves another key, or vouches for another certificate
 * than was shown, so that somebody stands in between.
 */
export class NodeNotProven extends Error {
  override readonly name = 'node-not-proven';

  constructor(
    readonly what: 'node key' | 'certificate',
    readonly wanted: string,
    readonly found: string,
  ) {
    super(`${what}: wanted ${wanted}, found ${found}`);
  }
}

/** An administrator said no, or the node says yes and cannot prove it. */
export class NotEnrolled extends Error {
  override readonly name = 'not-enrolled';

  constructor(
    readonly principal: string,
    readonly why: string,
  ) {
    super(`enrolment of ${principal}: ${why}`);
  }
}

/** A provider does not say who somebody is. */
export class NotSignedIn extends Error {
  override readonly name = 'not-signed-in';

  constructor(
    /** The provider. */
    readonly what: string,
    readonly wanted: string,
    /** What there was, such as `access_denied`. */
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super(`sign-in at ${what}: wanted ${wanted}, found ${why}`, options);
  }
}

/** Whatever was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
