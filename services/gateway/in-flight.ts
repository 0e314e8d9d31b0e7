import type { Delivery } from '#libs/broker/delivery.ts';
import type { LiveMessage } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import type { Span } from '#libs/runtime/spans.ts';

/** A message that the session holds, with the broker deliveries (more than one if it was sent again) that wait for it. */
export class InFlight implements Pending {
  /** Of the message; see windowKey. */
  readonly key: string;
  readonly message: LiveMessage;
  readonly deliveries: Delivery[];
  /** When it was handed to the client, milliseconds; 0 while it waits. */
  sentAt = 0;
  /** ack:R that wait for their ack:A. Once there is one, the message is the confirmation's and no longer returned. */
  answers = 0;
  /** From the moment it is with the client until that has answered, if the message is traced. */
  span: Span | undefined;

  constructor(key: string, message: LiveMessage, delivery: Delivery) {
    this.key = key;
    this.message = message;
    this.deliveries = [delivery];
  }

  /** Its time (`ttl`) was over `agoMs` before. */
  isExpired(now: number, agoMs = 0): boolean {
    return this.message.expires !== undefined && now - this.message.expires >= agoMs;
  }

  settled(error?: Error): void {
    for (const delivery of this.deliveries) delivery.settled(error);
  }
}

/** Identifies a message within one session, whose user is the receiver. */
export const windowKey = (from: string, id: string) => `${from} ${id}`;
