import { bodyToText } from '../client-packets.ts';
import { HttpError } from './http-error.ts';
import type { HttpTransport } from './http-transport.ts';
import { lines } from './ndjson.ts';
import type { RetryOptions } from './retries.ts';
import type { BatchResult, NewMessage, NotAccepted } from './server-types.ts';

/** Most lines and bytes of one request (PROTOCOL: the same over HTTP). */
const MAX_LINES = 1_000;
const MAX_BYTES = 1024 * 1024;

/** How long a message waits for others in the same request, milliseconds. */
const LINGER_MS = 100;

const utf8 = new TextEncoder();

/** A message as one line of JSON, with its id. @throws TypeError for a body that is not JSON */
export function toLine(message: NewMessage): { id: string; text: string } {
  const { id = crypto.randomUUID(), body, read, ...rest } = message;
  const fields = JSON.stringify({ ...rest, id, ...(read && { read }) });
  return { id, text: `${fields.slice(0, -1)},"body":${bodyToText(body)}}` };
}

interface Item {
  readonly id: string;
  readonly text: string;
  /** Set when it is settled. */
  result?: BatchResult;
}

const LATE = Symbol('late');

/**
 * Gathers the messages of one request at a time. While the source gives no more, what it gave goes after a while.
 *
 * @param lingerMs from the first message of a request on
 */
export async function* chunks(
  messages: Iterable<NewMessage> | AsyncIterable<NewMessage>,
  lingerMs = LINGER_MS,
): AsyncGenerator<Item[]> {
  const source = iteratorOf(messages);
  let [items, bytes] = [[] as Item[], 0];
  let late: Promise<typeof LATE> | undefined;
  try {
    for (let next = source.next(); ;) {
      const result = late ? await Promise.race([next, late]) : await next;
      if (result !== LATE && result.done === true) break;
      const item = result === LATE ? undefined : toLine(result.value);
      const size = item ? utf8.encode(item.text).length + 1 : 0;
      if (!item || items.length === MAX_LINES || (items.length > 0 && bytes + size > MAX_BYTES)) {
        yield items;
        [items, bytes, late] = [[], 0, undefined];
      }
      if (!item) continue; // the next one is awaited still
      late ??= new Promise((resolve) => setTimeout(resolve, lingerMs, LATE));
      items.push(item);
      bytes += size;
      next = source.next();
    }
  } finally {
    // Not awaited: a source that is busy ends only after its next message.
    void source.return?.().catch(() => undefined);
  }
  if (items.length > 0) yield items;
}

/** The same for both kinds of sources. */
function iteratorOf(messages: Iterable<NewMessage> | AsyncIterable<NewMessage>): AsyncIterator<NewMessage> {
  if (Symbol.asyncIterator in messages) return messages[Symbol.asyncIterator]();
  const source = messages[Symbol.iterator]();
  return {
    next: async () => Promise.resolve(source.next()),
    return: async () => Promise.resolve(source.return?.() ?? { done: true, value: undefined }),
  };
}

/**
 * Sends one request's messages, and again those without a final answer.
 *
 * @throws after the results, what ended the call before all were settled
 */
export async function* sendChunk(
  transport: HttpTransport,
  items: readonly Item[],
  options: RetryOptions,
): AsyncGenerator<BatchResult> {
  const retries = transport.retries(options);
  let ended: { cause: unknown } | undefined;
  for (let left = items; left.length > 0 && !ended; left = items.filter(({ result }) => !result)) {
    try {
      await post(transport, left, options.signal);
    } catch (error) {
      if (left.some(({ result }) => result)) retries.reset();
      await retries.after(error).catch((cause: unknown) => (ended = { cause }));
    }
  }
  for (const { id, result } of items) yield result ?? unsettled(id, ended?.cause);
  if (ended) throw ended.cause;
}

/** One request. @throws HttpError when not all of its messages are settled */
async function post(transport: HttpTransport, items: readonly Item[], signal: AbortSignal | undefined) {
  const body = items.map(({ text }) => `${text}\n`).join('');
  const request = { method: 'POST', path: '/v1/messages', body, type: 'application/x-ndjson' } as const;
  const last = await transport.once(request, signal, async (answer) => {
    const waiting = items.values();
    let failure: HttpError | undefined;
    for await (const line of lines(answer.body)) {
      const { value: item } = waiting.next();
      if (item) failure = settle(item, JSON.parse(line) as BatchResult) ?? failure;
    }
    return failure;
  });
  if (last) throw last;
  if (items.some(({ result }) => !result)) throw new HttpError('the answer ended early', { code: 'network' });
}

/** @returns why the message must be sent again */
function settle(item: Item, answer: BatchResult): HttpError | undefined {
  if ('error' in answer) {
    const error = new HttpError(answer.error.message, { code: answer.error.code });
    if (error.retryable) return error;
  }
  item.result = { ...answer, id: item.id };
  return undefined;
}

function unsettled(id: string, cause: unknown): NotAccepted {
  if (cause instanceof HttpError) return { id, error: { code: cause.code, message: cause.message } };
  return { id, error: { code: 'aborted', message: String(cause) } };
}
