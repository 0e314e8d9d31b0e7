import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveMessage, ReturnReason } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { InFlight, windowKey } from './in-flight.ts';
import { ReturnedCopies } from './returned-copies.ts';

export interface WindowLimits {
  /** Most messages sent and unanswered. */
  receiveWindow: number;
  /** Most messages that wait behind them, and bytes of their bodies. */
  queue: number;
  queueBytes: number;
}

/** How long an expired message with the client may still be answered, milliseconds; usually the ack timeout is sooner. */
const ANSWERABLE_MS = 30_000;

/** The part of the session that its window calls. */
export interface WindowOwner {
  /** Whether the client takes more now; when it does again, pump() is called. */
  readonly writable: boolean;
  /** Hands the message to the client. */
  deliver(message: LiveMessage, key: string): void;
  /** Returns the message to the mailbox; the deliveries are settled when the broker has it. */
  returnToMailbox(message: LiveMessage, reason: ReturnReason, inFlight: Pending): void;
}

/**
 * The messages of one session that are not yet confirmed, in order: up to `receiveWindow` of them with the client,
 * the others waiting behind (PROTOCOL: msg:N). A message that finds no room returns to the mailbox.
 */
export class ReceiveWindow {
  readonly #limits: WindowLimits;
  readonly #owner: WindowOwner;
  /** Insertion order is order of arrival in both. */
  readonly #sent = new Map<string, InFlight>();
  readonly #waiting = new Map<string, InFlight>();
  /** Those of both that have an end. */
  readonly #expiring = new Set<InFlight>();
  #unanswered = 0;
  #waitingBytes = 0;
  readonly #returned = new ReturnedCopies();

  constructor(limits: WindowLimits, owner: WindowOwner) {
    this.#limits = limits;
    this.#owner = owner;
  }

  get size(): number {
    return this.#sent.size + this.#waiting.size;
  }

  /** Bytes of the bodies that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether the message is with the client, and its confirmation not durable yet. */
  holds(from: string, id: string): boolean {
    return this.#sent.has(windowKey(from, id));
  }

  /** A message for the client. One that it has not answered yet is handed to it again. */
  offer(message: LiveMessage, delivery: Delivery, now = Date.now()): void {
    const key = windowKey(message.from, message.id);
    const known = this.#sent.get(key) ?? this.#waiting.get(key);
    if (known) {
      known.deliveries.push(delivery);
      // Its time is counted from the first copy's `at`.
      if (known.sentAt > 0 && known.answers === 0 && !known.isExpired(now)) this.#owner.deliver(message, key);
      return;
    }
    const inFlight = new InFlight(key, message, delivery);
    const { receiveWindow, queue, queueBytes } = this.#limits;
    if (inFlight.isExpired(now)) this.#owner.returnToMailbox(message, 'expired', inFlight);
    else if (this.#waiting.size === 0 && this.#unanswered < receiveWindow && this.#owner.writable)
      this.#send(key, inFlight);
    else if (this.#waiting.size < queue && this.#waitingBytes + message.body.length <= queueBytes) {
      this.#waiting.set(key, inFlight);
      this.#watch(inFlight);
      this.#waitingBytes += message.body.length;
    } else this.#return(inFlight, 'session_full');
  }

  /** The client answered. @returns what it answered, or undefined if nothing of that name is with it */
  answer(from: string, id: string): InFlight | undefined {
    const inFlight = this.#sent.get(windowKey(from, id));
    if (!inFlight) return undefined;
    if (++inFlight.answers === 1) {
      this.#unanswered--;
      this.pump();
    }
    return inFlight;
  }

  /** The answer is durable. @returns how many ack:A to send */
  confirmed(inFlight: InFlight): number {
    if (this.#sent.get(inFlight.key) === inFlight) this.#sent.delete(inFlight.key);
    this.#expiring.delete(inFlight);
    inFlight.settled();
    return inFlight.answers;
  }

  /** The answer is not durable: as if it had not come. @returns how many errors to send */
  unconfirmed(inFlight: InFlight): number {
    const { answers } = inFlight;
    inFlight.answers = 0;
    inFlight.message.answered = true; // the broker may have it without the confirm
    if (this.#sent.get(inFlight.key) === inFlight) this.#unanswered++;
    return answers;
  }

  /** Another device of the user confirmed it: nothing more to wait for. */
  settleElsewhere(from: string, id: string): void {
    const key = windowKey(from, id);
    const inFlight = this.#sent.get(key) ?? this.#waiting.get(key);
    if (inFlight?.answers === 0) {
      this.#remove(key, inFlight);
      inFlight.span?.end('settled elsewhere');
      inFlight.settled();
      this.pump();
    }
  }

  /**
   * Another device confirmed a message whose copy for this synced device stays: its sender knows. The delivery that
   * says so waits for the copy: if the gateway dies, its heir gets both.
   *
   * @returns `returned`: the copy may have gone back without that knowledge
   */
  markTold(from: string, id: string, delivery: Delivery): 'waits' | 'returned' | 'settled' {
    const key = windowKey(from, id);
    const inFlight = this.#sent.get(key) ?? this.#waiting.get(key);
    if (!inFlight) return this.#returned.mayHave(key) ? 'returned' : 'settled';
    inFlight.message.told = true;
    inFlight.deliveries.push(delivery);
    return 'waits';
  }

  /** When the oldest unanswered message was handed over; undefined when there is none. */
  get oldestSentAt(): number | undefined {
    for (const inFlight of this.#sent.values()) if (inFlight.answers === 0) return inFlight.sentAt;
    return undefined;
  }

  /** Returns unanswered messages to the mailbox: all of them, or those that match the filter. */
  returnToMailbox(reason: ReturnReason, which: (inFlight: InFlight) => boolean = () => true): void {
    for (const all of [this.#sent, this.#waiting])
      for (const [key, inFlight] of all) {
        if (inFlight.answers > 0 || !which(inFlight)) continue;
        this.#remove(key, inFlight);
        inFlight.span?.end(reason);
        this.#return(inFlight, reason);
      }
    this.pump();
  }

  /**
   * Returns messages whose time is over. One that is with the client stays answerable for a while: a confirmation that
   * is under way may still make it `delivered` (PROTOCOL: ttl).
   */
  returnExpired(now: number): void {
    for (const inFlight of this.#expiring) {
      const { answers, sentAt } = inFlight;
      if (answers === 0 && inFlight.isExpired(now, sentAt > 0 ? ANSWERABLE_MS : 0)) this.#expire(inFlight);
    }
  }

  /** Delivers waiting messages while there is room. */
  pump(now = Date.now()): void {
    for (const [key, inFlight] of this.#waiting) {
      if (this.#unanswered >= this.#limits.receiveWindow || !this.#owner.writable) return;
      if (inFlight.isExpired(now)) this.#expire(inFlight);
      else {
        this.#remove(key, inFlight);
        this.#send(key, inFlight);
      }
    }
  }

  /** The broker has requeued all deliveries. */
  clear(): void {
    for (const { span, answers } of this.#sent.values()) if (answers === 0) span?.end('broker lost');
    this.#sent.clear();
    this.#waiting.clear();
    this.#expiring.clear();
    this.#unanswered = this.#waitingBytes = 0;
  }

  #watch(inFlight: InFlight): void {
    if (inFlight.message.expires !== undefined) this.#expiring.add(inFlight);
  }

  #expire(inFlight: InFlight): void {
    this.#remove(inFlight.key, inFlight);
    inFlight.span?.end('expired');
    this.#return(inFlight, 'expired');
  }

  #return(inFlight: InFlight, reason: ReturnReason): void {
    if (inFlight.message.copy !== undefined) this.#returned.add(inFlight.key);
    this.#owner.returnToMailbox(inFlight.message, reason, inFlight);
  }

  #remove(key: string, inFlight: InFlight): void {
    this.#expiring.delete(inFlight);
    if (this.#sent.delete(key)) this.#unanswered--;
    else if (this.#waiting.delete(key)) this.#waitingBytes -= inFlight.message.body.length;
  }

  #send(key: string, inFlight: InFlight): void {
    this.#sent.set(key, inFlight);
    this.#watch(inFlight);
    this.#unanswered++;
    inFlight.sentAt = Date.now();
    const { from, id, traceparent } = inFlight.message;
    inFlight.span = nextSpan('deliver', traceparent, from, id);
    this.#owner.deliver(inFlight.message, key);
  }
}
