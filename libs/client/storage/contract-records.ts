import type { Change, StoredIncoming, StoredOutgoing } from '../storage.ts';

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
