import type { StoredOutgoing, StoredReceipt } from '../storage.ts';

/** The entry with a receipt, in the place of an earlier one of the same receiver. */
export const withReceipt = (entry: StoredOutgoing, receipt: StoredReceipt): StoredOutgoing => ({
  ...entry,
  receipts: [...(entry.receipts ?? []).filter(({ to }) => to !== receipt.to), receipt],
});
