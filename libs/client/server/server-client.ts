import { chunks, sendChunk, toLine } from './batch.ts';
import { type HttpRequest, HttpTransport, type ServerClientOptions } from './http-transport.ts';
import type { RetryOptions } from './retries.ts';
import type {
  Accepted,
  BatchResult,
  Device,
  MailboxOf,
  MailboxPage,
  NewMessage,
  Presence,
  ReadItem,
} from './server-types.ts';

/**
 * Sends over HTTP: for back ends, with a service token or a user's.
 *
 * Every call is tried again, with the same ids, after 408, 429, 502, 503, 504 and network errors. It rejects with an
 * `HttpError` when the server refuses it or no try is left, and with the signal's reason when that aborts. After such an error a message
 * may have been accepted; sending it again with the same id is safe.
 */
export class ServerClient {
  readonly #transport: HttpTransport;

  /** @throws TypeError when `url` is no URL */
  constructor(options: ServerClientOptions) {
    this.#transport = new HttpTransport(options);
  }

  /** Sends one message. Resolves when the server has it durably. @throws TypeError for a body that is not JSON */
  async sendMessage(message: NewMessage, options: RetryOptions = {}): Promise<Accepted> {
    const { text } = toLine(message);
    return this.#json<Accepted>({ method: 'POST', path: '/v1/messages', body: text }, options);
  }

  /**
   * Sends any number of messages, and gives the result of each, in their order. A request goes out when 1,000 messages or 1 MiB
   * are gathered, 100 ms after its first message, or when the messages end; the next messages are taken when its results were. Messages keep their order
   * where no retry is needed.
   *
   * @throws (from the iteration) what ended the sending early; messages without a result were not taken, and those with an
   * error of the same code may have been accepted
   */
  async *sendBatch(
    messages: Iterable<NewMessage> | AsyncIterable<NewMessage>,
    options: RetryOptions = {},
  ): AsyncGenerator<BatchResult, void, undefined> {
    for await (const items of chunks(messages)) yield* sendChunk(this.#transport, items, options);
  }

  /** A page of a mailbox: up to `limit` (1 to 500, default 100) messages and receipts. They stay until they are confirmed. */
  async mailbox(
    of: MailboxOf & { limit?: number | undefined } = {},
    options: RetryOptions = {},
  ): Promise<MailboxPage> {
    const entries = Object.entries(of).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(
      entries.map(([name, value]): [string, string] => [name, String(value)]),
    );
    return this.#json<MailboxPage>({ method: 'GET', path: `/v1/mailbox?${query.toString()}` }, options);
  }

  /** Deletes mailbox entries, and tells the senders `delivered`. @param keys 1 to 500 */
  async confirmMailbox(
    keys: readonly string[],
    of: MailboxOf = {},
    options: RetryOptions = {},
  ): Promise<void> {
    await this.#done(post('/v1/mailbox/confirm', { keys, ...of }), options);
  }

  /** Tells the senders of 1 to 100 messages that the user has seen them. */
  async markRead(items: readonly ReadItem[], user?: string, options: RetryOptions = {}): Promise<void> {
    await this.#done(post('/v1/read', { items, user }), options);
  }

  /** Where 1 to 100 users are connected now, by user. Needs the scope `presence`. */
  async presence(users: readonly string[], options: RetryOptions = {}): Promise<Record<string, Presence>> {
    const answer = await this.#json<{ users: Record<string, Presence> }>(
      post('/v1/presence', { users }),
      options,
    );
    return answer.users;
  }

  /** The synced devices of a user. */
  async devices(user: string, options: RetryOptions = {}): Promise<Device[]> {
    const path = `${userPath(user)}/devices`;
    return (await this.#json<{ devices: Device[] }>({ method: 'GET', path }, options)).devices;
  }

  /** Removes a synced device, with its mailbox. It is no error when there is none. */
  async removeDevice(user: string, device: string, options: RetryOptions = {}): Promise<void> {
    const path = `${userPath(user)}/devices/${segment(device)}`;
    await this.#done({ method: 'DELETE', path }, options);
  }

  /** Ends the sessions of a user, and refuses the tokens issued before. Needs the scope `admin`. */
  async revoke(user: string, options: RetryOptions = {}): Promise<void> {
    await this.#done({ method: 'POST', path: `${userPath(user)}/revoke` }, options);
  }

  /** Deletes everything of a user; resolves when nothing is left. Needs the scope `admin`. */
  async erase(user: string, options: RetryOptions = {}): Promise<void> {
    await this.#done({ method: 'DELETE', path: userPath(user) }, options);
  }

  #json<T>(request: HttpRequest, options: RetryOptions): Promise<T> {
    return this.#transport.send(request, options, (answer) => answer.json() as Promise<T>);
  }

  /** For an answer without content; it is read, so that the connection can be used again. */
  async #done(request: HttpRequest, options: RetryOptions): Promise<void> {
    await this.#transport.send(request, options, (answer) => answer.text());
  }
}

const post = (path: string, body: object): HttpRequest => ({
  method: 'POST',
  path,
  body: JSON.stringify(body),
});

const userPath = (user: string) => `/v1/users/${segment(user)}`;

/** A name in a path. `fetch` normalizes `.` and `..` away, also as `%2E`; the server takes a dot as `%252E`, too. */
const segment = (name: string) =>
  /^\.\.?$/.test(name) ? name.replaceAll('.', '%252E') : encodeURIComponent(name);
