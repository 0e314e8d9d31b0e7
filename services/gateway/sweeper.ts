import type { Gateway } from './gateway.ts';
import type { GatewayConsumer } from './gateway-consumer.ts';

/** How late a deadline may be noticed, milliseconds. One timer for all of them: none per packet or connection. */
const SWEEP_MS = 200;
/** Interval of pruning idle publishers, milliseconds. */
const PRUNE_MS = 10_000;

/** Starts the rounds, and the WebSocket pings. @returns stops them */
export function startSweeping(gateway: Gateway, consumer: GatewayConsumer): () => void {
  const sweeping = setInterval(() => sweep(gateway, consumer), SWEEP_MS);
  const pinging = setInterval(() => {
    for (const connection of gateway.connections) connection.ping();
  }, gateway.config.PING_INTERVAL_MS);
  const pruning = setInterval(() => gateway.publishers.prune(), PRUNE_MS);
  return () => {
    clearInterval(pruning);
    clearInterval(sweeping);
    clearInterval(pinging);
  };
}

/** One round over everything that has a deadline: logins, unanswered messages, pulls, tokens. */
function sweep(gateway: Gateway, consumer: GatewayConsumer, now = Date.now()): void {
  const { LOGIN_TIMEOUT_MS, ACK_TIMEOUT_MS } = gateway.config;
  for (const connection of gateway.connections) {
    const { session, login } = connection;
    // It is closing by itself; the event comes only when TCP ends, and until then nothing would reach the client.
    if (!connection.open) {
      gateway.closed(connection);
      continue;
    }
    if (session?.registered) continue;
    if (login.pendingSince > 0 && now - login.pendingSince > LOGIN_TIMEOUT_MS)
      session?.onRegistered?.('failed');
    else if (login.pendingSince === 0 && now > login.deadline) connection.close('login_timeout');
  }
  for (const session of gateway.sessions.values()) {
    const oldest = session.window.oldestSentAt;
    if (oldest !== undefined && now - oldest >= ACK_TIMEOUT_MS) {
      gateway.log.debug({ session: session.id, messages: session.window.size }, 'ack timeout');
      session.window.returnToMailbox('ack_timeout');
    }
    session.window.returnExpired(now);
    session.window.pump();
    session.mailboxRequests.expire();
    session.connection.checkStall(session.window.waitingBytes, now);
    // A session ends when its token does, unless a fresh login:R came before (PROTOCOL: unauthorized).
    if (now >= session.expiresAt) session.connection.reject('unauthorized', 'the token has expired');
  }
  consumer.shedOldest();
}
