import { createHash } from 'node:crypto';
import { ACK_QUEUE, gatewayOfQueue, RETURNED_QUEUE, WEBHOOK_QUEUE } from '#libs/broker/topology.ts';

/** The part of an entry that an operator may see: names, never a body. */
export interface EntryNames {
  kind: string;
  from?: string;
  to?: string;
  user?: string;
  id?: string;
}

/** A letter of `sixfold.dead`, as it may be shown. */
export interface ShownLetter {
  /** Its name: the same content from the same queue has the same name. */
  letter: string;
  reason: string;
  /** The queue it came from, if known. */
  queue: string | undefined;
  /** When it became a dead letter, milliseconds since the epoch, if known. */
  at: number | undefined;
  /** Length of its text, UTF-16 units. */
  length: number;
  /** Its entries, as far as they are readable; empty when the text is not JSON. */
  entries: EntryNames[];
  /** The queue that a requeue puts it into; undefined: it cannot be requeued. */
  target: string | undefined;
}

export interface Letter extends ShownLetter {
  /** The entry, or the whole AMQP message, as text. */
  content: string;
}

/** Properties of an AMQP message. */
export interface DeadMessage {
  content: Buffer;
  headers: Record<string, unknown>;
}

/**
 * Reads an AMQP message of `sixfold.dead`: a group of letters that services wrote, or a whole message that the broker
 * put aside by itself (redelivered too often), with the reason in its `x-death` header.
 */
export function lettersOf({ content, headers }: DeadMessage): Letter[] {
  const text = content.toString();
  const json = parsed(text);
  if (Array.isArray(json) && json.length > 0 && json.every(isWritten))
    return json.map(({ reason, content: inner, queue, at }) => letterOf(reason, inner, queue, at));
  const [death] = Array.isArray(headers['x-death']) ? (headers['x-death'] as unknown[]) : [];
  const { reason, queue, time } = objectOf(death);
  const why = typeof reason === 'string' ? `by the broker: ${reason}` : 'not written by Sixfold';
  return [letterOf(why, text, textOf(queue), secondsOf(time))];
}

export const shown = ({ letter, reason, queue, at, length, entries, target }: Letter): ShownLetter => ({
  letter,
  reason,
  queue,
  at,
  length,
  entries,
  target,
});

/** A letter in the form that goes back into the queue. */
export const written = ({ reason, content, queue, at }: Letter): object => ({ reason, content, queue, at });

interface Written {
  reason: string;
  content: string;
  queue?: string;
  at?: number;
}

function isWritten(value: unknown): value is Written {
  const { reason, content, queue = '', at = 0 } = objectOf(value);
  return (
    typeof reason === 'string' &&
    typeof content === 'string' &&
    typeof queue === 'string' &&
    typeof at === 'number'
  );
}

function letterOf(reason: string, content: string, queue?: string, at?: number): Letter {
  const json = parsed(content);
  const entries = (Array.isArray(json) ? json : [json]).filter((entry) => typeof entry === 'object');
  return {
    letter: createHash('sha256')
      .update(`${queue ?? ''}\0${content}`)
      .digest('hex')
      .slice(0, 12),
    reason,
    queue,
    at,
    length: content.length,
    entries: entries.map(namesOf),
    target: entries.length > 0 ? targetOf(queue) : undefined,
    content,
  };
}

/**
 * The queue that it came from. Entries for a session go to the mailbox instead: there is only one live attempt.
 */
function targetOf(queue = ''): string | undefined {
  if (gatewayOfQueue(queue) !== undefined) return RETURNED_QUEUE;
  const others = [ACK_QUEUE, RETURNED_QUEUE, WEBHOOK_QUEUE];
  return others.includes(queue) || /^sixfold\.route\.\d{1,3}$/.test(queue) ? queue : undefined;
}

/** Valid names only: any other text could be anything, and is not shown. */
function namesOf(entry: unknown): EntryNames {
  const { type, kind = type, from, to, user, id } = objectOf(entry); // an event has a type
  const names: Partial<EntryNames> = {};
  for (const [field, value] of Object.entries({ from, to, user, id })) {
    const name = identifierOf(value);
    if (name !== undefined) names[field as keyof EntryNames] = name;
  }
  return { kind: identifierOf(kind) ?? '?', ...names };
}

const identifierOf = (value: unknown) =>
  typeof value === 'string' && /^[\w.:@-]{1,128}$/.test(value) ? value : undefined;
const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
const objectOf = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;

/** A timestamp of AMQP: `{'!': 'timestamp', value: <seconds>}`. */
function secondsOf(time: unknown): number | undefined {
  const { value } = objectOf(time);
  return typeof value === 'number' ? value * 1_000 : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
