import type { Clock } from '../timing/clock.ts';
import { ClientError } from '../errors.ts';
import type { Journal } from '../journal.ts';
import { Lanes, type Outcome } from './lanes.ts';
import type { Storage, StoredIncoming } from '../storage.ts';

/** A message for the application. */
export interface IncomingMessage {
  readonly from: string;
  readonly id: string;
  /** Any JSON value. */
  readonly body: unknown;
  /** The server's time, milliseconds since the epoch; sorts the messages of one sender (see `byOrder`). */
  readonly at: number;
  /** The sender's own counter, where it gave one. */
  readonly seq?: number;
  /**
   * The program ended while the handler may have been at work on this message: it may have been handled already.
   * Only messages with this mark can be second ones.
   */
  readonly again?: true;
}

/** May be asynchronous. The message is confirmed to the server once it has returned, or its promise resolved. */
export type MessageHandler = (message: IncomingMessage) => unknown;

/** Called when it is known whether the application has the message. */
export type Confirm = (handed: boolean) => void;

export interface InboxOptions {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly journal: Journal;
  /** Most messages under way to the application. More are left to the server, which keeps what is not confirmed. */
  readonly maxHeld: number;
  readonly seen: { readonly keepCount: number; readonly keepMs: number };
  readonly error: (error: ClientError) => void;
  /** Called when a message is no longer under way. */
  readonly released: () => void;
}

interface Held {
  readonly message: IncomingMessage;
  readonly confirms: Confirm[];
  n: number;
  /** The application has it, but storage failed to take note: not confirmed, and not handed on a second time. */
  unrecorded: boolean;
}

/** Seen names are trimmed once per so many added. */
const TRIM_EVERY = 1000;

const nameOf = ({ from, id }: { from: string; id: string }) => `${from}/${id}`;

/**
 * Every message from its arrival to its confirmation (PROTOCOL: what a client must do, 4): handed to the application
 * once, however often and on whatever way it comes.
 *
 * In what order, and why: (1) the message is written to the inbox in storage; (2) the application's handler runs; (3)
 * when it is through, one atomic `strict` write takes the message out of the inbox and its name into the seen set;
 * (4) only then is it confirmed to the server. If the handler throws, the inbox entry is dropped, nothing is marked
 * and nothing confirmed: the server keeps the message and brings it again.
 *
 * Whatever the moment at which the program dies, the message is with the server, in the inbox, or with the
 * application: nothing is lost (G1). A message whose name is in the seen set is not handed on again (G2). What no
 * order of writes can tell apart is a program that died just before its handler took effect and one that died just
 * after; between losing the message and handing it on again, flagged, this chooses the second: at the next start what
 * is left in the inbox is handed on with `again`. So an application with effects that must not happen twice need only
 * look twice at messages with that mark, which are at most those under way when the program died; one that keeps its
 * messages in the same database, behind a Storage of its own, sees there what it has. Marking the name as seen before
 * the handler runs would turn the same moment into a loss that nobody notices.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #held = new Map<string, Held>();
  readonly #lanes: Lanes<Held>;
  /** Left to the server though they may have been handled by an earlier run, by name: where storage keeps their mark. */
  readonly #doubtful = new Map<string, number>();
  #handler: MessageHandler | undefined;
  #arrived: Held[] = [];
  #checking: Promise<void> | undefined;
  #trimming: Promise<void> | undefined;
  #stopped = false;
  #last = 0;
  #untrimmed = 0;
  #unrecorded = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#lanes = new Lanes(
      ({ message }) => this.#handler?.(message),
      (held, outcome) => this.#handled(held, outcome),
    );
  }

  /** How many messages are under way to the application or to its confirmation. */
  get active(): number {
    return this.#held.size - this.#unrecorded;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  /** Without a handler, messages wait (and the server moves them to the mailbox when they wait too long). */
  setHandler(handler: MessageHandler | undefined): void {
    this.#handler = handler;
    if (handler && !this.#stopped) this.#lanes.resume();
    else this.#lanes.pause();
  }

  /** Hands on what the last run had not handed on, or not taken note of. */
  load(stored: readonly StoredIncoming[]): void {
    for (const { n, ...message } of stored) {
      this.#last = n;
      const held = { message: { ...message, again: true as const }, confirms: [], n, unrecorded: false };
      this.#held.set(nameOf(message), held);
      this.#lanes.add(message.from, held);
    }
    this.#trim();
  }

  /** A message came, as msg:N or from the mailbox. */
  arrive(message: IncomingMessage, confirm: Confirm): void {
    const known = this.#held.get(nameOf(message));
    if (this.#stopped || (!known && this.#held.size >= this.#options.maxHeld)) {
      confirm(false);
      return;
    }
    if (known) {
      known.confirms.push(confirm);
      if (known.unrecorded) this.#record(known);
      return;
    }
    const marked = this.#doubtful.has(nameOf(message)) ? { ...message, again: true as const } : message;
    const held: Held = { message: marked, confirms: [confirm], n: 0, unrecorded: false };
    this.#held.set(nameOf(message), held);
    this.#arrived.push(held);
    this.#checking ??= this.#check();
  }

  /** Resolves when nothing of it is at work in the storage, the journal apart. Call {@link stop} before. */
  async ended(): Promise<void> {
    await this.#checking;
    await this.#trimming;
  }

  /** Takes no more and starts no more handlers. What waits is left to the server; what runs may still end. */
  stop(): void {
    this.#stopped = true;
    for (const held of this.#lanes.drop()) this.#leave(held);
  }

  /** Lets through what is not in the seen set; one look into storage for all that came meanwhile. */
  async #check(): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.#arrived.length > 0) {
      const batch = this.#arrived;
      this.#arrived = [];
      try {
        const seen = await this.#options.storage.seen(batch.map(({ message }) => message));
        batch.forEach((held, index) => (seen[index] === true ? this.#release(held, true) : this.#keep(held)));
      } catch (cause) {
        this.#options.error(new ClientError('storage', 'the storage failed to read the seen set', { cause }));
        for (const held of batch) this.#release(held, false);
      }
    }
    this.#checking = undefined;
  }

  #keep(held: Held): void {
    held.n = ++this.#last;
    const before = this.#doubtful.get(nameOf(held.message));
    this.#doubtful.delete(nameOf(held.message));
    this.#options.journal.write(
      [
        { do: 'inbox.put', entry: { ...held.message, n: held.n } },
        ...(before === undefined ? [] : [{ do: 'inbox.delete' as const, n: before }]),
      ],
      'relaxed', // after a power cut the server still has it
      (error) => {
        if (error) this.#options.error(error);
        if (error || this.#stopped) this.#leave(held);
        else this.#lanes.add(held.message.from, held);
      },
    );
  }

  #handled(held: Held, outcome: Outcome): void {
    if (outcome.ok) {
      this.#record(held);
      return;
    }
    const { from, id } = held.message;
    const what = `the message handler failed on ${id} from ${from}; the server keeps the message`;
    this.#options.error(new ClientError('handler', what, { cause: outcome.error }));
    this.#leave(held);
  }

  /** Not handed on: the server keeps it and brings it again. What an earlier run may have handled keeps its mark. */
  #leave(held: Held): void {
    if (held.message.again) this.#doubtful.set(nameOf(held.message), held.n);
    else this.#options.journal.write([{ do: 'inbox.delete', n: held.n }], 'relaxed');
    this.#release(held, false);
  }

  /** PROTOCOL: the seen set is written before ack:R is sent. */
  #record(held: Held): void {
    if (held.unrecorded) this.#unrecorded--;
    held.unrecorded = false;
    const { from, id } = held.message;
    const seenAt = this.#options.clock.date();
    this.#options.journal.write(
      [
        { do: 'seen.add', from, id, seenAt },
        { do: 'inbox.delete', n: held.n },
      ],
      'strict',
      (error) => this.#recorded(held, error),
    );
  }

  #recorded(held: Held, error: ClientError | undefined): void {
    if (!error) {
      this.#release(held, true);
      if (++this.#untrimmed >= TRIM_EVERY) this.#trim();
      return;
    }
    this.#options.error(error);
    held.unrecorded = true;
    this.#unrecorded++;
    for (const confirm of held.confirms.splice(0)) confirm(false);
    this.#options.released();
  }

  #release(held: Held, handed: boolean): void {
    this.#held.delete(nameOf(held.message));
    for (const confirm of held.confirms) confirm(handed);
    this.#options.released();
  }

  #trim(): void {
    this.#untrimmed = 0;
    this.#trimming ??= this.#trimSeen().finally(() => {
      this.#trimming = undefined;
    });
  }

  async #trimSeen(): Promise<void> {
    const { clock, storage, seen, error } = this.#options;
    try {
      await storage.trimSeen({ count: seen.keepCount, since: clock.date() - seen.keepMs });
    } catch (cause) {
      error(new ClientError('storage', 'the storage failed to trim the seen set', { cause }));
    }
  }
}
