// The names of an organisation's two logs: the first line of their checkpoints.

import { ParseError, quote } from './decode_error.js';
import { isOrganisation } from './name.js';

/** Which log of an organisation. */
export interface LogName {
  /** `sekisho/ORGANISATION/control` or `…/access`. */
  readonly text: string;
  readonly organisation: string;
  readonly kind: 'control' | 'access';
}

/** The name of an organisation's log. */
export function logName(organisation: string, kind: 'control' | 'access'): LogName {
  return { text: `sekisho/${organisation}/${kind}`, organisation, kind };
}

/**
 * Parses a log's name.
 *
 * @throws ParseError where it is none.
 */
export function parseLogName(text: string): LogName {
  const [, organisation, kind] = /^sekisho\/([^/]*)\/(control|access)$/.exec(text) ?? [];
  if (organisation === undefined || !isOrganisation(organisation)) {
    throw new ParseError('log', 'sekisho/ORGANISATION/control or …/access', quote(text));
  }
  return logName(organisation, kind === 'access' ? 'access' : 'control');
}
