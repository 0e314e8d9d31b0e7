import type { ErrorPacket, MsgN, ServerPacket } from '#libs/protocol/server-packets.ts';
import { Answers } from './incoming/answers.ts';
import { fits, msgR, packetText } from './client-packets.ts';
import type { Session } from './connection/connection.ts';
import type { ClientError } from './errors.ts';
import { Inbox, type IncomingMessage } from './incoming/inbox.ts';
import { Journal } from './journal.ts';
import { Alarm } from './timing/clock.ts';
import { Owner } from './owner.ts';
import type { ResolvedOptions } from './options.ts';
import type { Outgoing, OutgoingMessage } from './outgoing/outgoing.ts';
import { Outbox } from './outgoing/outbox.ts';
import { Pull } from './incoming/pull.ts';
import { Receipts } from './incoming/receipts.ts';
import { routeRefusal } from './refusals.ts';
import type { Storage, Stored, StoredIncoming } from './storage.ts';

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

/**
 * How long a message stays in memory only while nobody can say whether the storage is its sender's, milliseconds. Then
 * the storage's owner is taken to be right: a program that starts without a network must not lose it. If the login
 * proves otherwise, it is taken out again.
 */
const OWNER_PATIENCE_MS = 2_000;

/** Everything between the connection and the application: what comes goes to its place, what leaves is packed here. */
export class Mailroom {
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly pull: Pull;
  readonly #ports: MailroomPorts;
  readonly #answers: Answers;
  readonly #journal: Journal;
  readonly #owner: Owner;
  readonly #patience: Alarm;
  #loaded = false;
  /** What the last run had not handed on; it is not shown to somebody who is known to be another user. */
  #unread: readonly StoredIncoming[] | undefined;
  #maxPacketBytes = 0;
  /** Counts sessions: an ack:R means something only on the one that its msg:N came on. */
  #session = 0;
  #whenQuiet: (() => void) | undefined;

  constructor(options: ResolvedOptions, storage: Storage, ports: MailroomPorts) {
    const { clock, random, tuning } = options;
    const { report, changed, listenerThrew } = ports;
    const quiet = () => this.#lookQuiet();
    this.#ports = ports;
    this.#journal = new Journal(storage);
    const journal = this.#journal;
    this.#owner = new Owner(options);
    this.#patience = new Alarm(clock, () => this.outbox.release(false));
    this.#answers = new Answers(quiet);
    this.outbox = new Outbox({
      ...{ clock, random, journal, changed, listenerThrew, storageFailed: report },
      ...{ retransmit: tuning.retransmit, refused: tuning.refused, maxEntries: tuning.maxOutbox },
      transmit: (message) => this.#transmit(message),
      writing: () => this.#recordOwner(),
    });
    const { maxHeld, seen } = tuning;
    this.inbox = new Inbox({ clock, storage, journal, maxHeld, seen, error: report, released: quiet });
    this.receipts = new Receipts(this.outbox, report);
    this.pull = this.#newPull(options);
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** @returns false when what is in storage belongs to another user than the application's */
  load({ owner, outbox, inbox }: Stored): boolean {
    if (!this.#owner.load(owner)) return false;
    this.#loaded = true;
    this.#unread = inbox;
    this.outbox.load(outbox);
    this.#ownerSeen();
    return true;
  }

  /** A token came: it says who the user will be. */
  claimed(token: unknown): void {
    this.#owner.claim(token);
    if (this.#loaded) this.#ownerSeen();
  }

  /** @returns false when what is in storage belongs to another user: it must not be sent in this one's name */
  admits({ user }: Session): boolean {
    return this.#owner.confirm(user);
  }

  online({ limits }: Session): void {
    this.#recordOwner();
    this.#ownerSeen();
    this.#session++;
    this.#maxPacketBytes = limits.maxPacketBytes;
    this.#answers.offline();
    this.pull.online();
    this.outbox.online(limits);
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

  /** The client cannot go on as it is: nothing more is taken, and what may not belong into the storage is not kept. */
  halt(reason: string): void {
    this.#patience.clear();
    this.#owner.doubt();
    this.outbox.disown(reason);
    this.outbox.waiting.refuse(reason);
  }

  /** Ends everything; resolves when all that was given to storage is written. */
  async stop(): Promise<void> {
    this.inbox.stop();
    this.pull.offline();
    this.#patience.clear();
    if (this.#loaded && this.#owner.fits !== false) this.outbox.release(false);
    else this.outbox.disown(this.#loaded ? 'owner' : 'storage');
    this.outbox.stop();
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

  /** Lets in and out what belongs to the owner of the storage, as far as that is this client's user. */
  #ownerSeen(): void {
    const { fits } = this.#owner;
    if (fits !== false && this.#unread) {
      this.inbox.load(this.#unread);
      this.#unread = undefined;
    }
    if (fits === undefined) {
      if (this.#patience.at === undefined) this.#patience.in(OWNER_PATIENCE_MS);
      return;
    }
    this.#patience.clear();
    if (!fits) {
      this.outbox.hold();
      return;
    }
    this.outbox.release(true);
  }

  #recordOwner(): void {
    const user = this.#owner.toRecord();
    if (user === undefined) return;
    this.#journal.write([{ do: 'owner.set', user }], 'strict', (error) => {
      if (error) this.#ports.report(error);
    });
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
