import type { ClientError } from '../errors.ts';
import { addConfirm, type Confirm, type Way } from './fate.ts';
import { Handing } from './handing.ts';
import { type Held, nameOf, newHeld, toStore } from './held.ts';
import type { InboxOptions } from './inbox-options.ts';
import { Kept } from './kept.ts';
import type { IncomingMessage, MessageHandler } from './message.ts';
import { Seen } from './seen.ts';
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
 * What is kept ({@link keep}) is the exception to "the server keeps it". The server hands out the oldest entries of a
 * mailbox, and no others: as many messages as fill a page that the handler fails on would hide all others for ever. They
 * are written to storage (`strict`), confirmed, and tried again from here, also by the next run. That is what
 * `delivered` promises: this device has the message, and its application gets it. So it is done only where nothing else
 * lets the mailbox be read on, and for `maxPutAside` messages at most. In a storage that does not outlive the program it
 * is worth as much as that storage.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #held = new Map<string, Held>();
  readonly #handing: Handing<Held>;
  readonly #kept: Kept;
  readonly seen: Seen;
  #handler: MessageHandler | undefined;
  #arrived: Held[] = [];
  #checking: Promise<void> | undefined;
  #stopped = false;
  #last = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { clock, failures, maxPutAside } = options;
    this.seen = new Seen(options);
    this.#kept = new Kept(clock, failures, maxPutAside, (held) => {
      if (held.unrecorded) this.#record(held);
      else this.#handing.add(held);
    });
    this.#handing = new Handing({
      ...options,
      lane: ({ message }) => message.from,
      name: ({ message }) => nameOf(message),
      describe: ({ message }) => `message ${message.id} from ${message.from}`,
      run: ({ message }) => this.#run(message),
      done: (held, handled) => {
        if (handled) this.#record(held);
        else this.#setBack(held);
      },
      slow: (held, behind) => this.#slow(held, behind),
    });
  }

  /** How many messages are under way to the application or to its confirmation. */
  get active(): number {
    return [...this.#held.values()].filter(({ unrecorded, resting }) => !unrecorded && !resting).length;
  }

  /** Whether more can be put aside. */
  get keepsMore(): boolean {
    return !this.#kept.full;
  }

  get hasHandler(): boolean {
    return this.#handler !== undefined;
  }

  /** Without a handler, messages wait (and the server moves them to the mailbox when they wait too long). */
  setHandler(handler: MessageHandler | undefined): void {
    this.#handler = handler;
    if (!handler || this.#stopped) {
      this.#handing.pause();
      return;
    }
    this.#options.failures.allDue(); // a new handler may do better
    for (const held of this.#held.values()) if (held.resting) this.#kept.wake(held);
    this.#handing.resume();
  }

  /** Hands on what the last run had not handed on, or not taken note of. */
  load(stored: readonly StoredIncoming[]): void {
    for (const { n, ...message } of stored) {
      this.#last = n;
      const held = newHeld({ ...message, again: true }, n);
      this.#held.set(nameOf(message), held);
      this.#kept.add(held);
      this.#handing.add(held);
    }
  }

  /** A message came. */
  arrive(message: IncomingMessage, confirm: Confirm, way: Way): void {
    const name = nameOf(message);
    const { failures, maxHeld } = this.#options;
    const known = this.#held.get(name);
    if (this.#stopped) confirm('later');
    else if (known) this.#repeated(known, confirm, way);
    else if (this.#held.size - this.#kept.count >= maxHeld) confirm('failed');
    else if (way === 'mailbox' && !failures.due(name)) confirm('later');
    else this.#take(newHeld(message), confirm);
  }

  /**
   * Keeps a message that was not handed on and that fills the head of the mailbox: one that the handler failed on, that
   * it is slow on, or that waits behind such a one. `confirm` is told `handed` when it is safe in storage.
   */
  keep(message: IncomingMessage, confirm: Confirm): void {
    const known = this.#held.get(nameOf(message));
    const tries = this.#options.failures.tries(nameOf(message));
    if (known?.safe) confirm('handed');
    else if (this.#stopped || (this.#kept.full && !known?.kept)) confirm('later');
    else if (known) {
      // What is on its way into the storage, or through it, has its fate soon.
      if (known.n === 0 || known.handled) confirm('later');
      else {
        this.#kept.add(known);
        addConfirm(known.confirms, confirm);
        this.#store(known, (error) => error && this.#tell(known, 'failed'));
      }
    } else if (this.#handing.isSlow(message.from) || tries >= TRIES) {
      const held = newHeld(message);
      this.#kept.add(held);
      this.#take(held, confirm);
    } else confirm('later');
  }

  /** Resolves when nothing of it is at work in the storage, the journal apart. Call {@link stop} before. */
  async ended(): Promise<void> {
    await Promise.all([this.#checking, this.seen.ended()]);
  }

  /** Takes no more and starts no more handlers. What waits is left to the server; what runs may still end. */
  stop(): void {
    this.#stopped = true;
    this.#kept.stop();
    for (const held of this.#handing.drop()) this.#leave(held, 'later');
  }

  #run(message: IncomingMessage): unknown {
    const failures = this.#options.failures.tries(nameOf(message));
    return this.#handler?.(failures > 0 ? { ...message, failures } : message);
  }

  #take(held: Held, confirm: Confirm): void {
    held.confirms.push(confirm);
    this.#held.set(nameOf(held.message), held);
    this.#arrived.push(held);
    this.#checking ??= this.#check();
  }

  /** A duplicate of a message that is still being handled arrived. */
  #repeated(known: Held, confirm: Confirm, way: Way): void {
    const due = way === 'live' || this.#options.failures.due(nameOf(known.message));
    if (known.safe) confirm('handed');
    else if (known.resting && !due) confirm('later');
    else {
      addConfirm(known.confirms, confirm);
      if (known.unrecorded || known.resting) this.#kept.wake(known);
      else if (this.#handing.isSlow(known.message.from)) confirm('slow');
    }
  }

  /** Lets through what is not in the seen set; one look into storage for all that came meanwhile. */
  async #check(): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.#arrived.length > 0) {
      const batch = this.#arrived;
      this.#arrived = [];
      const seen = await this.seen.look(batch.map(({ message }) => message));
      batch.forEach((held, index) => {
        if (seen === undefined) this.#release(held, 'failed');
        else if (seen[index] === true) this.#release(held, 'handed');
        else this.#enter(held);
      });
    }
    this.#checking = undefined;
  }

  #enter(held: Held): void {
    const { from } = held.message;
    if (!held.kept && this.#handing.isSlow(from)) {
      this.#release(held, 'later');
      return;
    }
    held.n = ++this.#last;
    this.#store(held, (error) => {
      if (error) this.#release(held, 'failed');
      else if (this.#stopped) this.#leave(held, 'later');
      else if (held.kept && !this.#options.failures.due(nameOf(held.message))) this.#kept.rest(held);
      else this.#handing.add(held);
    });
  }

  #store(held: Held, then: (error: ClientError | undefined) => void): void {
    const durability = held.kept ? 'strict' : 'relaxed'; // after a power cut the server still has what is not kept
    this.#options.journal.write([{ do: 'inbox.put', entry: toStore(held) }], durability, (error) => {
      if (error) this.#options.error(error);
      else if (durability === 'strict') {
        held.safe = true;
        this.#tell(held, 'handed');
      }
      then(error);
    });
  }

  #slow(held: Held, behind: Held[]): void {
    for (const confirm of held.confirms) confirm('slow');
    for (const waiting of behind) {
      if (waiting.kept) this.#handing.add(waiting);
      else this.#leave(waiting, 'later');
    }
  }

  /** Not handled, or not recorded. */
  #setBack(held: Held): void {
    if (held.kept && !this.#stopped) this.#kept.rest(held);
    else if (!held.unrecorded) {
      this.#leave(held, 'failed');
      return;
    }
    this.#tell(held, 'failed');
    this.#options.released();
  }

  /** Not handed on: the server keeps it and brings it again; what is kept here waits for the next run. */
  #leave(held: Held, fate: 'failed' | 'later'): void {
    if (!held.kept) this.#options.journal.write([{ do: 'inbox.delete', n: held.n }], 'relaxed');
    this.#release(held, fate);
  }

  /** PROTOCOL: the seen set is written before ack:R is sent. */
  #record(held: Held): void {
    held.handled = true;
    held.unrecorded = false;
    const { from, id } = held.message;
    this.#options.journal.write(
      [
        { do: 'seen.add', from, id, seenAt: this.#options.clock.date() },
        { do: 'inbox.delete', n: held.n },
      ],
      'strict',
      (error) => this.#recorded(held, error),
    );
  }

  #recorded(held: Held, error: ClientError | undefined): void {
    if (!error) {
      this.#release(held, 'handed');
      this.seen.added();
      return;
    }
    this.#options.error(error);
    held.unrecorded = true;
    if (held.kept) this.#options.failures.failed(nameOf(held.message)); // for the pause before the next try
    this.#setBack(held);
  }

  #release(held: Held, fate: 'handed' | 'failed' | 'later'): void {
    this.#held.delete(nameOf(held.message));
    this.#kept.remove(held);
    this.#tell(held, fate);
    this.#options.released();
  }

  #tell(held: Held, fate: 'handed' | 'failed' | 'later'): void {
    for (const confirm of held.confirms.splice(0)) confirm(fate);
  }
}
