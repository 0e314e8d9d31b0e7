import type { LiveMessage, LiveReceipt, ReturnReason } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';

/** Takes what a session cannot keep to the mailbox. */
export type GiveBack = (entry: LiveMessage | LiveReceipt, reason: ReturnReason, held: Pending) => void;

/** Asks routing for a page of the session's mailbox; `ask` numbers the question. */
export type AskPage = (
  session: { readonly user: string; readonly id: string },
  limit: number,
  ask: number,
  pending: Pending,
) => void;

/** A session's ways to the broker. */
export interface SessionWays {
  giveBack: GiveBack;
  askPage: AskPage;
}
