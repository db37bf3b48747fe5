// What a viewer may follow, out of what the node says that it may do.

import { filterContains, filterMatches } from '@sekisho/client';

/** The node's answer to what somebody may do, as far as it matters here. */
interface Rights {
  grants?: Named[];
  denies?: Named[];
}

interface Named {
  actions?: string;
  filter?: string;
}

/** What may be seen: what the filters match, without what is denied of it. */
export interface Sight {
  filters: string[];
  denied: string[];
}

/** The filters that a viewer may subscribe to, without those that another one contains, and what is denied of them. */
export function followed(rights: unknown): Sight {
  const { grants, denies } = (rights ?? {}) as Rights;
  const denied = subscribing(denies);
  const all = subscribing(grants).filter((filter) => !denied.some((deny) => filterContains(deny, filter)));
  const filters = all.filter(
    (filter) => !all.some((other) => other !== filter && filterContains(other, filter)),
  );
  return { filters, denied };
}

/** Whether a topic may be seen. */
export function isInSight(topic: string, { filters, denied }: Sight): boolean {
  const isOf = (filter: string) => filterMatches(filter, topic);
  return filters.some(isOf) && !denied.some(isOf);
}

/** Whether two are the same. */
export function isSame(one: Sight, other: Sight): boolean {
  const text = ({ filters, denied }: Sight) => JSON.stringify([filters, denied]);
  return text(one) === text(other);
}

function subscribing(named: readonly Named[] | undefined): string[] {
  const filters = new Set<string>();
  for (const { actions, filter } of named ?? []) {
    const isMeant = (actions ?? '').split(/[\s,]+/).includes('subscribe');
    if (isMeant && filter !== undefined) filters.add(filter);
  }
  return [...filters].sort();
}
