import type { Context } from '../context.ts';
import type { StoredIncoming } from '../storage.ts';
import { addCallback, type DeliveryResult, type OnResult, type Source } from './delivery-result.ts';
import { HandlerRunner } from './handler-runner.ts';
import { type InboxEntry, nameOf, newInboxEntry } from './inbox-entry.ts';
import type { IncomingMessage, MessageHandler } from './message.ts';
import { RetryQueue } from './retry-queue.ts';
import { SeenSet } from './seen-set.ts';

/** A message is put aside only when the handler has failed on it as often. */
const TRIES = 2;

export interface InboxPorts {
  /** Called when a message is no longer under way. */
  readonly released: () => void;
  /** A slow handler has ended. */
  readonly unblocked: () => void;
}

/**
 * Every message from its arrival to its confirmation (PROTOCOL: what a client must do, 4): the application gets it once,
 * however often it arrives, live or from the mailbox.
 *
 * The order is:
 *
 * 1. The message is written to the inbox in the storage.
 * 2. The application's handler runs.
 * 3. One atomic `strict` write deletes the message from the inbox and adds its name to the seen set.
 * 4. The client confirms it to the server.
 *
 * If the handler throws, the inbox entry is deleted and nothing is confirmed: the server keeps the message and sends it
 * again. The handler does not get it before its pause is over ({@link Failures}), unless the server sends it live.
 *
 * Whenever the program dies, the message is with the server, in the inbox, or with the application: no message is lost
 * (G1). A message in the seen set is not delivered again (G2). No order of writes can tell a program that died just before
 * its handler took effect from one that died just after. The client then delivers the message again, marked `again`, at
 * the next start. An application whose effects must not happen twice need only check messages with this mark. To mark a
 * message as seen before the handler runs would lose it in the same moment, without notice.
 *
 * {@link putAside} is the exception to "the server keeps it". The server returns only the oldest entries of a mailbox: a
 * full page of messages that the handler fails on would hide all others. The client writes them to the storage (`strict`),
 * confirms them, and tries them again itself, also in the next run. `delivered` stays true: this device has the message,
 * and its application gets it. The client does this only when the mailbox cannot be read on otherwise, and for
 * `maxPutAside` messages at most. In a storage that does not outlive the program they are lost with it.
 */
export class Inbox {
  readonly #context: Context;
  readonly #released: () => void;
  readonly #entries = new Map<string, InboxEntry>();
  readonly #runner: HandlerRunner<InboxEntry>;
  readonly #retries: RetryQueue;
  readonly seen: SeenSet;
  #handler: MessageHandler | undefined;
  #stopped = false;
  #last = 0;

  constructor(context: Context, { released, unblocked }: InboxPorts) {
    this.#context = context;
    this.#released = released;
    this.seen = new SeenSet(context);
    this.#runner = new HandlerRunner(context, {
      describe: ({ message }) => `message ${message.id} from ${message.from}`,
      run: ({ message, name }) => {
        const failures = this.#failures.tries(name);
        return this.#handler?.(failures > 0 ? { ...message, failures } : message);
      },
      done: (entry, handled) => (handled ? this.#record(entry) : this.#setBack(entry)),
      slow: (entry, behind) => this.#slow(entry, behind),
      unblocked,
    });
    this.#retries = new RetryQueue(context, this.#failures, (entry) => {
      if (entry.unrecorded) this.#record(entry);
      else this.#runner.add(entry);
    });
  }

  /** how many messages are not handled or not confirmed. */
  get active(): number {
    return [...this.#entries.values()].filter(({ unrecorded, delayed }) => !unrecorded && !delayed).length;
  }

  /** Whether more can be put aside. */
  get canPutAside(): boolean {
    return !this.#retries.full;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  get #failures() {
    return this.#runner.failures;
  }

  /** Without a handler, messages wait (and the server moves them to the mailbox when they wait too long). */
  setHandler(handler: MessageHandler | undefined): void {
    this.#handler = handler;
    if (!handler || this.#stopped) {
      this.#runner.pause();
      return;
    }
    this.#failures.allDue(); // a new handler may do better
    for (const entry of this.#entries.values()) if (entry.delayed) this.#retries.retryNow(entry);
    this.#runner.resume();
  }

  /** Delivers the messages that the last run had not delivered, or not recorded. */
  load(stored: readonly StoredIncoming[]): void {
    for (const { n, ...message } of stored) {
      this.#last = n;
      const entry = newInboxEntry({ ...message, again: true }, n);
      this.#entries.set(entry.name, entry);
      this.#retries.add(entry);
      this.#runner.add(entry);
    }
  }

  /** A message came. */
  arrive(message: IncomingMessage, onResult: OnResult, source: Source): void {
    const name = nameOf(message);
    const known = this.#entries.get(name);
    const due = source === 'live' || this.#failures.due(name);
    if (this.#stopped) onResult('later');
    else if (known) this.#repeated(known, onResult, due);
    else if (this.#entries.size - this.#retries.count >= this.#context.tuning.maxHeld) onResult('failed');
    else if (due) this.#take(newInboxEntry(message), onResult);
    else onResult('later');
  }

  /**
   * Puts aside a message that blocks the mailbox: the handler failed on it, is slow on it, or is slow on an earlier
   * message of the same sender. Calls `onResult` with `done` when the message is safe in the storage.
   */
  putAside(message: IncomingMessage, onResult: OnResult): void {
    const known = this.#entries.get(nameOf(message));
    if (known?.durable) onResult('done');
    else if (this.#stopped || (this.#retries.full && !known?.local)) onResult('later');
    else if (known) {
      // A message on its way into the storage, or through it, has its result soon.
      if (known.n === 0 || known.handled) onResult('later');
      else {
        this.#retries.add(known);
        addCallback(known.callbacks, onResult);
        this.#store(known, (ok) => ok || this.#tell(known, 'failed'));
      }
    } else if (this.#runner.isSlow(message.from) || this.#failures.tries(nameOf(message)) >= TRIES) {
      const entry = newInboxEntry(message);
      this.#retries.add(entry);
      this.#take(entry, onResult);
    } else onResult('later');
  }

  /** Resolves when all reads of the storage have ended. Call {@link stop} before. */
  ended(): Promise<void> {
    return this.seen.ended();
  }

  /** Takes no more and starts no more handlers. The server keeps the messages that wait; handlers that run may end. */
  stop(): void {
    this.#stopped = true;
    this.#retries.stop();
    for (const entry of this.#runner.drop()) this.#leave(entry, 'later');
  }

  #take(entry: InboxEntry, onResult: OnResult): void {
    entry.callbacks.push(onResult);
    this.#entries.set(entry.name, entry);
    this.seen.check(entry.message, (seen) => {
      if (seen === undefined) this.#release(entry, 'failed');
      else if (seen) this.#release(entry, 'done');
      else this.#enter(entry);
    });
  }

  /** A duplicate arrived of a message that is still being handled. */
  #repeated(known: InboxEntry, onResult: OnResult, due: boolean): void {
    if (known.durable) onResult('done');
    else if (known.delayed && !due) onResult('later');
    else {
      addCallback(known.callbacks, onResult);
      if (known.unrecorded || known.delayed) this.#retries.retryNow(known);
      else if (this.#runner.isSlow(known.key)) onResult('slow');
    }
  }

  #enter(entry: InboxEntry): void {
    if (!entry.local && this.#runner.isSlow(entry.key)) {
      this.#release(entry, 'later');
      return;
    }
    entry.n = ++this.#last;
    this.#store(entry, (ok) => {
      if (!ok) this.#release(entry, 'failed');
      else if (this.#stopped) this.#leave(entry, 'later');
      else if (entry.local && !this.#failures.due(entry.name)) this.#retries.delay(entry);
      else this.#runner.add(entry);
    });
  }

  #store(entry: InboxEntry, then: (ok: boolean) => void): void {
    const { local, message, n } = entry;
    // After a power cut the server still has the messages that are not local.
    const durability = local ? 'strict' : 'relaxed';
    this.#context.writes.write([{ do: 'inbox.put', entry: { ...message, n } }], durability, (ok) => {
      if (ok && local) {
        entry.durable = true;
        this.#tell(entry, 'done');
      }
      then(ok);
    });
  }

  #slow(entry: InboxEntry, behind: InboxEntry[]): void {
    for (const callback of entry.callbacks) callback('slow');
    for (const waiting of behind) {
      if (waiting.local) this.#runner.add(waiting);
      else this.#leave(waiting, 'later');
    }
  }

  /** Not handled, or not recorded. */
  #setBack(entry: InboxEntry): void {
    if (entry.local && !this.#stopped) this.#retries.delay(entry);
    else if (!entry.unrecorded) {
      this.#leave(entry, 'failed');
      return;
    }
    this.#tell(entry, 'failed');
    this.#released();
  }

  /** Not delivered: the server keeps it and sends it again; a local one waits for the next run. */
  #leave(entry: InboxEntry, result: DeliveryResult): void {
    if (!entry.local) this.#context.writes.write([{ do: 'inbox.delete', n: entry.n }], 'relaxed');
    this.#release(entry, result);
  }

  /** PROTOCOL: the seen set is written before ack:R is sent. */
  #record(entry: InboxEntry): void {
    const { clock, writes } = this.#context;
    const { from, id } = entry.message;
    entry.handled = true;
    entry.unrecorded = false;
    writes.write(
      [
        { do: 'seen.add', from, id, seenAt: clock.date() },
        { do: 'inbox.delete', n: entry.n },
      ],
      'strict',
      (ok) => {
        if (ok) {
          this.#release(entry, 'done');
          this.seen.added();
          return;
        }
        entry.unrecorded = true;
        if (entry.local) this.#failures.failed(entry.name); // for the pause before the next try
        this.#setBack(entry);
      },
    );
  }

  #release(entry: InboxEntry, result: DeliveryResult): void {
    this.#entries.delete(entry.name);
    this.#retries.remove(entry);
    this.#tell(entry, result);
    this.#released();
  }

  #tell(entry: InboxEntry, result: DeliveryResult): void {
    for (const callback of entry.callbacks.splice(0)) callback(result);
  }
}
