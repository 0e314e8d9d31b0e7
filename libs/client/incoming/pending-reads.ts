import { packetText } from '../client-packets.ts';
import type { Context } from '../context.ts';
import type { MessageName, StoredRead } from '../storage.ts';
import { retransmitDelay } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { nameOf } from './inbox-entry.ts';

/** Most items of one read:R (PROTOCOL: read). */
const MAX_ITEMS = 100;

/** How long marks gather, so that they go as one packet, milliseconds. */
const GATHER_MS = 50;

/**
 * The messages that the user has seen, until the server has answered (PROTOCOL: read): in the storage, and sent again, one
 * read:R at a time. They need no check of the storage's owner: a proof is of no use to another user.
 */
export class PendingReads {
  readonly #context: Context;
  readonly #settled: () => void;
  readonly #items = new Map<string, StoredRead>();
  /** Rings when the next read:R is due. */
  readonly #alarm: Alarm;
  #loaded = false;
  /** There is a session whose server knows read:R. */
  #online = false;
  #tries = 0;

  /** @param settled called when nothing waits for an answer */
  constructor(context: Context, settled: () => void) {
    this.#context = context;
    this.#settled = settled;
    this.#alarm = new Alarm(context.clock, () => this.#send());
  }

  /** Something waits for an answer that can come. */
  get busy(): boolean {
    return this.#online && this.#items.size > 0;
  }

  /** Takes over the marks of the last run. */
  load(stored: readonly StoredRead[]): void {
    this.#loaded = true;
    for (const item of this.#items.values()) this.#write(item);
    for (const item of stored) this.#items.set(nameOf(item), item);
  }

  add({ from, id, read }: StoredRead): void {
    const item = { from, id, read };
    if (this.#items.has(nameOf(item))) return;
    this.#items.set(nameOf(item), item);
    if (this.#loaded) this.#write(item);
    if (this.#online && this.#alarm.at === undefined) this.#alarm.in(GATHER_MS);
  }

  /** A session begins. @param known the server knows read:R */
  online(known: boolean): void {
    this.#online = known;
    if (this.busy) this.#send();
  }

  /** No session, or a server that refuses read:R. */
  offline(): void {
    this.#online = false;
    this.#tries = 0;
    this.#alarm.clear();
    this.#settled();
  }

  /** read:A came. */
  answered(items: readonly MessageName[]): void {
    for (const { from, id } of items) {
      if (!this.#items.delete(nameOf({ from, id }))) continue;
      this.#context.writes.write([{ do: 'read.delete', from, id }], 'relaxed');
    }
    this.#tries = 0;
    this.#alarm.clear();
    if (this.busy) this.#send();
    else this.#settled();
  }

  #write(item: StoredRead): void {
    this.#context.writes.write([{ do: 'read.put', item }], 'relaxed');
  }

  #send(): void {
    const { random, send, tuning } = this.#context;
    const items = [...this.#items.values()].slice(0, MAX_ITEMS);
    send(packetText({ type: 'read:R', items }));
    this.#alarm.in(retransmitDelay(++this.#tries, tuning.retransmit, random));
  }
}
