import type { ServerPacket } from '../protocol/packets.ts';
import { bodyToText, checkNames, demand, fits, withBody } from './client-packets.ts';
import type { Context } from './context.ts';
import { costOf } from './outgoing/rate.ts';

/** Something that is true for a moment, such as typing. It is not stored, and may get lost. */
export interface Signal {
  /** The user who sent it. */
  readonly from: string;
  /** Any JSON value. */
  readonly body: unknown;
  /** The server's time, milliseconds since the epoch. */
  readonly at: number;
  /** The conversation, where the sender named one. */
  readonly thread?: string;
}

/** Options of `signal`. */
export interface SignalOptions {
  /** Names a conversation. */
  thread?: string;
}

/** Longest body, bytes of UTF-8 as JSON (PROTOCOL: signal). */
const MAX_BODY_BYTES = 1_024;

/** Sends signals (PROTOCOL: signal). */
export class Signals {
  readonly #context: Context;
  readonly #mayPass: (cost: number) => boolean;
  /** The server takes signals, for as many receivers. */
  #maxReceivers = 0;

  /** @param mayPass whether a packet of this cost delays no message */
  constructor(context: Context, mayPass: (cost: number) => boolean) {
    this.#context = context;
    this.#mayPass = mayPass;
  }

  /** A session begins. A server of an earlier version names no `maxReceivers`, and takes no signals. */
  online({ maxReceivers = 0 }: { maxReceivers?: number | undefined }): void {
    this.#maxReceivers = maxReceivers;
  }

  /** @returns whether it was sent */
  send(to: string | readonly string[], body: unknown, thread: string | undefined): boolean {
    checkNames({ to, thread });
    const bodyText = bodyToText(body);
    demand(fits(bodyText, MAX_BODY_BYTES), `body: has over ${MAX_BODY_BYTES} bytes`);
    const receivers = [to].flat().length;
    if (receivers > this.#maxReceivers || !this.#mayPass(costOf(receivers))) return false;
    this.#context.send(withBody({ type: 'signal:R', to, thread }, bodyText));
    return true;
  }
}

/** The signal in a signal:N. */
export const toSignal = ({
  from,
  body,
  at,
  thread,
}: Extract<ServerPacket, { type: 'signal:N' }>): Signal => ({
  ...{ from, body, at },
  ...(thread !== undefined && { thread }),
});
