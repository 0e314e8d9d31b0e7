import type { ErrorPacket, ServerPacket } from '../protocol/packets.ts';
import { fits, msgR } from './client-packets.ts';
import type { Session } from './connection/connection.ts';
import type { ClientError } from './errors.ts';
import { Incoming } from './incoming/incoming.ts';
import { WriteBatcher } from './storage/write-batcher.ts';
import { Alarm } from './timing/clock.ts';
import { OwnerCheck } from './storage/owner-check.ts';
import type { ResolvedOptions } from './options.ts';
import type { Outgoing, OutgoingMessage } from './outgoing/outgoing.ts';
import { Outbox } from './outgoing/outbox.ts';
import { routeServerError } from './server-errors.ts';
import type { Storage, Stored, StoredIncoming } from './storage.ts';

export interface PacketRouterPorts {
  /** Puts a packet on the wire; without a session, nowhere. */
  readonly send: (text: string) => void;
  /** A message changed its state. */
  readonly changed: (message: OutgoingMessage) => void;
  readonly report: (error: ClientError) => void;
  readonly listenerThrew: (error: unknown) => void;
}

/**
 * How long a message stays in memory only while nobody can say whether the storage is its sender's, milliseconds. Then
 * the storage's owner is taken to be right: a program that starts without a network must not lose it. If the login
 * proves otherwise, it is taken out again.
 */
const OWNER_PATIENCE_MS = 2_000;

/** Everything between the connection and the application: what comes goes to its place, what leaves is packed here. */
export class PacketRouter {
  readonly outbox: Outbox;
  readonly incoming: Incoming;
  readonly #ports: PacketRouterPorts;
  readonly #writes: WriteBatcher;
  readonly #owner: OwnerCheck;
  readonly #patience: Alarm;
  #loaded = false;
  /** What the last run had not handed on; it is not shown to somebody who is known to be another user. */
  #unread: readonly StoredIncoming[] | undefined;
  #maxPacketBytes = 0;

  constructor(options: ResolvedOptions, storage: Storage, ports: PacketRouterPorts) {
    const { clock, random, tuning } = options;
    const { report, changed, listenerThrew, send } = ports;
    this.#ports = ports;
    this.#writes = new WriteBatcher(storage);
    const writes = this.#writes;
    this.#owner = new OwnerCheck(options);
    this.#patience = new Alarm(clock, () => this.outbox.release(false));
    this.outbox = new Outbox({
      ...{ clock, random, writes, changed, listenerThrew, storageFailed: report },
      ...{ retransmit: tuning.retransmit, refused: tuning.refused, maxEntries: tuning.maxOutbox },
      transmit: (message) => this.#transmit(message),
      writing: () => this.#recordOwner(),
    });
    this.incoming = new Incoming(options, { storage, writes, outbox: this.outbox, send, report });
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
    this.#ownerChanged();
    return true;
  }

  /** A token came: it says who the user will be. */
  claimed(token: unknown): void {
    this.#owner.claim(token);
    if (this.#loaded) this.#ownerChanged();
  }

  /** @returns false when what is in storage belongs to another user: it must not be sent in this one's name */
  admits({ user }: Session): boolean {
    return this.#owner.confirm(user);
  }

  online({ limits }: Session): void {
    this.#recordOwner();
    this.#ownerChanged();
    this.#maxPacketBytes = limits.maxPacketBytes;
    this.incoming.online(limits);
    this.outbox.online(limits);
  }

  draining(): void {
    this.incoming.mailbox.drain();
    this.outbox.offline();
  }

  offline(): void {
    this.incoming.offline();
    this.outbox.offline();
  }

  packet(packet: ServerPacket): void {
    switch (packet.type) {
      case 'msg:A':
        this.outbox.accepted(packet.id, packet.at);
        break;
      case 'ack:N':
        this.incoming.receipts.arrived(packet, () => undefined, 'live');
        break;
      case 'msg:N':
        this.incoming.message(packet);
        break;
      case 'ack:A':
        this.incoming.pendingAcks.answered(packet.from, packet.id);
        break;
      case 'offline:N':
        this.incoming.mailbox.arrived(packet);
        break;
      case 'error':
        this.#refused(packet);
        break;
      case 'read:A':
      case 'signal:N':
      case 'logout:A': // this client asks for none of them
      case 'login:A':
      case 'bye':
      case 'pong': // the connection's business
    }
  }

  /** Begins nothing new; resolves when what was begun is through: messages accepted, confirmations answered. */
  async flush(): Promise<void> {
    const finished = this.incoming.finish();
    await Promise.allSettled([finished, ...this.outbox.list().map((message) => message.accepted())]);
  }

  /** The client cannot go on as it is: nothing more is taken, and what may not belong into the storage is not kept. */
  halt(reason: string): void {
    this.#patience.clear();
    this.#owner.doubt();
    this.outbox.disown(reason);
    this.outbox.waiters.refuse(reason);
  }

  /** Ends everything; resolves when all that was given to storage is written. */
  async stop(): Promise<void> {
    this.incoming.stop();
    this.#patience.clear();
    if (this.#loaded && this.#owner.fits !== false) this.outbox.release(false);
    else this.outbox.disown(this.#loaded ? 'owner' : 'storage');
    this.outbox.stop();
    await this.incoming.inbox.ended();
    await this.#writes.close();
  }

  #refused(packet: ErrorPacket): void {
    const { mailbox, pendingAcks } = this.incoming;
    routeServerError(packet, { outbox: this.outbox, mailbox, pendingAcks, report: this.#ports.report });
  }

  /** Lets in and out what belongs to the owner of the storage, as far as that is this client's user. */
  #ownerChanged(): void {
    const { fits } = this.#owner;
    if (fits !== false && this.#unread) {
      this.incoming.inbox.load(this.#unread);
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
    this.#writes.write([{ do: 'owner.set', user }], 'strict', (error) => {
      if (error) this.#ports.report(error);
    });
  }

  #transmit(message: Outgoing): boolean {
    const text = msgR(message);
    if (!fits(text, this.#maxPacketBytes)) return false;
    this.#ports.send(text);
    return true;
  }
}
