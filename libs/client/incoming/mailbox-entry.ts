import type { OfflineN } from '../../protocol/packets.ts';
import type { OnResult } from './delivery-result.ts';
import type { Inbox } from './inbox.ts';
import type { LiveBuffer } from './live-buffer.ts';
import { toMessage } from './message.ts';
import type { Receipts } from './receipts.ts';

/** One entry of the mailbox. Each callback gets the result as {@link OnResult} says. */
export interface MailboxEntry {
  readonly key: string;
  /** A message: the mailbox holds the next entries back until its key is confirmed. */
  readonly soon: boolean;
  readonly deliver: (onResult: OnResult) => void;
  /** Called when the entry blocks the mailbox; `done` where this client is responsible for it from now on. */
  readonly putAside: (onResult: OnResult) => void;
}

/** The parts of the client that entries of the mailbox are for. */
export interface MailboxReaders {
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly liveBuffer: LiveBuffer;
}

/** The entries of an offline:N, oldest first. Without a handler, messages stay in the mailbox. */
export function mailboxEntries(
  packet: OfflineN,
  { inbox, receipts, liveBuffer }: MailboxReaders,
): MailboxEntry[] {
  const messages = packet.messages.map((message) => ({
    ...{ key: message.key, soon: true },
    deliver: (onResult: OnResult) => {
      if (!inbox.hasHandler) {
        onResult('later');
        return;
      }
      liveBuffer.releaseOlder(message);
      inbox.arrive(toMessage(message), onResult, 'mailbox');
    },
    putAside: (onResult: OnResult) => inbox.putAside(toMessage(message), onResult),
  }));
  const notes = packet.receipts.map((receipt) => ({
    ...{ key: receipt.key, soon: false },
    deliver: (onResult: OnResult) => receipts.arrived(receipt, onResult, 'mailbox'),
    putAside: (onResult: OnResult) => receipts.giveUp(receipt, onResult),
  }));
  return [...messages, ...notes];
}
