import type { ErrorPacket, MsgN, ServerPacket } from '#libs/protocol/server-packets.ts';
import { Answers } from './incoming/answers.ts';
import { fits, msgR, packetText } from './client-packets.ts';
import type { Session } from './connection/connection.ts';
import type { ClientError } from './errors.ts';
import { Inbox, type IncomingMessage } from './incoming/inbox.ts';
import { Journal } from './journal.ts';
import type { ResolvedOptions } from './options.ts';
import type { Outgoing, OutgoingMessage } from './outgoing/outgoing.ts';
import { Outbox } from './outgoing/outbox.ts';
import { Pull } from './incoming/pull.ts';
import { Receipts } from './incoming/receipts.ts';
import { routeRefusal } from './refusals.ts';
import type { Stored } from './storage.ts';

export interface MailroomPorts {
  /** Puts a packet on the wire; without a session, nowhere. */
  readonly send: (text: string) => void;
  /** A message changed its state. */
  readonly changed: (message: OutgoingMessage) => void;
  readonly report: (error: ClientError) => void;
  readonly listenerThrew: (error: unknown) => void;
}

const incoming = ({ from, id, body, at, seq }: Omit<MsgN, 'type'>): IncomingMessage => ({
  ...{ from, id, body, at },
  ...(seq !== undefined && { seq }),
});

/** Everything between the connection and the application: what comes goes to its place, what leaves is packed here. */
export class Mailroom {
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly pull: Pull;
  readonly #ports: MailroomPorts;
  readonly #answers: Answers;
  readonly #journal: Journal;
  #owner: string | undefined;
  #maxPacketBytes = 0;
  /** Counts sessions: an ack:R means something only on the one that its msg:N came on. */
  #session = 0;
  #whenQuiet: (() => void) | undefined;

  constructor(options: ResolvedOptions, ports: MailroomPorts) {
    const { clock, random, storage, tuning } = options;
    const { report, changed, listenerThrew } = ports;
    const quiet = () => this.#lookQuiet();
    this.#ports = ports;
    this.#journal = new Journal(storage);
    const journal = this.#journal;
    this.#answers = new Answers(quiet);
    this.outbox = new Outbox({
      ...{ clock, random, journal, changed, listenerThrew, storageFailed: report },
      ...{ retransmit: tuning.retransmit, refused: tuning.refused, maxEntries: tuning.maxOutbox },
      transmit: (message) => this.#transmit(message),
    });
    const { maxHeld, seen } = tuning;
    this.inbox = new Inbox({ clock, storage, journal, maxHeld, seen, error: report, released: quiet });
    this.receipts = new Receipts(this.outbox, report);
    this.pull = this.#newPull(options);
  }

  load({ owner, outbox, inbox }: Stored): void {
    this.#owner = owner;
    this.outbox.load(outbox);
    this.inbox.load(inbox);
  }

  /** @returns false when what is in storage belongs to another user: it must not be sent in this one's name */
  online({ user, limits }: Session): boolean {
    this.#owner ??= this.#own(user);
    if (this.#owner !== user) return false;
    this.#session++;
    this.#maxPacketBytes = limits.maxPacketBytes;
    this.#answers.offline();
    this.pull.online();
    this.outbox.online(limits);
    return true;
  }

  draining(): void {
    this.pull.drain();
    this.outbox.offline();
  }

  offline(): void {
    this.#session++;
    this.pull.offline();
    this.outbox.offline();
    this.#answers.offline();
  }

  packet(packet: ServerPacket): void {
    switch (packet.type) {
      case 'msg:A':
        this.outbox.accepted(packet.id, packet.at);
        break;
      case 'ack:N':
        this.receipts.arrived(packet, () => undefined);
        break;
      case 'msg:N':
        this.#arrived(packet);
        break;
      case 'ack:A':
        this.#answers.answered(packet.from, packet.id);
        break;
      case 'offline:N':
        this.pull.arrived(packet);
        break;
      case 'error':
        this.#refused(packet);
        break;
      case 'login:A':
      case 'bye':
      case 'pong': // the connection's business
    }
  }

  /** Begins nothing new; resolves when what was begun is through: messages accepted, confirmations answered. */
  async flush(): Promise<void> {
    this.inbox.stop();
    this.pull.drain();
    const quiet = new Promise<void>((resolve) => {
      this.#whenQuiet = resolve;
    });
    this.#lookQuiet();
    await Promise.allSettled([quiet, ...this.outbox.list().map((message) => message.accepted())]);
  }

  /** Ends everything; resolves when all that was given to storage is written. */
  async stop(error: ClientError): Promise<void> {
    this.inbox.stop();
    this.pull.offline();
    this.outbox.stop(error);
    await this.inbox.ended();
    await this.#journal.close();
  }

  #newPull({ clock, random, tuning }: ResolvedOptions): Pull {
    return new Pull({
      ...{ clock, random, limit: tuning.pullLimit, timeoutMs: tuning.pullTimeoutMs, retry: tuning.pullRetry },
      ask: (limit) => this.#ports.send(packetText({ type: 'offline:R', limit })),
      confirmKeys: (keys) => this.#ports.send(packetText({ type: 'offline:A', keys })),
      canHand: () => this.inbox.hasHandler,
      message: (message, confirm) => {
        if (this.inbox.hasHandler) this.inbox.arrive(incoming(message), confirm);
        else confirm(false);
      },
      receipt: (receipt, confirm) => this.receipts.arrived(receipt, confirm),
      through: () => this.outbox.mailboxRead(),
    });
  }

  #refused(packet: ErrorPacket): void {
    const { outbox, pull } = this;
    routeRefusal(packet, { outbox, pull, answers: this.#answers, report: this.#ports.report });
  }

  #own(user: string): string {
    this.#journal.write([{ do: 'owner.set', user }], 'strict', (error) => {
      if (error) this.#ports.report(error);
    });
    return user;
  }

  /** PROTOCOL: answer every msg:N with ack:R, also for a duplicate. */
  #arrived(packet: MsgN): void {
    const session = this.#session;
    const { from, id } = packet;
    this.inbox.arrive(incoming(packet), (handed) => {
      if (!handed || session !== this.#session) return;
      this.#answers.sent(from, id);
      this.#ports.send(packetText({ type: 'ack:R', id, from }));
    });
  }

  #transmit(message: Outgoing): boolean {
    const text = msgR(message);
    if (!fits(text, this.#maxPacketBytes)) return false;
    this.#ports.send(text);
    return true;
  }

  #lookQuiet(): void {
    if (this.inbox.active === 0 && this.#answers.open === 0) this.#whenQuiet?.();
  }
}
