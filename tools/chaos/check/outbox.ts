import type { Facts } from './facts.ts';
import type { Violation } from './guarantees.ts';

/** What a client must do, 1: a message that was sent stays in the outbox until its ack:N, across restarts. */
export function checkOutboxes({ messages, restored }: Facts): Violation[] {
  const bySender = Map.groupBy(messages, ({ requested }) => requested[0]?.who ?? '');
  return restored.flatMap(({ who, n, ids }) =>
    (bySender.get(who) ?? []).flatMap((message): Violation[] => {
      const [request] = message.requested;
      const waits = request && request.n < n && message.words.every((word) => word.n > n);
      if (!waits || ids.has(message.id)) return [];
      return [{ guarantee: 'G1', what: 'sent, and not in the outbox after a restart', message }];
    }),
  );
}
