import type { ReadMsgR } from '#libs/protocol/decode.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { firstSpan } from '#libs/runtime/spans.ts';
import { trace } from '#libs/runtime/trace.ts';
import type { Decision } from '../authorize/authorizer.ts';
import { type AskedAuthorizer, askIfAllowed } from '../authorize/receivers.ts';
import type { GatewayConfig } from '../config.ts';
import { acceptSeconds } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import type { MessageAnswer, MessageSender } from './message-sender.ts';

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
export const MAX_LIST_TEXT = 8 * 1024 * 1024;

const listText = ({ to, bodyText }: ReadMsgR) => (typeof to === 'string' ? 0 : bodyText.length * to.length);

/** A list that is alone may be larger: it could never be sent otherwise. */
function tooMuchText({ pendingListText: pending }: MessageSender, packet: ReadMsgR): boolean {
  const text = listText(packet);
  return text > 0 && pending > 0 && pending + text > MAX_LIST_TEXT;
}

/** A msg:R that is being published. It is accepted after the last publisher confirm, never before. */
class PendingMessage implements Pending {
  readonly #sender: MessageSender;
  readonly #answer: MessageAnswer;
  readonly #id: string;
  readonly #listText: number;
  readonly #started = performance.now();
  readonly #span;
  #at = 0;
  /** Receivers whose entry is not confirmed yet. */
  #left = 1;
  #failed = false;

  constructor(sender: MessageSender, packet: ReadMsgR, answer: MessageAnswer) {
    this.#sender = sender;
    this.#answer = answer;
    this.#id = packet.id;
    this.#listText = listText(packet);
    sender.pendingMessages++;
    sender.pendingListText += this.#listText;
    this.#span = firstSpan('accept', sender.user, packet.id);
  }

  /** One entry for each receiver, all with one `at`. */
  publish({ publishers }: MsgContext, { id, to, bodyText, seq, thread, ttl, read }: ReadMsgR): void {
    const { user: from, origin, reply, copiesSent } = this.#sender;
    this.#at = this.#sender.nextAt();
    const { traceparent } = this.#span ?? {};
    const expires = ttl === undefined ? undefined : this.#at + ttl * 1_000;
    const fields = { id, body: bodyText, at: this.#at, seq, thread, expires };
    const entry = { kind: 'message' as const, from, ...fields, read, origin, reply, traceparent };
    const isCopied = copiesSent && !(typeof to === 'string' ? to === from : to.includes(from));
    if (typeof to === 'string') {
      if (isCopied) this.#left = 2;
      publishers.route(to, { ...entry, to }, this);
    } else {
      this.#left = to.length + (isCopied ? 1 : 0);
      for (const user of to) publishers.route(user, { ...entry, to: user }, this);
    }
    // For the user's other synced devices.
    const device = origin === '' ? undefined : origin;
    if (isCopied) publishers.route(from, { kind: 'sent', user: from, device, to, ...fields }, this);
  }

  /** The message is not published. A client that has disconnected sends it again on the next connection. */
  refused(decision: Decision, users?: string[]): void {
    this.#over();
    if (decision === 'forbidden') {
      this.#span?.end('forbidden');
      trace('forbidden', this.#sender.user, this.#id, { session: this.#sender.id });
      const message = users ? 'you may not write to these users' : 'you may not write to this user';
      const re = { type: 'msg:R', id: this.#id, ...(users && { to: users }) };
      this.#answer.refused('forbidden', message, re);
    } else this.#unavailable('the permission to write to this user cannot be checked now; send it again');
  }

  settled(error?: Error): void {
    if (error) this.#failed = true;
    if (--this.#left > 0) return;
    this.#over();
    if (this.#failed) {
      this.#unavailable('the message was not confirmed; send it again');
      return;
    }
    acceptSeconds.observe((performance.now() - this.#started) / 1_000);
    this.#span?.end('accepted');
    trace('msg:A', this.#sender.user, this.#id, { session: this.#sender.id });
    this.#answer.accepted(this.#id, this.#at);
  }

  #over(): void {
    this.#sender.pendingMessages--;
    this.#sender.pendingListText -= this.#listText;
  }

  #unavailable(message: string): void {
    this.#span?.end('unavailable');
    trace('refused', this.#sender.user, this.#id, { session: this.#sender.id });
    this.#answer.refused('unavailable', message, { type: 'msg:R', id: this.#id });
  }
}

/** msg:R: into the route queues of its receivers, if its sender may write to all of them. Answered once. */
export function msgR(
  gateway: MsgContext,
  sender: MessageSender,
  packet: ReadMsgR,
  answer: MessageAnswer,
): void {
  const { config } = gateway;
  const { id, to } = packet;
  const re = { type: 'msg:R', id };
  if (sender.pendingMessages >= config.SEND_WINDOW) {
    const message = `more than ${config.SEND_WINDOW} messages without their msg:A`;
    answer.refused('window_full', message, re);
    return;
  }
  if (typeof to !== 'string' && to.length > config.MAX_RECEIVERS) {
    answer.refused('bad_packet', `to: names more than ${config.MAX_RECEIVERS} users`, re);
    return;
  }
  if (tooMuchText(sender, packet)) {
    answer.refused('unavailable', 'large lists wait for the broker; send it again', re);
    return;
  }
  trace('msg:R', sender.user, id, { to, session: sender.id });
  const pending = new PendingMessage(sender, packet, answer);
  askIfAllowed(gateway.authorizer, sender, packet, (decision, refused) => {
    if (decision === 'allowed' && !sender.closed) pending.publish(gateway, packet);
    else pending.refused(decision, refused);
  });
}
