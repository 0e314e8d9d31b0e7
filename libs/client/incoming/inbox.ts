import type { ClientError } from '../errors.ts';
import { addCallback, type OnResult, type Source } from './delivery-result.ts';
import { HandlerRunner } from './handler-runner.ts';
import { type InboxEntry, nameOf, newInboxEntry, toStore } from './inbox-entry.ts';
import type { InboxOptions } from './inbox-options.ts';
import { RetryQueue } from './retry-queue.ts';
import type { IncomingMessage, MessageHandler } from './message.ts';
import { SeenSet } from './seen-set.ts';
import type { StoredIncoming } from '../storage.ts';

/** A message is put aside only when the handler has failed on it as often. */
const TRIES = 2;

/**
 * Every message from its arrival to its confirmation (PROTOCOL: what a client must do, 4): handed to the application
 * once, however often and on whatever way it comes.
 *
 * In what order, and why: (1) the message is written to the inbox in storage; (2) the application's handler runs; (3)
 * when it is through, one atomic `strict` write takes the message out of the inbox and its name into the seen set;
 * (4) only then is it confirmed to the server. If the handler throws, the inbox entry is dropped, nothing is marked
 * and nothing confirmed: the server keeps the message and brings it again. The handler is not called for it before its
 * pause is over ({@link Failures}), unless the server brings it live.
 *
 * Whatever the moment at which the program dies, the message is with the server, in the inbox, or with the
 * application: nothing is lost (G1). A message whose name is in the seen set is not handed on again (G2). What no
 * order of writes can tell apart is a program that died just before its handler took effect and one that died just
 * after; between losing the message and handing it on again, flagged, this chooses the second: at the next start what
 * is left in the inbox is handed on with `again`. So an application with effects that must not happen twice need only
 * look twice at messages with that mark, which are at most those under way or put aside when the program died; one that keeps its
 * messages in the same database, behind a Storage of its own, sees there what it has. Marking the name as seen before
 * the handler runs would turn the same moment into a loss that nobody notices.
 *
 * What is kept ({@link putAside}) is the exception to "the server keeps it". The server hands out the oldest entries of a
 * mailbox, and no others: as many messages as fill a page that the handler fails on would hide all others for ever. They
 * are written to storage (`strict`), confirmed, and tried again from here, also by the next run. That is what
 * `delivered` promises: this device has the message, and its application gets it. So it is done only where nothing else
 * lets the mailbox be read on, and for `maxPutAside` messages at most. In a storage that does not outlive the program it
 * is worth as much as that storage.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #entry = new Map<string, InboxEntry>();
  readonly #runner: HandlerRunner<InboxEntry>;
  readonly #retryQueue: RetryQueue;
  readonly seen: SeenSet;
  #handler: MessageHandler | undefined;
  #arrived: InboxEntry[] = [];
  #checking: Promise<void> | undefined;
  #stopped = false;
  #last = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { clock, failures, maxPutAside } = options;
    this.seen = new SeenSet(options);
    this.#retryQueue = new RetryQueue(clock, failures, maxPutAside, (entry) => {
      if (entry.unrecorded) this.#record(entry);
      else this.#runner.add(entry);
    });
    this.#runner = new HandlerRunner({
      ...options,
      key: ({ message }) => message.from,
      name: ({ message }) => nameOf(message),
      describe: ({ message }) => `message ${message.id} from ${message.from}`,
      run: ({ message }) => this.#run(message),
      done: (entry, handled) => {
        if (handled) this.#record(entry);
        else this.#setBack(entry);
      },
      slow: (entry, behind) => this.#slow(entry, behind),
    });
  }

  /** How many messages are under way to the application or to its confirmation. */
  get active(): number {
    return [...this.#entry.values()].filter(({ unrecorded, delayed }) => !unrecorded && !delayed).length;
  }

  /** Whether more can be put aside. */
  get canPutAside(): boolean {
    return !this.#retryQueue.full;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  /** Without a handler, messages wait (and the server moves them to the mailbox when they wait too long). */
  setHandler(handler: MessageHandler | undefined): void {
    this.#handler = handler;
    if (!handler || this.#stopped) {
      this.#runner.pause();
      return;
    }
    this.#options.failures.allDue(); // a new handler may do better
    for (const entry of this.#entry.values()) if (entry.delayed) this.#retryQueue.retryNow(entry);
    this.#runner.resume();
  }

  /** Hands on what the last run had not handed on, or not taken note of. */
  load(stored: readonly StoredIncoming[]): void {
    for (const { n, ...message } of stored) {
      this.#last = n;
      const entry = newInboxEntry({ ...message, again: true }, n);
      this.#entry.set(nameOf(message), entry);
      this.#retryQueue.add(entry);
      this.#runner.add(entry);
    }
  }

  /** A message came. */
  arrive(message: IncomingMessage, onResult: OnResult, source: Source): void {
    const name = nameOf(message);
    const { failures, maxHeld } = this.#options;
    const known = this.#entry.get(name);
    if (this.#stopped) onResult('later');
    else if (known) this.#repeated(known, onResult, source);
    else if (this.#entry.size - this.#retryQueue.count >= maxHeld) onResult('failed');
    else if (source === 'mailbox' && !failures.due(name)) onResult('later');
    else this.#take(newInboxEntry(message), onResult);
  }

  /**
   * Keeps a message that was not handed on and that fills the head of the mailbox: one that the handler failed on, that
   * it is slow on, or that waits behind such a one. `onResult` is told `done` when it is safe in storage.
   */
  putAside(message: IncomingMessage, onResult: OnResult): void {
    const known = this.#entry.get(nameOf(message));
    const tries = this.#options.failures.tries(nameOf(message));
    if (known?.durable) onResult('done');
    else if (this.#stopped || (this.#retryQueue.full && !known?.local)) onResult('later');
    else if (known) {
      // What is on its way into the storage, or through it, has its result soon.
      if (known.n === 0 || known.handled) onResult('later');
      else {
        this.#retryQueue.add(known);
        addCallback(known.callbacks, onResult);
        this.#store(known, (error) => error && this.#tell(known, 'failed'));
      }
    } else if (this.#runner.isSlow(message.from) || tries >= TRIES) {
      const entry = newInboxEntry(message);
      this.#retryQueue.add(entry);
      this.#take(entry, onResult);
    } else onResult('later');
  }

  /** Resolves when nothing of it is at work in the storage, the writes apart. Call {@link stop} before. */
  async ended(): Promise<void> {
    await Promise.all([this.#checking, this.seen.ended()]);
  }

  /** Takes no more and starts no more handlers. What waits is left to the server; what runs may still end. */
  stop(): void {
    this.#stopped = true;
    this.#retryQueue.stop();
    for (const entry of this.#runner.drop()) this.#leave(entry, 'later');
  }

  #run(message: IncomingMessage): unknown {
    const failures = this.#options.failures.tries(nameOf(message));
    return this.#handler?.(failures > 0 ? { ...message, failures } : message);
  }

  #take(entry: InboxEntry, onResult: OnResult): void {
    entry.callbacks.push(onResult);
    this.#entry.set(nameOf(entry.message), entry);
    this.#arrived.push(entry);
    this.#checking ??= this.#check();
  }

  /** A duplicate of a message that is still being handled arrived. */
  #repeated(known: InboxEntry, onResult: OnResult, source: Source): void {
    const due = source === 'live' || this.#options.failures.due(nameOf(known.message));
    if (known.durable) onResult('done');
    else if (known.delayed && !due) onResult('later');
    else {
      addCallback(known.callbacks, onResult);
      if (known.unrecorded || known.delayed) this.#retryQueue.retryNow(known);
      else if (this.#runner.isSlow(known.message.from)) onResult('slow');
    }
  }

  /** Lets through what is not in the seen set; one look into storage for all that came meanwhile. */
  async #check(): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.#arrived.length > 0) {
      const batch = this.#arrived;
      this.#arrived = [];
      const seen = await this.seen.check(batch.map(({ message }) => message));
      batch.forEach((entry, index) => {
        if (seen === undefined) this.#release(entry, 'failed');
        else if (seen[index] === true) this.#release(entry, 'done');
        else this.#enter(entry);
      });
    }
    this.#checking = undefined;
  }

  #enter(entry: InboxEntry): void {
    const { from } = entry.message;
    if (!entry.local && this.#runner.isSlow(from)) {
      this.#release(entry, 'later');
      return;
    }
    entry.n = ++this.#last;
    this.#store(entry, (error) => {
      if (error) this.#release(entry, 'failed');
      else if (this.#stopped) this.#leave(entry, 'later');
      else if (entry.local && !this.#options.failures.due(nameOf(entry.message)))
        this.#retryQueue.delay(entry);
      else this.#runner.add(entry);
    });
  }

  #store(entry: InboxEntry, then: (error: ClientError | undefined) => void): void {
    const durability = entry.local ? 'strict' : 'relaxed'; // after a power cut the server still has what is not kept
    this.#options.writes.write([{ do: 'inbox.put', entry: toStore(entry) }], durability, (error) => {
      if (error) this.#options.error(error);
      else if (durability === 'strict') {
        entry.durable = true;
        this.#tell(entry, 'done');
      }
      then(error);
    });
  }

  #slow(entry: InboxEntry, behind: InboxEntry[]): void {
    for (const onResult of entry.callbacks) onResult('slow');
    for (const waiting of behind) {
      if (waiting.local) this.#runner.add(waiting);
      else this.#leave(waiting, 'later');
    }
  }

  /** Not handled, or not recorded. */
  #setBack(entry: InboxEntry): void {
    if (entry.local && !this.#stopped) this.#retryQueue.delay(entry);
    else if (!entry.unrecorded) {
      this.#leave(entry, 'failed');
      return;
    }
    this.#tell(entry, 'failed');
    this.#options.released();
  }

  /** Not handed on: the server keeps it and brings it again; what is kept here waits for the next run. */
  #leave(entry: InboxEntry, result: 'failed' | 'later'): void {
    if (!entry.local) this.#options.writes.write([{ do: 'inbox.delete', n: entry.n }], 'relaxed');
    this.#release(entry, result);
  }

  /** PROTOCOL: the seen set is written before ack:R is sent. */
  #record(entry: InboxEntry): void {
    entry.handled = true;
    entry.unrecorded = false;
    const { from, id } = entry.message;
    this.#options.writes.write(
      [
        { do: 'seen.add', from, id, seenAt: this.#options.clock.date() },
        { do: 'inbox.delete', n: entry.n },
      ],
      'strict',
      (error) => this.#recorded(entry, error),
    );
  }

  #recorded(entry: InboxEntry, error: ClientError | undefined): void {
    if (!error) {
      this.#release(entry, 'done');
      this.seen.added();
      return;
    }
    this.#options.error(error);
    entry.unrecorded = true;
    if (entry.local) this.#options.failures.failed(nameOf(entry.message)); // for the pause before the next try
    this.#setBack(entry);
  }

  #release(entry: InboxEntry, result: 'done' | 'failed' | 'later'): void {
    this.#entry.delete(nameOf(entry.message));
    this.#retryQueue.remove(entry);
    this.#tell(entry, result);
    this.#options.released();
  }

  #tell(entry: InboxEntry, result: 'done' | 'failed' | 'later'): void {
    for (const onResult of entry.callbacks.splice(0)) onResult(result);
  }
}
