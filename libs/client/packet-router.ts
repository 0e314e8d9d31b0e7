import type { MsgN, ServerPacket } from '../protocol/packets.ts';
import type { Session } from './connection/status.ts';
import type { Context } from './context.ts';
import { packetText } from './client-packets.ts';
import { routeError } from './route-error.ts';
import { Inbox } from './incoming/inbox.ts';
import { LiveBuffer } from './incoming/live-buffer.ts';
import { MailboxSync } from './incoming/mailbox-sync.ts';
import { type MessageHandler, toMessage } from './incoming/message.ts';
import { PendingAcks } from './incoming/pending-acks.ts';
import { PendingReads } from './incoming/pending-reads.ts';
import { Receipts } from './incoming/receipts.ts';
import { Outbox } from './outgoing/outbox.ts';
import type { OutboxPorts } from './outgoing/outgoing.ts';
import { OwnerGate } from './owner-gate.ts';
import { SignOut } from './sign-out.ts';
import { type Signal, Signals, toSignal } from './signals.ts';
import type { Stored } from './storage.ts';

/** What the packet router tells the client. */
export interface RouterPorts extends Omit<OutboxPorts, 'writing'> {
  readonly signal: (signal: Signal) => void;
  /** The server has let go of this device. */
  readonly signedOut: () => void;
}

/** Takes each packet to the part that it is for. */
export class PacketRouter {
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly liveBuffer: LiveBuffer;
  readonly reads: PendingReads;
  readonly signals: Signals;
  readonly signOut: SignOut;
  readonly mailbox: MailboxSync;
  readonly pendingAcks: PendingAcks;
  readonly owner: OwnerGate;
  readonly #ports: RouterPorts;
  readonly #context: Context;
  /** Counts sessions: an ack:R is valid only on the session of its msg:N. */
  #session = 0;
  #onIdle: (() => void) | undefined;

  constructor(context: Context, ports: RouterPorts) {
    const released = () => this.#checkIdle();
    const unblocked = () => this.mailbox.retry();
    this.#context = context;
    this.#ports = ports;
    this.outbox = new Outbox(context, { ...ports, writing: () => this.owner.record() });
    this.inbox = new Inbox(context, { released, unblocked });
    this.owner = new OwnerGate(context, this.outbox, this.inbox);
    this.receipts = new Receipts(context, this.outbox, unblocked);
    this.liveBuffer = new LiveBuffer(context, {
      hasHandler: () => this.inbox.hasHandler,
      deliver: (packet) => this.#deliver(packet),
    });
    this.mailbox = new MailboxSync(context, this, () => {
      this.outbox.mailboxRead();
      this.liveBuffer.release();
    });
    this.pendingAcks = new PendingAcks(released);
    this.reads = new PendingReads(context, released);
    this.signals = new Signals(context, (cost) => this.outbox.sender.mayPass(cost));
    this.signOut = new SignOut(context);
  }

  /** @returns false when the storage belongs to another user than the application's */
  load(stored: Stored): boolean {
    const loaded = this.owner.load(stored);
    if (loaded) this.reads.load(stored.reads ?? []);
    return loaded;
  }

  /** Without a handler, messages wait, and those of the mailbox stay there. */
  setHandler(handler: MessageHandler | undefined): void {
    this.inbox.setHandler(handler);
    if (!handler) this.liveBuffer.hold();
    else if (!this.mailbox.retry()) this.liveBuffer.release();
  }

  online({ limits, sync }: Session): void {
    if (this.signOut.online()) return;
    if (this.#context.sync && !sync) this.#context.fail('sync', 'the server does not support synced devices');
    this.owner.online();
    this.#session++;
    this.pendingAcks.offline();
    this.liveBuffer.online(limits.ackTimeoutMs);
    this.inbox.seen.trim();
    this.mailbox.online();
    this.outbox.online(limits);
    this.signals.online(limits);
    this.reads.online(limits.maxReceivers !== undefined);
  }

  draining(): void {
    this.mailbox.drain();
    this.outbox.offline();
  }

  offline(): void {
    this.#session++;
    this.signOut.offline();
    this.reads.offline();
    this.liveBuffer.clear();
    this.mailbox.offline();
    this.pendingAcks.offline();
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
        this.liveBuffer.add(packet);
        break;
      case 'ack:A':
        this.pendingAcks.answered(packet.from, packet.id);
        break;
      case 'offline:N':
        this.mailbox.arrived(packet);
        break;
      case 'error':
        routeError(packet, this, this.#context.report, this.#ports.signedOut);
        break;
      case 'read:A':
        this.reads.answered(packet.items);
        break;
      case 'signal:N':
        this.#ports.signal(toSignal(packet));
        break;
      case 'logout:A':
        this.#ports.signedOut();
        break;
      case 'login:A':
      case 'bye':
      case 'pong': // the connection handles these
    }
  }

  /** Begins nothing new; resolves when everything that began has ended: messages accepted, confirmations answered. */
  async flush(): Promise<void> {
    this.liveBuffer.clear();
    this.inbox.stop();
    this.mailbox.drain();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#checkIdle();
    });
    await Promise.allSettled([idle, ...this.outbox.list().map((message) => message.accepted())]);
  }

  /** The client cannot go on: it takes no more messages, and does not keep those that may not belong to the storage. */
  halt(reason: string): void {
    this.owner.halt(reason);
    this.outbox.waiters.refuse(reason);
  }

  /** Ends everything; resolves when the storage has written everything. @param clear the storage is to be empty then */
  async stop(clear: boolean): Promise<void> {
    this.liveBuffer.clear();
    this.inbox.stop();
    this.receipts.stop();
    this.mailbox.offline();
    this.reads.offline();
    this.signOut.offline();
    if (clear) this.outbox.disown('signed_out', 0);
    this.owner.stop();
    this.outbox.stop();
    await this.inbox.ended();
    await this.#context.writes.close(clear ? [{ do: 'clear' }] : []);
  }

  /** PROTOCOL: answer every msg:N with ack:R, also for a duplicate. */
  #deliver(packet: MsgN): void {
    const session = this.#session;
    const { from, id } = packet;
    this.inbox.arrive(
      toMessage(packet),
      (result) => {
        if (result !== 'done' || session !== this.#session) return;
        this.pendingAcks.sent(from, id);
        this.#context.send(packetText({ type: 'ack:R', id, from }));
      },
      'live',
    );
  }

  #checkIdle(): void {
    if (this.pendingAcks.open === 0 && this.inbox.active === 0 && !this.reads.busy) this.#onIdle?.();
  }
}
