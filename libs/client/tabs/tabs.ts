/// <reference lib="dom" />
import { TabClient } from './tab-client.ts';
import type { TabsOptions } from './tabs-options.ts';

export type { TabClient } from './tab-client.ts';
export type { TabMessage, TabMessageHandler } from './tab-message.ts';
export type { TabsOptions } from './tabs-options.ts';
export { wakeOnPageEvents } from './wake.ts';

/**
 * Makes a client that shares one connection and one storage with all tabs of the same page origin and storage name. One tab,
 * the leader, has them; when it is closed, crashes or is frozen, another one takes over. Every tab sees every state and every
 * message. It reacts to page events as {@link wakeOnPageEvents} does.
 *
 * Where the browser has no Web Locks (an insecure page, an old browser), one tab works; in the others the status is `closed`
 * with the reason `storage`, and onError gets the cause (`StorageError`, `in_use`).
 */
export function connectTabs(options: TabsOptions): TabClient {
  return new TabClient(options);
}
