// What a viewer may follow, out of what the node says that it may do.

import { filterContains } from '@sekisho/client';

/** The node's answer to what somebody may do, as far as it matters here. */
interface Rights {
  grants?: { actions?: string; filter?: string }[];
}

/** The filters that a viewer may subscribe to, without those that another one contains. */
export function followed(rights: unknown): string[] {
  const grants = (rights as Rights | undefined)?.grants ?? [];
  const filters = new Set<string>();
  for (const { actions, filter } of grants) {
    const may = (actions ?? '').split(/[\s,]+/).includes('subscribe');
    if (may && filter !== undefined) filters.add(filter);
  }
  const all = [...filters];
  return all
    .filter((filter) => !all.some((other) => other !== filter && filterContains(other, filter)))
    .sort();
}
