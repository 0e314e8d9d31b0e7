import type { z } from 'zod';
import type { Delivery } from './delivery.ts';
import { deadTotal } from './metrics.ts';
import { BatchPublisher } from './batch-publisher.ts';
import type { Publisher } from './publisher.ts';
import { DEAD_QUEUE } from './topology.ts';

/** Something that could not be read or dealt with, and why. */
export interface DeadLetter {
  reason: string;
  /** The entry, or the whole AMQP message, as text. */
  content: string;
}

/** More than any service writes into one message (a group, or one entry with the largest body), bytes and entries. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
export const MAX_MESSAGE_ENTRIES = 10_000;
/** What is kept of a content that no version of ours can have written, UTF-16 units. */
const KEPT_OF_GARBAGE = 256 * 1024;

export interface Parsed<E> {
  entries: E[];
  unreadable: DeadLetter[];
}

/** Reads the entries of a queue: by the schema, and before that the usual ones in a way that costs less. */
export interface EntryFormat<E> {
  schema: z.ZodType<E>;
  /** @returns what the schema makes of it, or undefined if that is left to the schema */
  fastPath?: (fields: Readonly<Record<string, unknown>>) => E | undefined;
}

/**
 * Splits an AMQP message into entries. One that does not fit its schema does not take the others with it. Never throws,
 * whatever the content: who did would end with it in hand, and so would everybody that it is given to next.
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
  // Once for all of them: the whole message may be large, and they may be many.
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

/** Undefined for what can be parsed and not be written: it is nested too deep. */
function textOf(element: unknown): string | undefined {
  try {
    return JSON.stringify(element);
  } catch {
    return undefined;
  }
}

/** The way to `sixfold.dead`: kept with its reason, counted, never in the way of others. */
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
