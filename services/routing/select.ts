import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { RouteEntry } from '#libs/broker/entries.ts';

export type ItemOf<K extends RouteEntry['kind']> = BatchItem<Extract<RouteEntry, { kind: K }>>;

/** The items of these kinds, in their order. */
export function select<K extends RouteEntry['kind']>(
  items: readonly BatchItem<RouteEntry>[],
  ...kinds: K[]
): ItemOf<K>[] {
  return items.filter(({ entry }) => (kinds as string[]).includes(entry.kind)) as ItemOf<K>[];
}
