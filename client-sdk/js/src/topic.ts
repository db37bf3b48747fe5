// Topics: where an envelope belongs, beginning with the organisation that owns it.

import { utf8Length } from './bytes.js';
import { ParseError, quote } from './decode_error.js';
import { LEVEL_BYTES_MAX, LEVELS_MAX, TOPIC_BYTES_MAX } from './limits.js';
import { isOrganisation } from './name.js';
import { visibleTextFault } from './visible_text.js';

const ESCAPED_LEVEL = /^(?:%|%2E|%2E\.)$/;

/**
 * Checks a topic: `organisation/level/…`, as docs/protocol.md, section 3.1, says.
 *
 * @returns the same text
 * @throws ParseError the first rule that it breaks.
 */
export function parseTopic(text: string): string {
  for (const level of levelsBehindOrganisation('topic', text)) {
    const wanted = levelFault(level);
    if (wanted !== undefined) {
      throw new ParseError('topic', wanted, quote(text));
    }
  }
  return text;
}

/** The organisation of a topic or filter that was checked: its home. */
export function organisationOf(checked: string): string {
  const slash = checked.indexOf('/');
  return slash < 0 ? checked : checked.slice(0, slash);
}

/** The levels of a topic or filter without its organisation; none of them is looked at yet. */
export function levelsBehindOrganisation(thing: string, text: string): string[] {
  const length = utf8Length(text);
  if (length > TOPIC_BYTES_MAX) {
    throw new ParseError(thing, 'at most 512 bytes', `${length} bytes`);
  }
  const [organisation = '', ...levels] = text.split('/');
  if (levels.length === 0) {
    throw new ParseError(thing, 'an organisation and at least one level', quote(text));
  }
  if (levels.length >= LEVELS_MAX) {
    throw new ParseError(thing, 'at most 32 levels', quote(text));
  }
  if (!isOrganisation(organisation)) {
    throw new ParseError(thing, "an organisation's name as first level", quote(text));
  }
  return levels;
}

/** What is wanted instead of a level; undefined where it is a good one. */
export function levelFault(level: string): string | undefined {
  if (level === '') {
    return 'no empty level';
  }
  if (utf8Length(level) > LEVEL_BYTES_MAX) {
    return 'levels of at most 128 bytes';
  }
  if (level === '.' || level === '..') {
    return 'no level . or ..';
  }
  if (level.startsWith('$')) {
    return 'no level that begins with $';
  }
  if (/[+#]/.test(level)) {
    return 'no + or # in a level';
  }
  if (level.includes('%') && !areEscapesNeeded(level)) {
    return '% only as the escape of what a level may not hold';
  }
  return visibleTextFault(level);
}

/** Each escape stands only where the plain spelling is refused, so that every name has one spelling. */
function areEscapesNeeded(level: string): boolean {
  if (ESCAPED_LEVEL.test(level)) {
    return true;
  }
  for (let at = level.indexOf('%'); at >= 0; at = level.indexOf('%', at + 1)) {
    const code = level.slice(at + 1, at + 3);
    const isFirst = at === 0;
    const isLast = at + 3 === level.length;
    const isNeeded = code === '25' || (code === '24' && isFirst) || (code === '20' && (isFirst || isLast));
    if (!isNeeded) {
      return false;
    }
  }
  return true;
}

/**
 * The level that stands for a text that may hold what a level may not: an empty one, `.`, `..`, a `%`, a
 * `$` at the beginning, or a space at an end. What cannot be escaped, such as `+`, stays and is refused by
 * {@link parseTopic}.
 */
export function escapeLevel(text: string): string {
  if (text === '') {
    return '%';
  }
  if (text === '.' || text === '..') {
    return `%2E${text.slice(1)}`;
  }
  const percent = text.replaceAll('%', '%25');
  const begun = percent.replace(/^\$/, '%24').replace(/^ /, '%20');
  return begun.replace(/ $/, '%20');
}
