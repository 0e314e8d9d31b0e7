/// <reference lib="dom" />
import type { Client } from '../client.ts';
import type { Unsubscribe } from '../emitter.ts';

/**
 * Has the client check its connection at once when the page wakes up: the network is back (`online`), the page is visible
 * again, comes out of the back/forward cache (`pageshow`), or is no longer frozen (`resume`). A connection that does not
 * answer a ping within `lookTimeoutMs` is replaced, and a pause before the next try ends. A client that is closed stays
 * closed. `connectTabs` does it already.
 *
 * @returns ends it
 */
export function wakeOnPageEvents(client: Pick<Client, 'status' | 'reconnect'>): Unsubscribe {
  const ended = new AbortController();
  const { signal } = ended;
  const wake = () => {
    if (client.status.state !== 'closed') client.reconnect();
  };
  addEventListener('online', wake, { signal });
  addEventListener('pageshow', ({ persisted }) => persisted && wake(), { signal });
  document.addEventListener('resume', wake, { signal });
  document.addEventListener('visibilitychange', () => document.hidden || wake(), { signal });
  return () => ended.abort();
}
