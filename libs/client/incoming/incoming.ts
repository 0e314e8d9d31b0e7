import type { MsgN } from '../../protocol/packets.ts';
import { packetText } from '../client-packets.ts';
import type { Session } from '../connection/connection.ts';
import { ClientError } from '../errors.ts';
import type { WriteBatcher } from '../storage/write-batcher.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import type { Storage } from '../storage.ts';
import { PendingAcks } from './pending-acks.ts';
import { Failures } from './failures.ts';
import type { DeliveryResult } from './delivery-result.ts';
import { LiveBuffer } from './live-buffer.ts';
import { Inbox } from './inbox.ts';
import type { IncomingMessage, MessageHandler } from './message.ts';
import { MailboxSync } from './mailbox-sync.ts';
import { Receipts } from './receipts.ts';

export interface IncomingPorts {
  readonly storage: Storage;
  readonly writes: WriteBatcher;
  readonly outbox: Outbox;
  /** Puts a packet on the wire; without a session, nowhere. */
  readonly send: (text: string) => void;
  readonly report: (error: ClientError) => void;
}

/** How long a live message may wait for the mailbox to be emptied, as a part of the gateway's ackTimeoutMs. */
const HOLD_PART = 0.5;

const toMessage = ({ from, id, body, at, seq }: Omit<MsgN, 'type'>): IncomingMessage => ({
  ...{ from, id, body, at },
  ...(seq !== undefined && { seq }),
});

/** What comes in, live and from the mailbox, on its way to the application; and the answers to it. */
export class Incoming {
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly mailbox: MailboxSync;
  readonly pendingAcks: PendingAcks;
  readonly #ports: IncomingPorts;
  readonly #liveBuffer: LiveBuffer<MsgN>;
  /** Counts sessions: an ack:R means something only on the one that its msg:N came on. */
  #session = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: ResolvedOptions, ports: IncomingPorts) {
    const { clock, random, tuning } = options;
    const { storage, writes, outbox, report } = ports;
    const { maxHeld, maxPutAside, slowHandlerMs, seen } = tuning;
    const released = () => this.#checkIdle();
    const shared = { clock, slowHandlerMs, error: report, unblocked: () => this.mailbox.retry() };
    const failures = () => new Failures(clock, random, tuning.retryFailed);
    this.#ports = ports;
    this.pendingAcks = new PendingAcks(released);
    this.inbox = new Inbox({
      ...{ ...shared, failures: failures(), storage, writes, maxHeld, maxPutAside, seen, released },
    });
    this.receipts = new Receipts({ ...shared, failures: failures(), outbox });
    this.mailbox = this.#newMailboxSync(options);
    this.#liveBuffer = new LiveBuffer(
      clock,
      maxHeld,
      () => this.inbox.hasHandler,
      (packet) => this.#deliver(packet),
    );
  }

  /** Without a handler, messages wait, and those of the mailbox stay there. */
  setHandler(handler: MessageHandler | undefined): void {
    this.inbox.setHandler(handler);
    if (!handler) this.#liveBuffer.hold();
    else if (!this.mailbox.retry()) this.#liveBuffer.release();
  }

  online({ ackTimeoutMs }: Session['limits']): void {
    this.#session++;
    this.pendingAcks.offline();
    this.#liveBuffer.hold(ackTimeoutMs * HOLD_PART);
    this.inbox.seen.online();
    this.mailbox.online();
  }

  offline(): void {
    this.#session++;
    this.#liveBuffer.clear();
    this.mailbox.offline();
    this.pendingAcks.offline();
  }

  /** msg:N came. */
  message(packet: MsgN): void {
    this.#liveBuffer.add(packet);
  }

  /** Begins nothing new; resolves when what was begun is through and its confirmations are answered. */
  finish(): Promise<void> {
    this.#liveBuffer.clear();
    this.inbox.stop();
    this.mailbox.drain();
    return new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#checkIdle();
    });
  }

  stop(): void {
    this.#liveBuffer.clear();
    this.inbox.stop();
    this.receipts.stop();
    this.mailbox.offline();
  }

  #newMailboxSync({ clock, random, tuning }: ResolvedOptions): MailboxSync {
    const { send, outbox } = this.#ports;
    return new MailboxSync({
      ...{ clock, random, limit: tuning.pullLimit, timeoutMs: tuning.pullTimeoutMs, retry: tuning.pullRetry },
      ask: (limit) => send(packetText({ type: 'offline:R', limit })),
      confirmKeys: (keys) => send(packetText({ type: 'offline:A', keys })),
      hasHandler: () => this.inbox.hasHandler,
      message: (message, onResult) => {
        if (!this.inbox.hasHandler) {
          onResult('later');
          return;
        }
        this.#liveBuffer.releaseOlder(message.from, message.at);
        this.inbox.arrive(toMessage(message), onResult, 'mailbox');
      },
      receipt: (receipt, onResult) => this.receipts.arrived(receipt, onResult, 'mailbox'),
      putAsideMessage: (message, onResult) => this.inbox.putAside(toMessage(message), onResult),
      giveUpReceipt: (receipt, onResult) => this.receipts.giveUp(receipt, onResult),
      putAside: (kept, stuck) => this.#putAside(kept, stuck),
      read: () => {
        outbox.mailboxRead();
        this.#liveBuffer.release();
      },
    });
  }

  #putAside(kept: number, stuck: number): void {
    if (kept === 0 && this.inbox.canPutAside) return; // some are tried once more before they are put aside
    const [code, what] =
      kept > 0
        ? (['put_aside', `${kept} of them were put aside, and confirmed`] as const)
        : (['mailbox_blocked', 'and no more can be put aside'] as const);
    const message = `${stuck} entries that the application has not taken fill the head of the mailbox, ${what}`;
    this.#ports.report(new ClientError(code, message));
  }

  /** PROTOCOL: answer every msg:N with ack:R, also for a duplicate. */
  #deliver(packet: MsgN): void {
    const session = this.#session;
    const { from, id } = packet;
    const onResult = (result: DeliveryResult) => {
      if (result !== 'done' || session !== this.#session) return;
      this.pendingAcks.sent(from, id);
      this.#ports.send(packetText({ type: 'ack:R', id, from }));
    };
    this.inbox.arrive(toMessage(packet), onResult, 'live');
  }

  #checkIdle(): void {
    if (this.#onIdle && this.pendingAcks.open === 0 && this.inbox.active === 0) this.#onIdle();
  }
}
