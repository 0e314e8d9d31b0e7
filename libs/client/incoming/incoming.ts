import type { MsgN } from '../../protocol/packets.ts';
import { packetText } from '../client-packets.ts';
import type { Session } from '../connection/connection.ts';
import { ClientError } from '../errors.ts';
import type { Journal } from '../journal.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Outbox } from '../outgoing/outbox.ts';
import type { Storage } from '../storage.ts';
import { Answers } from './answers.ts';
import { Failures } from './failures.ts';
import type { Fate } from './fate.ts';
import { Gate } from './gate.ts';
import { Inbox } from './inbox.ts';
import type { IncomingMessage, MessageHandler } from './message.ts';
import { Pull } from './pull.ts';
import { Receipts } from './receipts.ts';

export interface IncomingPorts {
  readonly storage: Storage;
  readonly journal: Journal;
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
  readonly pull: Pull;
  readonly answers: Answers;
  readonly #ports: IncomingPorts;
  readonly #gate: Gate<MsgN>;
  /** Counts sessions: an ack:R means something only on the one that its msg:N came on. */
  #session = 0;
  #whenQuiet: (() => void) | undefined;

  constructor(options: ResolvedOptions, ports: IncomingPorts) {
    const { clock, random, tuning } = options;
    const { storage, journal, outbox, report } = ports;
    const { maxHeld, maxPutAside, slowHandlerMs, seen } = tuning;
    const released = () => this.#lookQuiet();
    const shared = { clock, slowHandlerMs, error: report, unblocked: () => this.pull.retry() };
    const failures = () => new Failures(clock, random, tuning.retryFailed);
    this.#ports = ports;
    this.answers = new Answers(released);
    this.inbox = new Inbox({
      ...{ ...shared, failures: failures(), storage, journal, maxHeld, maxPutAside, seen, released },
    });
    this.receipts = new Receipts({ ...shared, failures: failures(), outbox });
    this.pull = this.#newPull(options);
    this.#gate = new Gate(
      clock,
      maxHeld,
      () => this.inbox.hasHandler,
      (packet) => this.#handOn(packet),
    );
  }

  /** Without a handler, messages wait, and those of the mailbox stay there. */
  setHandler(handler: MessageHandler | undefined): void {
    this.inbox.setHandler(handler);
    if (!handler) this.#gate.shut();
    else if (!this.pull.retry()) this.#gate.open();
  }

  online({ ackTimeoutMs }: Session['limits']): void {
    this.#session++;
    this.answers.offline();
    this.#gate.shut(ackTimeoutMs * HOLD_PART);
    this.inbox.seen.online();
    this.pull.online();
  }

  offline(): void {
    this.#session++;
    this.#gate.drop();
    this.pull.offline();
    this.answers.offline();
  }

  /** msg:N came. */
  message(packet: MsgN): void {
    this.#gate.offer(packet);
  }

  /** Begins nothing new; resolves when what was begun is through and its confirmations are answered. */
  finish(): Promise<void> {
    this.#gate.drop();
    this.inbox.stop();
    this.pull.drain();
    return new Promise<void>((resolve) => {
      this.#whenQuiet = resolve;
      this.#lookQuiet();
    });
  }

  stop(): void {
    this.#gate.drop();
    this.inbox.stop();
    this.receipts.stop();
    this.pull.offline();
  }

  #newPull({ clock, random, tuning }: ResolvedOptions): Pull {
    const { send, outbox } = this.#ports;
    return new Pull({
      ...{ clock, random, limit: tuning.pullLimit, timeoutMs: tuning.pullTimeoutMs, retry: tuning.pullRetry },
      ask: (limit) => send(packetText({ type: 'offline:R', limit })),
      confirmKeys: (keys) => send(packetText({ type: 'offline:A', keys })),
      canHand: () => this.inbox.hasHandler,
      message: (message, confirm) => {
        if (!this.inbox.hasHandler) {
          confirm('later');
          return;
        }
        this.#gate.passOlder(message.from, message.at);
        this.inbox.arrive(toMessage(message), confirm, 'mailbox');
      },
      receipt: (receipt, confirm) => this.receipts.arrived(receipt, confirm, 'mailbox'),
      keepMessage: (message, confirm) => this.inbox.keep(toMessage(message), confirm),
      keepReceipt: (receipt, confirm) => this.receipts.giveUp(receipt, confirm),
      crowded: (kept, stuck) => this.#crowded(kept, stuck),
      read: () => {
        outbox.mailboxRead();
        this.#gate.open();
      },
    });
  }

  #crowded(kept: number, stuck: number): void {
    if (kept === 0 && this.inbox.keepsMore) return; // some are tried once more before they are put aside
    const [code, what] =
      kept > 0
        ? (['put_aside', `${kept} of them were put aside, and confirmed`] as const)
        : (['mailbox_blocked', 'and no more can be put aside'] as const);
    const message = `${stuck} entries that the application has not taken fill the head of the mailbox, ${what}`;
    this.#ports.report(new ClientError(code, message));
  }

  /** PROTOCOL: answer every msg:N with ack:R, also for a duplicate. */
  #handOn(packet: MsgN): void {
    const session = this.#session;
    const { from, id } = packet;
    const confirm = (fate: Fate) => {
      if (fate !== 'handed' || session !== this.#session) return;
      this.answers.sent(from, id);
      this.#ports.send(packetText({ type: 'ack:R', id, from }));
    };
    this.inbox.arrive(toMessage(packet), confirm, 'live');
  }

  #lookQuiet(): void {
    if (this.#whenQuiet && this.answers.open === 0 && this.inbox.active === 0) this.#whenQuiet();
  }
}
