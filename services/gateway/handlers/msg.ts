import type { ReadMsgR } from '#libs/protocol/decode.ts';
import { msgA } from '#libs/protocol/encode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { firstSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Decision } from '../authorize/authorizer.ts';
import { type AskedAuthorizer, askIfAllowed } from '../authorize/receivers.ts';
import type { GatewayConfig } from '../config.ts';
import { acceptSeconds } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import type { Session } from '../session.ts';

/** What msg:R needs of the gateway. */
export interface MsgContext {
  readonly config: Pick<GatewayConfig, 'SEND_WINDOW' | 'MAX_RECEIVERS'>;
  readonly authorizer: AskedAuthorizer;
  readonly publishers: Pick<Publishers, 'route'>;
}

/**
 * Most text of lists that one session may have pending, UTF-16 units: body times receivers. A list has an entry with the
 * whole body for each receiver, and one user's must not fill the memory, nor the room for all that waits for the broker.
 */
const MAX_LIST_TEXT = 8 * 1024 * 1024;

const listText = ({ to, bodyText }: ReadMsgR) => (typeof to === 'string' ? 0 : bodyText.length * to.length);

/** A list that is alone may be larger: it could never be sent otherwise. */
function tooMuchText({ pendingListText: pending }: Session, packet: ReadMsgR): boolean {
  const text = listText(packet);
  return text > 0 && pending > 0 && pending + text > MAX_LIST_TEXT;
}

/** A msg:R that is being published. Its msg:A goes out after the last publisher confirm, never before. */
class PendingMessage implements Pending {
  readonly #session: Session;
  readonly #id: string;
  readonly #listText: number;
  readonly #started = performance.now();
  readonly #span;
  #at = 0;
  /** Receivers whose entry is not confirmed yet. */
  #left = 1;
  #failed = false;

  constructor(session: Session, packet: ReadMsgR) {
    this.#session = session;
    this.#id = packet.id;
    this.#listText = listText(packet);
    session.pendingMessages++;
    session.pendingListText += this.#listText;
    this.#span = firstSpan('accept', session.user, packet.id);
  }

  /** One entry for each receiver, all with one `at`. */
  publish({ publishers }: MsgContext, { id, to, bodyText, seq, thread, ttl, read }: ReadMsgR): void {
    const from = this.#session.user;
    this.#at = this.#session.nextAt();
    const { traceparent } = this.#span ?? {};
    const expires = ttl === undefined ? undefined : this.#at + ttl * 1_000;
    const fields = { id, body: bodyText, at: this.#at, seq, thread, expires };
    const { device, synced } = this.#session;
    const origin = synced ? device : undefined;
    const entry = { kind: 'message' as const, from, ...fields, read, origin, traceparent };
    const isCopied = synced && !(typeof to === 'string' ? to === from : to.includes(from));
    if (typeof to === 'string') {
      if (isCopied) this.#left = 2;
      publishers.route(to, { ...entry, to }, this);
    } else {
      this.#left = to.length + (isCopied ? 1 : 0);
      for (const user of to) publishers.route(user, { ...entry, to: user }, this);
    }
    // For the user's other synced devices.
    if (isCopied) publishers.route(from, { kind: 'sent', user: from, device, to, ...fields }, this);
  }

  /** The message is not published. A client that has disconnected sends it again on the next connection. */
  refused(decision: Decision, users?: string[]): void {
    this.#over();
    if (decision === 'forbidden') {
      this.#span?.end('forbidden');
      forbid(this.#session, this.#id, users);
    } else this.#unavailable('the permission to write to this user cannot be checked now; send it again');
  }

  settled(error?: Error): void {
    if (error) this.#failed = true;
    if (--this.#left > 0) return;
    const { connection } = this.#session;
    this.#over();
    if (this.#failed) {
      this.#unavailable('the message was not confirmed; send it again');
      return;
    }
    acceptSeconds.observe((performance.now() - this.#started) / 1_000);
    this.#span?.end('accepted');
    trace('msg:A', this.#session.user, this.#id, { session: this.#session.id });
    connection.send('msg:A', msgA(this.#id, this.#at));
  }

  #over(): void {
    this.#session.pendingMessages--;
    this.#session.pendingListText -= this.#listText;
  }

  #unavailable(message: string): void {
    this.#span?.end('unavailable');
    trace('refused', this.#session.user, this.#id, { session: this.#session.id });
    this.#session.connection.error('unavailable', message, { type: 'msg:R', id: this.#id });
  }
}

/** @param to those of a list that are refused */
function forbid({ connection, user, id: session }: Session, id: string, to?: string[]): void {
  trace('forbidden', user, id, { session });
  const message = to ? 'you may not write to these users' : 'you may not write to this user';
  connection.error('forbidden', message, { type: 'msg:R', id, ...(to && { to }) });
}

/** msg:R: into the route queues of its receivers, if its sender may write to all of them. */
export function msgR(gateway: MsgContext, session: Session, packet: ReadMsgR): void {
  const { config } = gateway;
  const { id, to } = packet;
  if (session.pendingMessages >= config.SEND_WINDOW) {
    const message = `more than ${config.SEND_WINDOW} messages without their msg:A`;
    session.connection.error('window_full', message, { type: 'msg:R', id });
    return;
  }
  if (typeof to !== 'string' && to.length > config.MAX_RECEIVERS) {
    const message = `to: names more than ${config.MAX_RECEIVERS} users`;
    session.connection.error('bad_packet', message, { type: 'msg:R', id });
    return;
  }
  if (tooMuchText(session, packet)) {
    const message = 'large lists wait for the broker; send it again';
    session.connection.error('unavailable', message, { type: 'msg:R', id });
    return;
  }
  trace('msg:R', session.user, id, { to, session: session.id });
  const pending = new PendingMessage(session, packet);
  askIfAllowed(gateway.authorizer, session, packet, (decision, refused) => {
    if (decision === 'allowed' && !session.closed) pending.publish(gateway, packet);
    else pending.refused(decision, refused);
  });
}
