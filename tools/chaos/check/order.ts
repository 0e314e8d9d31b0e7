import type { FaultEvent } from '../history.ts';
import type { Facts, Message } from './facts.ts';
import type { Violation } from './guarantees.ts';

/** After a fault something may still be on its way through the mailbox, milliseconds. */
const AFTERMATH = 3_000;

/** Whether nothing was wrong between two moments, nor shortly before. */
export function isCalm(faults: readonly FaultEvent[], from: number, to: number): boolean {
  return faults.every(({ struck, healed = Infinity }) => struck > to || healed + AFTERMATH < from);
}

export interface Order {
  /** Messages that were handed on behind a later one of the same sender, on the same device. */
  inversions: number;
  /** Pairs of neighbours that went live over the same two connections while nothing was wrong: the order is promised. */
  promised: number;
  violations: Violation[];
}

/** G4: what one session sends to one receiver comes in order while nothing fails. */
export function checkOrder(facts: Facts, faults: readonly FaultEvent[]): Order {
  const order: Order = { inversions: 0, promised: 0, violations: [] };
  const flows = Map.groupBy(
    facts.messages.flatMap((message) => message.handed.map((handed) => ({ message, handed }))),
    ({ message, handed }) => `${message.from} ${handed.who}`,
  );
  for (const flow of flows.values()) {
    flow.sort((a, b) => a.handed.n - b.handed.n);
    let highest = -1;
    for (const { message } of flow) {
      if (message.n < highest) order.inversions++;
      highest = Math.max(highest, message.n);
    }
  }
  const streams = Map.groupBy(facts.messages.filter(wasSmooth), streamOf);
  for (const stream of streams.values()) {
    stream.sort((a, b) => a.n - b.n);
    for (const [n, message] of stream.entries()) {
      const next = stream[n + 1];
      if (!next || !isCalm(faults, message.sentAt, next.arrived[0]?.t ?? Infinity)) continue;
      order.promised++;
      if (arrival(next) < arrival(message))
        order.violations.push({
          guarantee: 'G4',
          what: `${next.id} of the same session came before it`,
          message,
        });
    }
  }
  return order;
}

/** PROTOCOL: `at` is strictly increasing within one session, whatever the gateway's clock does. */
export function checkTimes({ messages }: Facts): Violation[] {
  const once = messages.flatMap((message) => {
    const [request, again] = message.requested;
    const [answer] = message.accepted;
    const onSame = request && answer?.connection === request.connection;
    return onSame && !again ? [{ message, request, at: answer.at }] : [];
  });
  const sessions = Map.groupBy(once, ({ request }) => `${request.who} ${request.connection}`);
  return [...sessions.values()].flatMap((session) => {
    session.sort((a, b) => a.request.n - b.request.n);
    return session.flatMap(({ message, at }, n): Violation[] => {
      const before = session[n - 1];
      if (!before || before.at < at) return [];
      return [{ guarantee: 'G4', what: 'its `at` is not behind that of the one before it', message }];
    });
  });
}

/** Sent once, accepted once, and it came once, live. */
const wasSmooth = ({ accepted, arrived }: Message) =>
  accepted.length === 1 && arrived.length === 1 && arrived[0]?.via === 'live';

const streamOf = ({ from, accepted, arrived }: Message) =>
  [from, accepted[0]?.connection, arrived[0]?.who, arrived[0]?.connection].join(' ');

/** Both came to the same device, and so stand in the same history. */
const arrival = (message: Message) => message.arrived[0]?.n ?? Infinity;
