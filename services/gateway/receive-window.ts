import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveMessage, ReturnReason } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan, type Span } from '#libs/runtime/spans.ts';

export interface WindowLimits {
  /** Most messages sent and unanswered. */
  receiveWindow: number;
  /** Most messages that wait behind them, and bytes of their bodies. */
  queue: number;
  queueBytes: number;
}

/** What a window asks of its session. */
export interface WindowOwner {
  /** Whether the client takes more now; when it does again, pump() is called. */
  readonly writable: boolean;
  /** Hands the message to the client. */
  deliver(message: LiveMessage, name: string): void;
  /** Takes the message to the mailbox; `held` is told when it is safe there. */
  giveBack(message: LiveMessage, reason: ReturnReason, held: Pending): void;
}

/** A message that the session holds, with the broker deliveries (more than one if it was sent again) that wait for it. */
export class Held implements Pending {
  /** Of the message; see nameOf. */
  readonly name: string;
  readonly message: LiveMessage;
  readonly deliveries: Delivery[];
  /** When it was handed to the client, milliseconds; 0 while it waits. */
  sentAt = 0;
  /** ack:R that wait for their ack:A. Once there is one, the message is the confirmation's and no longer returned. */
  answers = 0;
  /** From the moment it is with the client until that has answered, if the message is traced. */
  span: Span | undefined;

  constructor(name: string, message: LiveMessage, delivery: Delivery) {
    this.name = name;
    this.message = message;
    this.deliveries = [delivery];
  }

  settled(error?: Error): void {
    for (const delivery of this.deliveries) delivery.settled(error);
  }
}

/** Names a message: its sender and the id that this one chose. */
export const nameOf = (from: string, id: string) => `${from} ${id}`;

/**
 * The messages of one session that are not yet confirmed, in order: up to `receiveWindow` of them with the client,
 * the others waiting behind (PROTOCOL: msg:N). What cannot stay is given back, for the mailbox.
 */
export class ReceiveWindow {
  readonly #limits: WindowLimits;
  readonly #owner: WindowOwner;
  /** Insertion order is order of arrival in both. */
  readonly #sent = new Map<string, Held>();
  readonly #waiting = new Map<string, Held>();
  #unanswered = 0;
  #waitingBytes = 0;

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
    return this.#sent.has(nameOf(from, id));
  }

  /** A message for the client. One that it has not answered yet is handed to it again. */
  offer(message: LiveMessage, delivery: Delivery): void {
    const name = nameOf(message.from, message.id);
    const known = this.#sent.get(name) ?? this.#waiting.get(name);
    if (known) {
      known.deliveries.push(delivery);
      if (known.sentAt > 0 && known.answers === 0) this.#owner.deliver(message, name);
      return;
    }
    const held = new Held(name, message, delivery);
    const { receiveWindow, queue, queueBytes } = this.#limits;
    if (this.#waiting.size === 0 && this.#unanswered < receiveWindow && this.#owner.writable)
      this.#send(name, held);
    else if (this.#waiting.size < queue && this.#waitingBytes + message.body.length <= queueBytes) {
      this.#waiting.set(name, held);
      this.#waitingBytes += message.body.length;
    } else this.#owner.giveBack(message, 'session_full', held);
  }

  /** The client answered. @returns what it answered, or undefined if nothing of that name is with it */
  answer(from: string, id: string): Held | undefined {
    const held = this.#sent.get(nameOf(from, id));
    if (!held) return undefined;
    if (++held.answers === 1) {
      this.#unanswered--;
      this.pump();
    }
    return held;
  }

  /** The answer is durable. @returns how many ack:A to send */
  confirmed(held: Held): number {
    if (this.#sent.get(held.name) === held) this.#sent.delete(held.name);
    held.settled();
    return held.answers;
  }

  /** The answer is not durable: as if it had not come. @returns how many errors to send */
  unconfirmed(held: Held): number {
    const { answers } = held;
    held.answers = 0;
    held.message.answered = true; // it may be durable all the same
    if (this.#sent.get(held.name) === held) this.#unanswered++;
    return answers;
  }

  /** Another device of the user confirmed it: nothing more to wait for. */
  settleElsewhere(from: string, id: string): void {
    const name = nameOf(from, id);
    const held = this.#sent.get(name) ?? this.#waiting.get(name);
    if (held?.answers === 0) {
      this.#remove(name, held);
      held.span?.end('settled elsewhere');
      held.settled();
      this.pump();
    }
  }

  /** When the oldest unanswered message was handed over; undefined when there is none. */
  get oldestSentAt(): number | undefined {
    for (const held of this.#sent.values()) if (held.answers === 0) return held.sentAt;
    return undefined;
  }

  /** Gives back what is not being confirmed: all of it, or what the filter names. */
  giveBack(reason: ReturnReason, which: (held: Held) => boolean = () => true): void {
    for (const all of [this.#sent, this.#waiting])
      for (const [name, held] of all) {
        if (held.answers > 0 || !which(held)) continue;
        this.#remove(name, held);
        held.span?.end(reason);
        this.#owner.giveBack(held.message, reason, held);
      }
    this.pump();
  }

  /** Hands over what waits, as far as there is room. */
  pump(): void {
    for (const [name, held] of this.#waiting) {
      if (this.#unanswered >= this.#limits.receiveWindow || !this.#owner.writable) return;
      this.#remove(name, held);
      this.#send(name, held);
    }
  }

  /** The broker has taken everything back by itself. */
  clear(): void {
    for (const { span, answers } of this.#sent.values()) if (answers === 0) span?.end('broker lost');
    this.#sent.clear();
    this.#waiting.clear();
    this.#unanswered = this.#waitingBytes = 0;
  }

  #remove(name: string, held: Held): void {
    if (this.#sent.delete(name)) this.#unanswered--;
    else if (this.#waiting.delete(name)) this.#waitingBytes -= held.message.body.length;
  }

  #send(name: string, held: Held): void {
    this.#sent.set(name, held);
    this.#unanswered++;
    held.sentAt = Date.now();
    const { from, id, traceparent } = held.message;
    held.span = nextSpan('deliver', traceparent, from, id);
    this.#owner.deliver(held.message, name);
  }
}
