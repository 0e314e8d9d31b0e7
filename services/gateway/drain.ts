import { pause } from '#libs/runtime/backoff.ts';
import type { Gateway } from './gateway.ts';

const POLL_MS = 20;

/**
 * Lets the clients go (PROTOCOL: bye): tells them, takes their sessions out of presence, and waits for what is in
 * flight: msg:R without msg:A, and msg:N without ack:R. Who has nothing in flight goes at once, the others when they
 * have answered or the time is over; what they did not answer goes to their mailboxes.
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
