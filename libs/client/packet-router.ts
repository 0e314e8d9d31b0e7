import type { ErrorPacket, MsgN, ServerPacket } from '../protocol/packets.ts';
import type { Session } from './connection/connection.ts';
import type { Context } from './context.ts';
import { packetText } from './client-packets.ts';
import { Inbox } from './incoming/inbox.ts';
import { LiveBuffer } from './incoming/live-buffer.ts';
import { MailboxSync } from './incoming/mailbox-sync.ts';
import { type MessageHandler, toMessage } from './incoming/message.ts';
import { PendingAcks } from './incoming/pending-acks.ts';
import { Receipts } from './incoming/receipts.ts';
import { Outbox } from './outgoing/outbox.ts';
import type { OutboxPorts } from './outgoing/outgoing.ts';
import type { Stored, StoredIncoming } from './storage.ts';
import { OwnerCheck } from './storage/owner-check.ts';
import { Alarm } from './timing/clock.ts';
import { ClientError } from './errors.ts';

/**
 * How long messages stay in memory only while it is not known whether the storage belongs to this user, milliseconds.
 * Then the client takes the storage's owner to be the user: a program that starts without a network must not lose
 * messages. If the login proves otherwise, they are taken out again.
 */
const OWNER_TIMEOUT_MS = 2_000;

/** The server may accept the same packet later (PROTOCOL: error codes). */
const TEMPORARY = ['unavailable', 'rate_limited', 'window_full'];

/** Errors of the connection, not of a packet: the client asks again on the next connection. */
const OF_CONNECTION = ['unauthorized', 'not_logged_in', 'replaced', 'draining', 'overloaded'];

/** Takes each packet to the part that it is for, and lets in and out only messages that belong to the storage's owner. */
export class PacketRouter {
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly #context: Context;
  readonly #owner: OwnerCheck;
  readonly #timeout: Alarm;
  readonly #liveBuffer: LiveBuffer;
  readonly #mailbox: MailboxSync;
  readonly #pendingAcks: PendingAcks;
  #loaded = false;
  /** Messages that the last run did not deliver. Another user must not see them. */
  #unread: readonly StoredIncoming[] | undefined;
  /** Counts sessions: an ack:R is valid only on the session of its msg:N. */
  #session = 0;
  #onIdle: (() => void) | undefined;

  constructor(context: Context, ports: Omit<OutboxPorts, 'writing'>) {
    const released = () => this.#checkIdle();
    const unblocked = () => this.#mailbox.retry();
    this.#context = context;
    this.#owner = new OwnerCheck(context);
    this.#timeout = new Alarm(context.clock, () => this.outbox.release(false));
    const outbox = new Outbox(context, { ...ports, writing: () => this.#owner.record() });
    const inbox = new Inbox(context, { released, unblocked });
    const receipts = new Receipts(context, outbox, unblocked);
    const liveBuffer = new LiveBuffer(context, {
      hasHandler: () => inbox.hasHandler,
      deliver: (packet) => this.#deliver(packet),
    });
    const read = () => {
      outbox.mailboxRead();
      liveBuffer.release();
    };
    this.outbox = outbox;
    this.inbox = inbox;
    this.receipts = receipts;
    this.#liveBuffer = liveBuffer;
    this.#mailbox = new MailboxSync(context, { inbox, receipts, liveBuffer, read });
    this.#pendingAcks = new PendingAcks(released);
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** @returns false when the storage belongs to another user than the application's */
  load({ owner, outbox, inbox }: Stored): boolean {
    this.#loaded = this.#owner.load(owner);
    if (this.#loaded) {
      this.#unread = inbox;
      this.outbox.load(outbox);
      this.#ownerChanged();
    }
    return this.#loaded;
  }

  /** A token came: it names the user. */
  tokenReceived(token: unknown): void {
    this.#owner.tokenReceived(token);
    if (this.#loaded) this.#ownerChanged();
  }

  /** @returns false when the storage belongs to another user: its messages must not be sent in this one's name */
  admits({ user }: Session): boolean {
    return this.#owner.confirm(user);
  }

  /** Without a handler, messages wait, and those of the mailbox stay there. */
  setHandler(handler: MessageHandler | undefined): void {
    this.inbox.setHandler(handler);
    if (!handler) this.#liveBuffer.hold();
    else if (!this.#mailbox.retry()) this.#liveBuffer.release();
  }

  online({ limits }: Session): void {
    this.#owner.record();
    this.#ownerChanged();
    this.#session++;
    this.#pendingAcks.offline();
    this.#liveBuffer.online(limits.ackTimeoutMs);
    this.inbox.seen.trim();
    this.#mailbox.online();
    this.outbox.online(limits);
  }

  draining(): void {
    this.#mailbox.drain();
    this.outbox.offline();
  }

  offline(): void {
    this.#session++;
    this.#liveBuffer.clear();
    this.#mailbox.offline();
    this.#pendingAcks.offline();
    this.outbox.offline();
  }

  packet(packet: ServerPacket): void {
    switch (packet.type) {
      case 'msg:A':
        this.outbox.accepted(packet.id, packet.at);
        break;
      case 'ack:N':
        this.receipts.arrived(packet, () => undefined, 'live');
        break;
      case 'msg:N':
        this.#liveBuffer.add(packet);
        break;
      case 'ack:A':
        this.#pendingAcks.answered(packet.from, packet.id);
        break;
      case 'offline:N':
        this.#mailbox.arrived(packet);
        break;
      case 'error':
        this.#error(packet);
        break;
      case 'read:A':
      case 'signal:N':
      case 'logout:A': // this client asks for none of them
      case 'login:A':
      case 'bye':
      case 'pong': // the connection handles these
    }
  }

  /** Begins nothing new; resolves when everything that began has ended: messages accepted, confirmations answered. */
  async flush(): Promise<void> {
    this.#liveBuffer.clear();
    this.inbox.stop();
    this.#mailbox.drain();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#checkIdle();
    });
    await Promise.allSettled([idle, ...this.outbox.list().map((message) => message.accepted())]);
  }

  /** The client cannot go on: it takes no more messages, and does not keep those that may not belong to the storage. */
  halt(reason: string): void {
    this.#timeout.clear();
    this.#owner.reset();
    this.outbox.disown(reason);
    this.outbox.waiters.refuse(reason);
  }

  /** Ends everything; resolves when the storage has written everything. */
  async stop(): Promise<void> {
    this.#liveBuffer.clear();
    this.inbox.stop();
    this.receipts.stop();
    this.#mailbox.offline();
    this.#timeout.clear();
    if (this.#loaded && this.#owner.matches !== false) this.outbox.release(false);
    else this.outbox.disown(this.#loaded ? 'owner' : 'storage');
    this.outbox.stop();
    await this.inbox.ended();
    await this.#context.writes.close();
  }

  /** PROTOCOL: answer every msg:N with ack:R, also for a duplicate. */
  #deliver(packet: MsgN): void {
    const session = this.#session;
    const { from, id } = packet;
    this.inbox.arrive(
      toMessage(packet),
      (result) => {
        if (result !== 'done' || session !== this.#session) return;
        this.#pendingAcks.sent(from, id);
        this.#context.send(packetText({ type: 'ack:R', id, from }));
      },
      'live',
    );
  }

  #checkIdle(): void {
    if (this.#onIdle && this.#pendingAcks.open === 0 && this.inbox.active === 0) this.#onIdle();
  }

  /** Reports all but temporary errors; a code that this client does not know is permanent. */
  #error({ code, message, re }: ErrorPacket): void {
    const { outbox } = this;
    const mailbox = this.#mailbox;
    const temporary = TEMPORARY.includes(code);
    if (!temporary || !re) {
      this.#context.report(new ClientError('server', `${code}: ${message}`, { serverCode: code }));
    }
    if (!re || OF_CONNECTION.includes(code)) return;
    const { type, id = '', from = '', to } = re;
    if (type === 'ack:R') this.#pendingAcks.answered(from, id);
    if (type === 'msg:R') {
      if (temporary) outbox.refused(id);
      else outbox.refusedPermanently(id, code, to);
    }
    if (type === 'offline:R') {
      if (temporary) mailbox.refused();
      else mailbox.drain();
    }
    if (type === 'offline:A' && temporary) mailbox.ackRefused();
  }

  /** Lets in and out the messages that belong to the storage's owner, as far as the owner is this user. */
  #ownerChanged(): void {
    const { matches } = this.#owner;
    if (matches !== false && this.#unread) {
      this.inbox.load(this.#unread);
      this.#unread = undefined;
    }
    if (matches === undefined) {
      if (this.#timeout.at === undefined) this.#timeout.in(OWNER_TIMEOUT_MS);
      return;
    }
    this.#timeout.clear();
    if (matches) this.outbox.release(true);
    else this.outbox.hold();
  }
}
