import type { AckR } from '#libs/protocol/client-packets.ts';
import { ackA } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { nextSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import { confirmSeconds } from '../metrics.ts';
import type { Outboxes } from '../outboxes.ts';
import type { Held } from '../receive-window.ts';
import type { Session } from '../session.ts';

/** An ack:R on its way into the broker. Only its confirm lets go of the message, and of the broker's delivery. */
class Confirming implements Pending {
  readonly #session: Session;
  readonly #held: Held;
  readonly #span;

  constructor(session: Session, held: Held) {
    this.#session = session;
    this.#held = held;
    const { from, id } = held.message;
    this.#span = nextSpan('confirm', held.span?.traceparent, from, id);
  }

  get traceparent(): string | undefined {
    return this.#span?.traceparent;
  }

  settled(error?: Error): void {
    const { connection, window } = this.#session;
    const { from, id } = this.#held.message;
    const more = { session: this.#session.id };
    trace(error ? 'ack:R not confirmed' : 'ack:A', from, id, more);
    this.#span?.end(error ? 'unavailable' : 'confirmed');
    if (!error) {
      for (let n = window.confirmed(this.#held); n > 0; n--) connection.send('ack:A', ackA(id, from));
      return;
    }
    for (let n = window.unconfirmed(this.#held); n > 0; n--)
      connection.error('unavailable', 'the confirmation was not taken; the message comes again', {
        type: 'ack:R',
        id,
        from,
      });
    if (this.#session.closed) window.giveBack('disconnected');
  }
}

/** What ack:R needs of the gateway. */
export interface AckContext {
  readonly out: Pick<Outboxes, 'ack'>;
}

/**
 * ack:R: the message is with the application. One that names nothing in flight on this session gets ack:A and has no
 * effect: a mailbox entry is confirmed by offline:A only, and nobody can confirm for others.
 */
export function ackR({ out }: AckContext, session: Session, { id, from }: AckR): void {
  const held = session.window.answer(from, id);
  trace(held ? 'ack:R' : 'ack:R for nothing in flight', from, id, { session: session.id });
  if (!held) {
    session.connection.send('ack:A', ackA(id, from));
    return;
  }
  if (held.answers > 1) return; // answered with the first one
  const { at, others } = held.message;
  const now = Date.now();
  confirmSeconds.observe(Math.max(0, now - at) / 1_000);
  held.span?.end('answered');
  const confirming = new Confirming(session, held);
  const { traceparent } = confirming;
  out.ack(
    { kind: 'ack', from, id, to: session.user, at: now, ...(others && { others }), traceparent },
    confirming,
  );
}
