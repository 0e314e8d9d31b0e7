import type { z } from 'zod';
import type { Delivery } from './delivery.ts';
import { deadTotal } from './metrics.ts';
import { Outbox } from './outbox.ts';
import type { Publisher } from './publisher.ts';
import { DEAD_QUEUE } from './topology.ts';

/** Something that could not be read or dealt with, and why. */
export interface DeadLetter {
  reason: string;
  /** The entry, or the whole AMQP message, as text. */
  content: string;
}

/** Splits an AMQP message into entries. One that does not fit its schema does not take the others with it. */
export function parseEntries<E>(
  content: Buffer,
  schema: z.ZodType<E>,
): { entries: E[]; unreadable: DeadLetter[] } {
  let json: unknown;
  const text = content.toString();
  try {
    json = JSON.parse(text);
  } catch {
    return { entries: [], unreadable: [{ reason: 'not JSON', content: text }] };
  }
  if (!Array.isArray(json)) return { entries: [], unreadable: [{ reason: 'not an array', content: text }] };
  const entries: E[] = [];
  const unreadable: DeadLetter[] = [];
  for (const element of json as unknown[]) {
    const read = schema.safeParse(element);
    if (read.success) entries.push(read.data);
    else {
      const [issue] = read.error.issues;
      const reason = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}`;
      unreadable.push({ reason, content: JSON.stringify(element) });
    }
  }
  return { entries, unreadable };
}

/** The way to `sixfold.dead`: kept with its reason, counted, never in the way of others. */
export class DeadLetters {
  readonly #outbox: Outbox;

  constructor(publisher: Publisher) {
    this.#outbox = new Outbox({ publisher, exchange: '', routingKey: DEAD_QUEUE, stage: 'dead' });
  }

  /** The delivery is held until the letter is in the queue. */
  bury(delivery: Delivery, letter: DeadLetter): void {
    deadTotal.inc();
    delivery.hold();
    this.#outbox.add(JSON.stringify({ ...letter, queue: delivery.source.queue }), delivery);
  }
}
