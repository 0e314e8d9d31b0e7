import type { ReadMsgR } from '#libs/protocol/decode.ts';
import { msgA } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { firstSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Authorizer, Decision } from '../authorize/authorizer.ts';
import type { GatewayConfig } from '../config.ts';
import { acceptSeconds } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import type { Session } from '../session.ts';

/** What msg:R needs of the gateway. */
export interface MsgContext {
  readonly config: Pick<GatewayConfig, 'SEND_WINDOW'>;
  /** Undefined: only `can_send` of the tokens restricts receivers. */
  readonly authorizer: Pick<Authorizer, 'decide'> | undefined;
  readonly publishers: Pick<Publishers, 'route'>;
}

/** A msg:R that is being published. Its msg:A goes out after the publisher confirm, never before. */
class PendingMessage implements Pending {
  readonly #session: Session;
  readonly #id: string;
  readonly #started = performance.now();
  readonly #span;
  #at = 0;

  constructor(session: Session, id: string) {
    this.#session = session;
    this.#id = id;
    session.pendingMessages++;
    this.#span = firstSpan('accept', session.user, id);
  }

  publish({ publishers }: MsgContext, { id, to, bodyText, seq }: ReadMsgR): void {
    const from = this.#session.user;
    this.#at = this.#session.nextAt();
    const { traceparent } = this.#span ?? {};
    const entry = { kind: 'message' as const, from, id, to, body: bodyText, at: this.#at, seq, traceparent };
    publishers.route(to, entry, this);
  }

  /** The message is not published. A client that has disconnected sends it again on the next connection. */
  refused(decision: Decision): void {
    this.#session.pendingMessages--;
    if (decision === 'forbidden') {
      this.#span?.end('forbidden');
      forbid(this.#session, this.#id);
    } else this.#unavailable('the permission to write to this user cannot be checked now; send it again');
  }

  settled(error?: Error): void {
    const { connection } = this.#session;
    this.#session.pendingMessages--;
    if (error) {
      this.#unavailable('the message was not confirmed; send it again');
      return;
    }
    acceptSeconds.observe((performance.now() - this.#started) / 1_000);
    this.#span?.end('accepted');
    trace('msg:A', this.#session.user, this.#id, { session: this.#session.id });
    connection.send('msg:A', msgA(this.#id, this.#at));
  }

  #unavailable(message: string): void {
    this.#span?.end('unavailable');
    trace('refused', this.#session.user, this.#id, { session: this.#session.id });
    this.#session.connection.error('unavailable', message, { type: 'msg:R', id: this.#id });
  }
}

function forbid({ connection, user, id: session }: Session, id: string): void {
  trace('forbidden', user, id, { session });
  connection.error('forbidden', 'you may not write to this user', { type: 'msg:R', id });
}

/** msg:R: into the route queue of its receiver, if its sender may write to them. */
export function msgR(gateway: MsgContext, session: Session, packet: ReadMsgR): void {
  const { authorizer, config } = gateway;
  const { id, to, bodyText } = packet;
  if (session.pendingMessages >= config.SEND_WINDOW) {
    const message = `more than ${config.SEND_WINDOW} messages without their msg:A`;
    session.connection.error('window_full', message, { type: 'msg:R', id });
    return;
  }
  trace('msg:R', session.user, id, { to, session: session.id });
  if (session.canSend?.(to) === false) {
    forbid(session, id);
    return;
  }
  const pending = new PendingMessage(session, id);
  if (!authorizer) pending.publish(gateway, packet);
  else
    authorizer.decide({ from: session.user, to, bodyText }, (decision) => {
      if (decision === 'allowed' && !session.closed) pending.publish(gateway, packet);
      else pending.refused(decision);
    });
}
