// From when a question is asked: what time periods are compared with, and of which revocations one has heard.

/** What a decision may go by. */
export interface View {
  /** The time that periods are compared with, microseconds since 1970. */
  readonly now: bigint;
  /** Only revocations received by then; undefined: every revocation. */
  readonly revocations?: bigint;
}

/** Later than everything. */
export const END_OF_TIME = 2n ** 63n - 1n;

/** Everything that is known, at a time. */
export function live(now: bigint): View {
  return { now };
}

/**
 * For judging a statement of another log that was received then: what was revoked since does not undo it, in
 * whatever order the two logs are read.
 */
export function acrossLogs(received: bigint): View {
  return { now: received, revocations: received };
}

/** Whether a time has come. */
export function hasReached(view: View, boundary: bigint): boolean {
  return boundary <= view.now;
}

/** Whether a period is over; one without an end never is. */
export function hasPassed(view: View, until: bigint | undefined): boolean {
  return until !== undefined && hasReached(view, until);
}

/** Whether something was revoked, as far as the view knows. */
export function isRevokedIn(view: View, revoked: bigint | undefined): boolean {
  return revoked !== undefined && (view.revocations === undefined || revoked <= view.revocations);
}
