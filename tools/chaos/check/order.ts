import type { FaultEvent } from '../history.ts';
import type { Facts } from './facts.ts';
import type { Violation } from './guarantees.ts';
import { byDevice, type Message } from './message.ts';

/** After a fault something may still be on its way through the mailbox, milliseconds. */
const AFTERMATH_MS = 3_000;

/** Whether nothing was wrong between two moments, nor shortly before. */
export const isCalm = (faults: readonly FaultEvent[], from: number, to: number): boolean =>
  faults.every(({ began, healed = Infinity }) => began > to || healed + AFTERMATH_MS < from);

/** Messages that the application of a device got after a later one of the same sender. */
export function countInversions({ messages }: Facts): number {
  const handed = messages.flatMap(({ n, handed, sending: { by } }) =>
    handed.map((one) => ({ ...one, by, sent: n })),
  );
  const flows = Map.groupBy(handed, ({ by, who }) => `${by} ${who}`);
  return [...flows.values()].reduce((sum, flow) => {
    let highest = -1;
    for (const { sent } of flow.sort((a, b) => a.n - b.n)) {
      if (sent < highest) sum++;
      highest = Math.max(highest, sent);
    }
    return sum;
  }, 0);
}

/**
 * G4: messages of one session to one receiver come in order while nothing fails.
 * @returns `promised`: pairs of neighbours that went live over the same two connections while nothing failed
 */
export function checkOrder({ messages }: Facts, faults: readonly FaultEvent[]) {
  const violations: Violation[] = [];
  let promised = 0;
  // Sent once, accepted once, and it came to a device once, live. Both arrivals stand in the same history.
  const live = messages.flatMap((message) => {
    const [request, ...again] = message.accepted;
    if (!request || again.length > 0) return [];
    return [...byDevice(message.arrived).values()].flatMap(([arrival, ...more]) => {
      if (!arrival || more.length > 0 || arrival.via !== 'live') return [];
      // Each of several tabs has an order of its own.
      const { by } = message.sending;
      const stream = [by, request.who, request.connection, arrival.who, arrival.connection].join(' ');
      return [{ message, arrival, stream }];
    });
  });
  for (const stream of Map.groupBy(live, (one) => one.stream).values()) {
    stream.sort((a, b) => a.message.n - b.message.n);
    for (const [n, { message, arrival }] of stream.entries()) {
      const next = stream[n + 1];
      if (!next || !isCalm(faults, message.sentAt, next.arrival.t)) continue;
      promised++;
      const what = `${next.message.id} of the same session came before it`;
      if (next.arrival.n < arrival.n) violations.push({ guarantee: 'G4', what, message });
    }
  }
  return { promised, violations };
}

/** PROTOCOL: `at` increases strictly within one session, whatever the gateway's clock does. A list has one `at`. */
export function checkTimes({ messages }: Facts): Violation[] {
  const once = messages.flatMap((message) => {
    const { list } = message;
    if (list[0] !== message || list.some(({ requested }) => requested.length > 1)) return [];
    const [[request], [answer]] = [message.requested, message.accepted];
    if (!request || answer?.connection !== request.connection) return [];
    return [{ message, who: `${request.who} ${request.connection}`, n: request.n, at: answer.at }];
  });
  return [...byDevice(once).values()].flatMap((session) =>
    session
      .sort((a, b) => a.n - b.n)
      .filter(({ at }, n) => (session[n - 1]?.at ?? -Infinity) >= at)
      .map(({ message }): Violation => {
        return { guarantee: 'G4', what: 'its `at` is not behind that of the one before it', message };
      }),
  );
}

/** What a client must do, 1: a message that was sent stays in the outbox until its ack:N, across restarts. */
export function checkOutboxes({ messages, restored }: Facts): Violation[] {
  const bySender = Map.groupBy(messages, ({ requested }) => requested[0]?.who ?? '');
  const isMissing = (
    { requested: [request], states, id }: Message,
    { who, n, ids }: Facts['restored'][number],
  ) => request && request.n < n && states.every((state) => state.who !== who || state.n > n) && !ids.has(id);
  return restored.flatMap((outbox) =>
    (bySender.get(outbox.who) ?? [])
      .filter((message) => isMissing(message, outbox))
      .map((message) => ({ guarantee: 'G1', what: 'sent, and not in the outbox after a restart', message })),
  );
}
