import { dropSignals } from '#libs/broker/metrics.ts';
import type { ReadSignalR } from '#libs/protocol/decode.ts';
import type { Authorizer } from '../authorize/authorizer.ts';
import { DecisionQueue } from '../authorize/decision-queue.ts';
import { askIfAllowed } from '../authorize/receivers.ts';
import type { GatewayConfig } from '../config.ts';
import type { Session } from '../session.ts';
import type { Signals } from '../signals.ts';

/** What signal:R needs of the gateway. */
export interface SignalContext {
  readonly config: Pick<GatewayConfig, 'MAX_RECEIVERS' | 'MAX_SIGNAL_BYTES'>;
  readonly authorizer: Pick<Authorizer, 'decide' | 'reserve'> | undefined;
  readonly signals: Pick<Signals, 'send'>;
}

const RE = { type: 'signal:R' };

/**
 * signal:R: to routing, without a trace of it anywhere (PROTOCOL: signal). What cannot go now is dropped and counted;
 * the sender is told only what it did wrong.
 */
export function signalR(gateway: SignalContext, session: Session, packet: ReadSignalR): void {
  const { connection, user: from, canSend } = session;
  const fault = faultOf(gateway, packet);
  if (fault !== undefined) {
    connection.error('bad_packet', fault, RE);
    return;
  }
  const { bodyText: body, thread } = packet;
  const to = typeof packet.to === 'string' ? [packet.to] : packet.to;
  // A queue of its own: messages do not wait for a decision about a signal.
  const sender = { user: from, canSend, decisions: new DecisionQueue() };
  askIfAllowed(yielding(gateway.authorizer), sender, packet, (decision, refused) => {
    if (decision === 'forbidden') {
      const message = refused ? 'you may not write to these users' : 'you may not write to this user';
      connection.error('forbidden', message, { ...RE, ...(refused && { to: refused }) });
    } else if (decision === 'unknown' || session.closed) dropSignals(to.length);
    else gateway.signals.send({ from, to, body, at: Date.now(), thread });
  });
}

function faultOf(
  { config }: SignalContext,
  { to, bodyText }: Pick<ReadSignalR, 'to' | 'bodyText'>,
): string | undefined {
  const { MAX_RECEIVERS, MAX_SIGNAL_BYTES } = config;
  if (typeof to !== 'string' && to.length > MAX_RECEIVERS)
    return `to: names more than ${MAX_RECEIVERS} users`;
  if (Buffer.byteLength(bodyText) > MAX_SIGNAL_BYTES) return `body: is larger than ${MAX_SIGNAL_BYTES} bytes`;
  return undefined;
}

/** Signals leave half of the authorization requests to messages. */
const yielding = (authorizer: SignalContext['authorizer']) =>
  authorizer && {
    decide: (...[message, onDecision]: Parameters<Authorizer['decide']>) =>
      authorizer.decide(message, onDecision, true),
    reserve: (bodyText: string) => authorizer.reserve(bodyText),
  };
