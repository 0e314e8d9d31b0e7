import type { z } from 'zod';
import type { Delivery } from './delivery.ts';
import { deadTotal } from './metrics.ts';
import { BatchPublisher } from './batch-publisher.ts';
import type { Publisher } from './publisher.ts';
import { DEAD_QUEUE } from './topology.ts';

/** Something that could not be parsed or handled, with the reason. */
export interface DeadLetter {
  reason: string;
  /** The entry, or the whole AMQP message, as text. */
  content: string;
}

/** Limits above what any service writes into one message (a batch, or one entry with the largest body). */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
export const MAX_MESSAGE_ENTRIES = 10_000;
/** Longest prefix kept of content that no version of Sixfold can have written, bytes. */
const KEPT_OF_GARBAGE = 256 * 1024;

export interface Parsed<E> {
  entries: E[];
  unreadable: DeadLetter[];
}

/** How to parse the entries of a queue: by schema, with an optional cheaper path for the common kinds. */
export interface EntryFormat<E> {
  schema: z.ZodType<E>;
  /** @returns the same result as the schema, or undefined to fall back to the schema */
  fastPath?: (fields: Readonly<Record<string, unknown>>) => E | undefined;
}

/**
 * Splits an AMQP message into entries. An invalid entry does not affect the others. Never throws: an exception would
 * crash the process, and then each process that the message is redelivered to.
 */
export function parseEntries<E>(content: Buffer, { schema, fastPath }: EntryFormat<E>): Parsed<E> {
  if (content.length > MAX_MESSAGE_BYTES) return garbage(`larger than ${MAX_MESSAGE_BYTES} bytes`, content);
  let json: unknown;
  const text = content.toString();
  try {
    json = JSON.parse(text);
  } catch {
    return garbage('not JSON', content);
  }
  if (!Array.isArray(json)) return unreadable('not an array', text);
  if (json.length > MAX_MESSAGE_ENTRIES) return unreadable(`more than ${MAX_MESSAGE_ENTRIES} entries`, text);
  const parsed: Parsed<E> = { entries: [], unreadable: [] };
  let tooDeep = false;
  for (const element of json as unknown[]) {
    const quick = isObject(element) ? fastPath?.(element) : undefined;
    const read = quick ? { success: true as const, data: quick } : schema.safeParse(element);
    if (read.success) parsed.entries.push(read.data);
    else {
      const [issue] = read.error.issues;
      const reason = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}`;
      const content = textOf(element);
      if (content === undefined) tooDeep = true;
      else parsed.unreadable.push({ reason, content });
    }
  }
  // One letter for all of them: the message may be large.
  if (tooDeep) parsed.unreadable.push({ reason: 'entries nested too deep, in all of this', content: text });
  return parsed;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const unreadable = (reason: string, content: string) => ({ entries: [], unreadable: [{ reason, content }] });

function garbage(reason: string, content: Buffer) {
  const start = content.subarray(0, KEPT_OF_GARBAGE).toString();
  return unreadable(start.length < content.length ? `${reason} (${content.length} bytes)` : reason, start);
}

/** Undefined if the element is nested too deep to serialize. */
function textOf(element: unknown): string | undefined {
  try {
    return JSON.stringify(element);
  } catch {
    return undefined;
  }
}

/** Publishes to `sixfold.dead`, with the reason, and counts. */
export class DeadLetters {
  readonly #publisher: BatchPublisher;

  constructor(publisher: Publisher) {
    this.#publisher = new BatchPublisher({ publisher, exchange: '', routingKey: DEAD_QUEUE, stage: 'dead' });
  }

  /** The delivery is held until the letter is in the queue. */
  publish(delivery: Delivery, letter: DeadLetter): void {
    deadTotal.inc();
    delivery.hold();
    const { queue } = delivery.source;
    this.#publisher.add(JSON.stringify({ ...letter, queue, at: Date.now() }), delivery);
  }
}
