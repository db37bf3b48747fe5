// Names of organisations, principals, roles and what else the protocol names (docs/protocol.md, section 3).

import { utf8Length } from './bytes.js';
import { ParseError, quote } from './decode_error.js';
import {
  CONTENT_TYPE_BYTES_MAX,
  ORGANISATION_BYTES_MAX,
  TRANSDUCER_BYTES_MAX,
  UNIT_BYTES_MAX,
} from './limits.js';
import { hasInvisible, visibleTextFault } from './visible_text.js';

const ORGANISATION = /^[a-z0-9-]+$/;
const LOCAL_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const CONTENT_TYPE = /^[\x20-\x7e]+$/;
const ROLE_PREFIX = 'role/';

/** `name@organisation`, taken apart. */
export interface PrincipalName {
  /** The whole, such as `truck-17@fujisawa`. */
  readonly text: string;
  /** The part before the `@`. */
  readonly name: string;
  /** The organisation that vouches for the principal. */
  readonly organisation: string;
}

/** Who a grant or deny speaks of. */
export type Grantee =
  | { readonly kind: 'principal'; readonly text: string; readonly organisation: string }
  | { readonly kind: 'organisation'; readonly text: string; readonly organisation: string }
  | { readonly kind: 'role'; readonly text: string; readonly organisation: string };

/** Whether a text is an organisation's name. */
export function isOrganisation(text: string): boolean {
  const fits = text.length <= ORGANISATION_BYTES_MAX && ORGANISATION.test(text);
  return fits && !text.startsWith('-') && !text.endsWith('-');
}

/**
 * An organisation's name: `[a-z0-9-]{1,63}` without an outer `-`.
 *
 * @throws ParseError where it is none.
 */
export function parseOrganisation(text: string): string {
  if (!isOrganisation(text)) {
    throw new ParseError('organisation', '[a-z0-9-]{1,63} without an outer -', quote(text));
  }
  return text;
}

/**
 * The part of a principal's name before the `@`.
 *
 * @throws ParseError where it is not `[a-z0-9][a-z0-9._-]{0,63}`.
 */
export function parseLocalName(text: string): string {
  if (!LOCAL_NAME.test(text)) {
    throw new ParseError('principal', '[a-z0-9][a-z0-9._-]{0,63} before the @', quote(text));
  }
  return text;
}

/**
 * A principal's name, `name@organisation`.
 *
 * @throws ParseError where either part is no name.
 */
export function parsePrincipalName(text: string): PrincipalName {
  const at = text.indexOf('@');
  if (at < 0) {
    throw new ParseError('principal', 'name@organisation', quote(text));
  }
  const organisation = parseOrganisation(text.slice(at + 1));
  return { text, name: parseLocalName(text.slice(0, at)), organisation };
}

/**
 * A role's name, `role/name@organisation`.
 *
 * @returns the name and the organisation whose topics it is for
 * @throws ParseError where it is none.
 */
export function parseRole(text: string): { text: string; organisation: string } {
  const at = text.indexOf('@');
  if (!text.startsWith(ROLE_PREFIX) || at < 0) {
    throw new ParseError('role', 'role/name@organisation', quote(text));
  }
  const organisation = parseOrganisation(text.slice(at + 1));
  parseLocalName(text.slice(ROLE_PREFIX.length, at));
  return { text, organisation };
}

/**
 * `name@organisation`, `*@organisation` or `role/name@organisation`.
 *
 * @throws ParseError where it is none of them.
 */
export function parseGrantee(text: string): Grantee {
  if (text.startsWith(ROLE_PREFIX)) {
    return { kind: 'role', ...parseRole(text) };
  }
  if (text.startsWith('*@')) {
    return { kind: 'organisation', text, organisation: parseOrganisation(text.slice(2)) };
  }
  return { kind: 'principal', text, organisation: parsePrincipalName(text).organisation };
}

/** Whether a principal is meant by its name or its organisation; of roles the directory knows. */
export function granteeCovers(grantee: Grantee, principal: PrincipalName): boolean {
  switch (grantee.kind) {
    case 'principal':
      return grantee.text === principal.text;
    case 'organisation':
      return grantee.organisation === principal.organisation;
    case 'role':
      return false;
  }
}

/**
 * A cursor's name.
 *
 * @throws ParseError where it is not `[a-z0-9][a-z0-9._-]{0,63}`.
 */
export function parseCursor(text: string): string {
  if (!LOCAL_NAME.test(text)) {
    throw new ParseError('cursor', '[a-z0-9][a-z0-9._-]{0,63}', quote(text));
  }
  return text;
}

/**
 * A content type: 1 to 127 bytes of printable ASCII.
 *
 * @throws ParseError where it is none.
 */
export function parseContentType(text: string): string {
  if (text.length > CONTENT_TYPE_BYTES_MAX || !CONTENT_TYPE.test(text)) {
    throw new ParseError('content type', '1 to 127 bytes of printable ASCII', quote(text));
  }
  return text;
}

/**
 * A transducer's name: 1 to 128 bytes of visible text.
 *
 * @throws ParseError where it is none.
 */
export function parseTransducer(text: string): string {
  const length = utf8Length(text);
  if (length === 0 || length > TRANSDUCER_BYTES_MAX) {
    throw new ParseError('transducer', '1 to 128 bytes', `${length} bytes`);
  }
  const wanted = visibleTextFault(text);
  if (wanted !== undefined) {
    throw new ParseError('transducer', wanted, quote(text));
  }
  return text;
}

/**
 * A unit in UCUM: at most 64 bytes without invisible characters; empty = none.
 *
 * @throws ParseError where it is none.
 */
export function parseUnit(text: string): string {
  const length = utf8Length(text);
  if (length > UNIT_BYTES_MAX) {
    throw new ParseError('unit', 'at most 64 bytes', `${length} bytes`);
  }
  if (hasInvisible(text)) {
    throw new ParseError('unit', 'no control characters', quote(text));
  }
  return text;
}
