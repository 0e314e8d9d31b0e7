import type { Session } from '../connection/status.ts';
import { demand } from '../client-packets.ts';
import type { Context } from '../context.ts';
import { Deadlines } from '../timing/deadlines.ts';
import { type Entry, newEntry, recordOf, restoredEntry, startExpiry } from './entry.ts';
import { type MessageLimits, packetOf } from './message-packet.ts';
import { RecentMessages } from './recent-messages.ts';
import { isSame, Outgoing, type OutboxPorts, type OutgoingActions, type OutgoingFields } from './outgoing.ts';
import type { OutgoingMessage } from './outgoing-message.ts';
import type { Receipt } from './receipt.ts';
import { Sender } from './sender.ts';
import type { StoredOutgoing } from '../storage.ts';
import { Waiters } from './waiters.ts';

/**
 * Every message from send() to its ack:N (PROTOCOL: what a client must do, 1 to 3): in storage before it is sent, and
 * until its state is final. The {@link Sender} decides when it is sent.
 */
export class Outbox implements OutgoingActions {
  readonly waiters = new Waiters();
  readonly #context: Context;
  readonly changed: OutboxPorts['changed'];
  readonly listenerThrew: OutboxPorts['listenerThrew'];
  readonly #writing: () => void;
  readonly sender: Sender<Entry>;
  readonly #deadlines: Deadlines<Outgoing>;
  readonly #entries = new Map<string, Entry>();
  readonly #recent = new RecentMessages();
  /** New messages are held in memory: it is not known whether they belong into this storage. */
  #holds = true;
  /** Entries behind this position were added before that was known. */
  #ownUpTo = 0;
  /** Position of the newest entry. */
  #last = 0;
  #limits: MessageLimits = { maxPacketBytes: 0 };

  constructor(context: Context, { changed, listenerThrew, writing }: OutboxPorts) {
    this.#context = context;
    this.changed = changed;
    this.listenerThrew = listenerThrew;
    this.#writing = writing;
    this.sender = new Sender(context, (entry) => this.#transmit(entry));
    this.#deadlines = new Deadlines(context.clock, (message) => this.giveUp(message, 'deadline'));
  }

  /** Messages without a final state, oldest first: `sending`, `sent` and `stored`. */
  list(): Outgoing[] {
    const followed = this.#recent.open().filter(({ state }) => state !== 'failed');
    return [...followed, ...this.#behind(-1).map(({ message }) => message)];
  }

  /** Takes over the entries of the last run; held messages follow after them, once they are released. */
  load(stored: readonly StoredOutgoing[]): void {
    for (const record of stored) this.#restore(record);
    this.#ownUpTo = this.#last;
  }

  /** From now on messages are held in memory: they may not belong into this storage. */
  hold(): void {
    this.#holds = true;
    this.#ownUpTo = Math.min(this.#ownUpTo, this.#last);
  }

  /** Writes the held messages, and those that are added from now on. @param own they certainly belong here */
  release(own: boolean): void {
    if (own) this.#ownUpTo = Infinity;
    this.#holds = false;
    for (const entry of this.#behind(this.#last)) this.#enter(entry);
  }

  /** Messages that were added in doubt do not belong here, though they may be written: takes them out. @param upTo those up to it stay */
  disown(reason: string, upTo = this.#ownUpTo): void {
    for (const { message } of this.#behind(upTo)) this.giveUp(message, reason);
    this.hold();
  }

  /**
   * @throws TypeError when another message has this id: a message is named by it
   * @throws ClientError `closed` when nothing can come of it
   */
  add(fields: OutgoingFields): OutgoingMessage {
    this.waiters.check();
    const known = this.#find(fields.id);
    if (known) return this.#again(known, fields);
    return this.#admit(new Outgoing(fields, this));
  }

  online(limits: Session['limits']): void {
    this.#limits = limits;
    const written = [...this.#entries.values()].filter((entry) => entry.written);
    this.sender.online(limits, written);
  }

  offline(): void {
    this.sender.offline();
  }

  /** The mailbox, with its receipts, has been read. */
  mailboxRead(): void {
    this.sender.mailboxRead();
  }

  /** msg:A. After the caller gave up, it puts the message back: the server is responsible for it now. */
  accepted(id: string, at: number): void {
    const entry = this.#entries.get(id);
    if (!entry) this.#revive(id, at);
    else this.#accepted(entry, at);
  }

  #accepted(entry: Entry, at: number): void {
    if (entry.message.apply('accepted', { at })) {
      this.#deadlines.delete(entry.message);
      this.#context.writes.write([{ do: 'outbox.accepted', n: entry.n, at }], 'relaxed');
    }
    startExpiry(entry, this.#context.clock);
    this.sender.accepted(entry);
  }

  /**
   * ack:N, or a receipt from the mailbox; matched on `id` and `to` (PROTOCOL: what a client must do, 6).
   *
   * @returns false when no message of this run is meant
   */
  receipt({ id, to, state, at, reason }: Receipt): boolean {
    const message = this.#find(id);
    if (!message?.receivers.some((receiver) => receiver.to === to)) return false;
    const entry = this.#entries.get(id);
    const last = message.missing.every((receiver) => receiver === to);
    if (last) {
      this.#remove(id, 'relaxed');
      message.bodyText = '';
    }
    const changed = message.apply(state, { to, at, reason });
    if (last) this.#recent.add(message);
    else if (changed && entry) {
      const receipt = { to, state, at, reason };
      this.#context.writes.write([{ do: 'outbox.receipt', n: entry.n, receipt }], 'relaxed');
    }
    return true;
  }

  /** The server refused its msg:R for now (`unavailable`, `rate_limited`, `window_full`). */
  refused(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) this.sender.refused(entry);
  }

  /**
   * The server refused its msg:R permanently: the client does not send it again. A message that was accepted before stays
   * `sent`; only its retransmission ends.
   *
   * @param refused the receivers that the reason is about; default: all
   */
  refusedPermanently(id: string, reason: string, refused?: readonly string[]): void {
    const message = this.#entries.get(id)?.message;
    if (!message) return;
    this.#remove(id, 'strict');
    this.#recent.add(message);
    message.apply('given up', { reason, refused });
  }

  /** Sends a failed message again. */
  retry(message: Outgoing): void {
    if (this.waiters.refuses || this.#find(message.id) !== message) return; // closed, or its id was in use
    this.#recent.delete(message.id);
    message.apply('retried');
    this.#admit(message);
  }

  /** Of a message that is not accepted. */
  giveUp(message: Outgoing, reason: string): void {
    if (message.state !== 'sending') return;
    this.#remove(message.id, 'strict');
    this.#recent.add(message);
    message.apply('given up', { reason });
  }

  /** No more timers. */
  stop(): void {
    this.sender.offline();
    this.#deadlines.clear();
  }

  #find(id: string): Outgoing | undefined {
    return this.#entries.get(id)?.message ?? this.#recent.get(id);
  }

  /** The entries behind a position, in order; those that are held in memory come last. */
  #behind(position: number): Entry[] {
    return [...this.#entries.values()].filter(({ n }) => n > position).sort((a, b) => a.n - b.n);
  }

  /** send() with a known id: the same message again, not a second one. */
  #again(known: Outgoing, { id, to, bodyText }: OutgoingFields): OutgoingMessage {
    const same = isSame(known.to, to) && (known.bodyText === '' || known.bodyText === bodyText);
    demand(same, `another message has the id ${id}`);
    known.retry();
    return known;
  }

  #restore(record: StoredOutgoing): void {
    const held = this.#entries.get(record.id)?.message;
    const same = held?.bodyText === record.bodyText && isSame(held.to, record.to);
    if (held && !same) this.giveUp(held, 'id_in_use');
    const message = held && same ? held : new Outgoing(record, this);
    const entry = restoredEntry(message, record);
    this.#entries.set(message.id, entry);
    this.#last = record.n;
    startExpiry(entry, this.#context.clock);
    if (!entry.accepted && record.deadlineAt !== undefined) this.#setDeadline(message, record.deadlineAt);
  }

  #admit(message: Outgoing): Outgoing {
    if (this.#entries.size >= this.#context.tuning.maxOutbox) {
      this.giveUp(message, 'outbox_full');
      return message;
    }
    if (message.deadlineMs !== undefined) {
      this.#setDeadline(message, this.#context.clock.date() + message.deadlineMs);
    }
    this.#take(message);
    return message;
  }

  #setDeadline(message: Outgoing, deadlineAt: number): void {
    const { clock } = this.#context;
    const { deadlineMs = Infinity } = message;
    message.deadlineAt = deadlineAt;
    this.#deadlines.set(message, clock.now() + Math.min(deadlineAt - clock.date(), deadlineMs));
  }

  #take(message: Outgoing): void {
    const entry = newEntry(message);
    this.#entries.set(message.id, entry);
    if (!this.#holds) this.#enter(entry);
  }

  /** PROTOCOL: the outbox is written to storage before the packet is sent. */
  #enter(entry: Entry): void {
    entry.n = ++this.#last;
    startExpiry(entry, this.#context.clock);
    this.#writing();
    this.#context.writes.write([{ do: 'outbox.put', entry: recordOf(entry) }], 'strict', (written) =>
      this.#entered(entry, written),
    );
  }

  #entered(entry: Entry, written: boolean): void {
    if (this.#entries.get(entry.message.id) !== entry) return;
    if (!written) {
      entry.n = Infinity; // nothing of it is in storage
      this.giveUp(entry.message, 'storage');
      return;
    }
    entry.written = true;
    if (entry.message.state === 'sending') this.sender.enqueue(entry);
    else this.sender.accepted(entry);
  }

  #revive(id: string, at: number): void {
    const message = this.#recent.get(id);
    if (message?.state !== 'failed' || message.bodyText === '') return;
    this.#recent.delete(id);
    message.apply('accepted', { at });
    this.#take(message);
  }

  #remove(id: string, durability: 'strict' | 'relaxed'): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#deadlines.delete(entry.message);
    if (entry.n > this.#last) return; // held in memory
    this.#context.writes.write([{ do: 'outbox.delete', n: entry.n }], durability);
    this.sender.remove(entry);
  }

  #transmit({ message }: Entry): boolean {
    const { text, problem } = packetOf(message, this.#limits);
    if (problem) this.refusedPermanently(message.id, problem);
    else this.#context.send(text);
    return !problem;
  }
}
