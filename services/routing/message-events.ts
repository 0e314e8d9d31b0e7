import type { Delivery } from '#libs/broker/delivery.ts';
import type { EventPublisher } from '#libs/events/event-publisher.ts';
import type { DeliveryState, RejectReason } from '#libs/protocol/names.ts';
import { messageKey } from '#libs/protocol/names.ts';
import type { Database } from '#libs/store/database.ts';
import { findFirstTimes, type FirstTimes } from '#libs/store/event-outbox.ts';

/** The part of the mailbox that events need. */
interface EventContext {
  db: Database;
  events?: EventPublisher | undefined;
}

/**
 * When messages in mailboxes were accepted and stored first: a fact that is repeated keeps its first `at`. Undefined where
 * nobody wants such events.
 */
export async function firstTimes(
  { db, events }: EventContext,
  messages: readonly { from: string; id: string; to: string }[],
): Promise<Map<string, FirstTimes> | undefined> {
  if (!events?.wants('message.accepted') && !events?.wants('message.stored')) return undefined;
  const found = messages.length > 0 ? await findFirstTimes(db, messages) : [];
  return new Map(found.map((one) => [messageKey(one), one]));
}

/** What routing did with a message. */
export interface MessageOutcome {
  message: { from: string; id: string; to: string; at: number; thread?: string | undefined };
  delivery: Delivery;
  /** The event that it was accepted has been published. */
  accepted?: boolean | undefined;
  /** What its sender is told, if anything. */
  receipt?: { state: DeliveryState; at: number; reason?: RejectReason | undefined } | undefined;
}

/** Publishes that messages were accepted, and what became of them. A rejection is recorded with its receipt (relay/receipts.ts). */
export function publishOutcomes(
  events: EventPublisher,
  outcomes: readonly MessageOutcome[],
  first?: Map<string, FirstTimes>,
): void {
  for (const { message, delivery, accepted = false, receipt } of outcomes) {
    const { from, id, to, thread } = message;
    const at = first?.get(messageKey(message))?.accepted ?? message.at;
    if (!accepted) events.message('message.accepted', { from, id, to, at, thread }, delivery);
    if (receipt && receipt.state !== 'rejected')
      events.message(
        `message.${receipt.state}`,
        { from, id, to, thread, at: receipt.at, reason: receipt.reason },
        delivery,
      );
  }
}
