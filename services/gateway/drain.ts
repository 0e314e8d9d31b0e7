import { pause } from '#libs/runtime/backoff.ts';
import type { Gateway } from './gateway.ts';

const POLL_MS = 20;

/**
 * Drains the gateway (PROTOCOL: bye): sends `bye`, removes the sessions from presence, and waits for messages in flight
 * (msg:R without msg:A, msg:N without ack:R). A client without any is closed at once, the others when they have answered
 * or the time is over. Unanswered messages go to their mailboxes.
 */
export async function drain(gateway: Gateway, timeoutMs: number, spreadMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  gateway.draining = true;
  for (const session of gateway.sessions.values()) gateway.withdraw(session);
  for (const connection of gateway.connections)
    connection.bye('draining', Math.round(Math.random() * spreadMs));
  for (;;) {
    const over = Date.now() >= deadline;
    for (const connection of [...gateway.connections]) {
      const { session } = connection;
      const busy = session !== undefined && (session.window.size > 0 || session.pendingMessages > 0);
      if (busy && !over) continue;
      if (session) gateway.closeSession(session, 'draining');
      connection.leave('draining');
      gateway.closed(connection);
    }
    if (gateway.connections.size === 0) break;
    await pause(POLL_MS);
  }
}
