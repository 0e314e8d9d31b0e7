import type { OfflineReceipt } from '#libs/protocol/server-packets.ts';
import { isHint, type RawClient } from './raw-client.ts';

/** The first receipt in the mailbox that fits, now or behind a hint; it stays there. */
export async function receiptInMailbox(
  client: RawClient,
  fits: Partial<OfflineReceipt>,
  timeoutMs?: number,
): Promise<OfflineReceipt> {
  for (;;) {
    const { receipts } = await client.pull(500);
    const found = receipts.find((receipt) =>
      Object.entries(fits).every(([name, value]) => receipt[name as keyof OfflineReceipt] === value),
    );
    if (found) return found;
    await client.next('offline:N', isHint, timeoutMs);
  }
}
