import type { MsgN } from '../../protocol/packets.ts';
import type { Context } from '../context.ts';
import { Alarm } from '../timing/clock.ts';

/** How long a live message may wait for the mailbox to be read, as a part of the gateway's ackTimeoutMs. */
const HOLD_PART = 0.5;

export interface LiveBufferPorts {
  readonly hasHandler: () => boolean;
  readonly deliver: (message: MsgN) => void;
}

/**
 * Holds live messages back after a login until the mailbox, whose messages are older, has been read (PROTOCOL: what a client
 * must do, 5).
 *
 * Bounded in number, by the gateway's receive window and by `maxHeld`; messages beyond it are left to the server. Bounded
 * in time, because the gateway expects answers within ackTimeoutMs: then live messages pass, and overtake older ones of
 * the same sender in the mailbox. Without a handler no message passes.
 */
export class LiveBuffer {
  readonly #ports: LiveBufferPorts;
  readonly #max: number;
  readonly #alarm: Alarm;
  #held: MsgN[] = [];
  #open = false;
  #holdMs = 0;

  constructor({ clock, tuning }: Context, ports: LiveBufferPorts) {
    this.#ports = ports;
    this.#max = tuning.maxHeld;
    this.#alarm = new Alarm(clock, () => {
      if (ports.hasHandler()) this.release();
      else this.#alarm.in(this.#holdMs); // until there is a handler
    });
  }

  /** A session begins. @param ackTimeoutMs how long the gateway waits for an answer */
  online(ackTimeoutMs: number): void {
    this.#holdMs = ackTimeoutMs * HOLD_PART;
    this.hold();
  }

  hold(): void {
    this.#open = false;
  }

  /** A live message came. */
  add(message: MsgN): void {
    if (!this.#open && this.#held.length >= this.#max) this.release();
    if (this.#open) this.#ports.deliver(message);
    else if (this.#held.length < this.#max) {
      this.#held.push(message);
      if (this.#alarm.at === undefined) this.#alarm.in(this.#holdMs);
    }
  }

  /** A message is about to come out of the mailbox: live messages of the same sender that are older go first. */
  releaseOlder({ from, at }: { from: string; at: number }): void {
    if (this.#held.length === 0 || !this.#ports.hasHandler()) return;
    const isOlder = (message: MsgN) => message.from === from && message.at < at;
    const older = this.#held.filter(isOlder);
    if (older.length === 0) return;
    this.#held = this.#held.filter((message) => !isOlder(message));
    if (this.#held.length === 0) this.#alarm.clear();
    for (const message of older) this.#ports.deliver(message);
  }

  /** The mailbox is empty. */
  release(): void {
    if (!this.#ports.hasHandler()) return;
    this.#open = true;
    this.#alarm.clear();
    for (const message of this.#held.splice(0)) this.#ports.deliver(message);
  }

  /** Leaves the held messages to the server. */
  clear(): void {
    this.#alarm.clear();
    this.#held = [];
  }
}
