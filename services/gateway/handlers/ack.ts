import type { Confirmation } from '#libs/broker/entries.ts';
import type { AckR } from '#libs/protocol/client-packets.ts';
import { ackA } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import { confirmSeconds } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import type { InFlight } from '../in-flight.ts';
import type { Session } from '../session.ts';

/** An ack:R that is being published. Only the publisher confirm settles the message and the broker's delivery. */
class PendingAck implements Pending {
  readonly #session: Session;
  readonly #inFlight: InFlight;
  readonly #span;

  constructor(session: Session, inFlight: InFlight) {
    this.#session = session;
    this.#inFlight = inFlight;
    const { from, id } = inFlight.message;
    this.#span = nextSpan('confirm', inFlight.span?.traceparent, from, id);
  }

  get traceparent(): string | undefined {
    return this.#span?.traceparent;
  }

  settled(error?: Error): void {
    const { connection, window } = this.#session;
    const { from, id } = this.#inFlight.message;
    const more = { session: this.#session.id };
    trace(error ? 'ack:R not confirmed' : 'ack:A', from, id, more);
    this.#span?.end(error ? 'unavailable' : 'confirmed');
    if (!error) {
      for (let n = window.confirmed(this.#inFlight); n > 0; n--) connection.send('ack:A', ackA(id, from));
      return;
    }
    for (let n = window.unconfirmed(this.#inFlight); n > 0; n--)
      connection.error('unavailable', 'the confirmation was not taken; the message comes again', {
        type: 'ack:R',
        id,
        from,
      });
    if (this.#session.closed) window.returnToMailbox('disconnected');
  }
}

/** What ack:R needs of the gateway. */
export interface AckContext {
  readonly publishers: Pick<Publishers, 'ack' | 'confirm'>;
}

/**
 * ack:R: the application has the message. An ack:R for a message that is not in flight on this session gets ack:A and has
 * no effect: only offline:A confirms mailbox entries, and no user can confirm for another.
 */
export function ackR({ publishers }: AckContext, session: Session, { id, from }: AckR): void {
  const inFlight = session.window.answer(from, id);
  trace(inFlight ? 'ack:R' : 'ack:R for nothing in flight', from, id, { session: session.id });
  if (!inFlight) {
    session.connection.send('ack:A', ackA(id, from));
    return;
  }
  if (inFlight.answers > 1) return; // answered with the first one
  const { at, thread, others, told, sentTo, copy, origin, reply, direct } = inFlight.message;
  const now = Date.now();
  confirmSeconds.observe(Math.max(0, now - at) / 1_000);
  inFlight.span?.end('answered');
  if (told === true || sentTo !== undefined) {
    // The sender knows already, or there is none to tell: only this device's copy is settled.
    for (let n = session.window.confirmed(inFlight); n > 0; n--)
      session.connection.send('ack:A', ackA(id, from));
    return;
  }
  const pendingAck = new PendingAck(session, inFlight);
  const { traceparent } = pendingAck;
  const confirmation: Confirmation = {
    kind: 'ack',
    from,
    id,
    to: session.user,
    at: now,
    sentAt: at,
    ...(thread !== undefined && { thread }),
    ...(others && { others }),
    ...(copy !== undefined && { copy }),
    ...(origin !== undefined && { origin }),
    ...(reply && { reply }),
    traceparent,
  };
  if (direct) publishers.confirm(confirmation, pendingAck);
  else publishers.ack(confirmation, pendingAck);
}
