import type { ReadMsgR } from '#libs/protocol/decode.ts';
import { msgA } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Gateway } from '../gateway.ts';
import { acceptSeconds } from '../metrics.ts';
import type { Session } from '../session.ts';

/** A msg:R on its way into the broker; its msg:A goes out when the broker has confirmed it, and not before. */
class Accepting implements Pending {
  readonly #session: Session;
  readonly #id: string;
  readonly #at: number;
  readonly #started = performance.now();

  constructor(session: Session, id: string, at: number) {
    this.#session = session;
    this.#id = id;
    this.#at = at;
    session.accepting++;
  }

  settled(error?: Error): void {
    const { connection } = this.#session;
    this.#session.accepting--;
    const { user, id: sessionId } = this.#session;
    if (error) {
      trace('refused', user, this.#id, { session: sessionId });
      connection.error('unavailable', 'the message was not confirmed; send it again', {
        type: 'msg:R',
        id: this.#id,
      });
      return;
    }
    acceptSeconds.observe((performance.now() - this.#started) / 1_000);
    trace('msg:A', user, this.#id, { session: sessionId });
    connection.send('msg:A', msgA(this.#id, this.#at));
  }
}

/** msg:R: into the route queue of its receiver. */
export function msgR(gateway: Gateway, session: Session, { id, to, bodyText, seq }: ReadMsgR): void {
  const { SEND_WINDOW } = gateway.config;
  if (session.accepting >= SEND_WINDOW) {
    const message = `more than ${SEND_WINDOW} messages without their msg:A`;
    session.connection.error('window_full', message, { type: 'msg:R', id });
    return;
  }
  const at = session.nextAt();
  trace('msg:R', session.user, id, { to, session: session.id });
  gateway.out.route(
    to,
    { kind: 'message', from: session.user, id, to, body: bodyText, at, seq },
    new Accepting(session, id, at),
  );
}
