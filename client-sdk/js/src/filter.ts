// Filters: patterns of topics, and exact answers about them, since rights are decided by these.

import { utf8Length } from './bytes.js';
import { ParseError, quote } from './decode_error.js';
import { TOPIC_BYTES_MAX } from './limits.js';
import { levelFault, levelsBehindOrganisation } from './topic.js';

const WILDCARDS = '+ as a whole level, # as the whole last level';

/**
 * Checks a filter: a topic in which a level may be `+` and the last may be `#`.
 *
 * @returns the same text
 * @throws ParseError the first rule that it breaks.
 */
export function parseFilter(text: string): string {
  const levels = levelsBehindOrganisation('filter', text);
  const fixed = levels.at(-1) === '#' ? levels.slice(0, -1) : levels;
  for (const level of fixed) {
    if (level === '+') {
      continue;
    }
    const wanted = /[+#]/.test(level) ? WILDCARDS : levelFault(level);
    if (wanted !== undefined) {
      throw new ParseError('filter', wanted, quote(text));
    }
  }
  return text;
}

/** The filter that matches every topic of an organisation. */
export function everythingOf(organisation: string): string {
  return `${organisation}/#`;
}

/** Whether a filter that was checked is a topic: it has no wildcard. */
export function isTopic(filter: string): boolean {
  return !/(?:^|\/)[+#](?:\/|$)/.test(filter);
}

function isOpen(filter: string): boolean {
  return filter.endsWith('#');
}

/** The levels that every matched topic has, wildcards as `+`. `x/#` has two: no topic is an organisation alone. */
function fixedLevels(filter: string): string[] {
  const levels = filter.split('/');
  if (!isOpen(filter)) {
    return levels;
  }
  levels.pop();
  return levels.length === 1 ? [...levels, '+'] : levels;
}

/** Whether a topic is one of those that the filter speaks of. Both were checked. */
export function filterMatches(filter: string, topic: string): boolean {
  const wanted = fixedLevels(filter);
  const found = topic.split('/');
  if (found.length < wanted.length || (found.length > wanted.length && !isOpen(filter))) {
    return false;
  }
  return wanted.every((level, at) => level === '+' || level === found[at]);
}

/** Whether every topic that `inner` matches is matched by `outer` too. Exact. Both were checked. */
export function filterContains(outer: string, inner: string): boolean {
  const ours = fixedLevels(outer);
  const theirs = fixedLevels(inner);
  const longer = theirs.length > ours.length || isOpen(inner);
  if (theirs.length < ours.length || (longer && !isOpen(outer))) {
    return false;
  }
  return ours.every((level, at) => level === '+' || level === theirs[at]);
}

/** Whether some topic is matched by both. Exact, also where that topic would be too long. Both were checked. */
export function filtersOverlap(left: string, right: string): boolean {
  const ours = fixedLevels(left);
  const theirs = fixedLevels(right);
  const shortest: string[] = [];
  for (let at = 0; at < Math.max(ours.length, theirs.length); at += 1) {
    const level = commonLevel(
      ours[at] ?? (isOpen(left) ? '+' : undefined),
      theirs[at] ?? (isOpen(right) ? '+' : undefined),
    );
    if (level === undefined) {
      return false;
    }
    shortest.push(level);
  }
  return utf8Length(shortest.join('/')) <= TOPIC_BYTES_MAX;
}

function commonLevel(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) {
    return undefined;
  }
  if (left === '+') {
    return right;
  }
  return right === '+' || left === right ? left : undefined;
}
