import type { Change, Storage, StoredIncoming, StoredOutgoing } from '../storage.ts';

/** What the contract needs of an adapter's test. */
export interface StorageUnderTest {
  readonly storage: Storage;
  /** Closes the storage and opens what it kept, as the next run of the program would. */
  readonly reopen: () => Promise<Storage>;
}

/* What tests of storages write. */

export const outgoing = (n: number, over: Partial<StoredOutgoing> = {}): StoredOutgoing => ({
  ...{ n, id: `m${n}`, to: 'bob', bodyText: `{"n":${n}}` },
  ...over,
});
export const incoming = (n: number, over: Partial<StoredIncoming> = {}): StoredIncoming => ({
  ...{ n, from: 'bob', id: `m${n}`, body: { n }, at: 1000 + n },
  ...over,
});
export const seen = (id: string, seenAt: number, from = 'bob'): Change => ({
  do: 'seen.add',
  from,
  id,
  seenAt,
});
export const put = (entry: StoredOutgoing): Change => ({ do: 'outbox.put', entry });
export const EMPTY = { outbox: [], inbox: [], reads: [] };
export const names = (...ids: string[]) => ids.map((id) => ({ from: 'bob', id }));
