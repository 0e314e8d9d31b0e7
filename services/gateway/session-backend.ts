import type { LiveMessage, LiveReceipt, ReturnReason } from '#libs/broker/entries.ts';
import type { ReceiptProofs } from './receipt-proofs.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';

/** Returns an entry that a session cannot keep to the mailbox. */
export type ReturnToMailbox = (
  entry: LiveMessage | LiveReceipt,
  reason: ReturnReason,
  pending: Pending,
) => void;

/** What a session asks of its mailbox. */
export interface PageRequest {
  limit: number;
  /** Numbers the question. */
  ask: number;
  /** The page before held only messages that were expired at this time: without those. */
  now?: number | undefined;
}

/** Asks routing for a page of the session's mailbox. */
export type RequestPage = (
  session: { readonly user: string; readonly id: string; readonly device: string; readonly synced: boolean },
  request: PageRequest,
  pending: Pending,
) => void;

/** What a session needs of the broker. */
export interface SessionBackend {
  returnToMailbox: ReturnToMailbox;
  requestPage: RequestPage;
  proofs: Pick<ReceiptProofs, 'prove'>;
}
