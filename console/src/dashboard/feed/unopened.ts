// What came, is genuine, and cannot be shown: because the viewer was not given the key, or for another reason.

import { BodyError } from '@sekisho/client';

/** What stands between a record and its readings; `samples` where they are in a form that this page does not know. */
export function bodyFaultOf(thrown: unknown): string {
  return thrown instanceof BodyError ? thrown.fault : 'samples';
}

/** The reason of the gap that it leaves. */
export function reasonOf(fault: string): 'sealed' | 'unusable' {
  return fault === 'no-key' ? 'sealed' : 'unusable';
}
