/* global self */
import { fetchMailbox } from './fetch-mailbox.js';

/** A service worker that a push wakes: it fetches, and shows what is new. */
self.addEventListener('push', (event) => event.waitUntil(wake(event.data?.json() ?? {})));

/** @param user as your back end names it in the push */
async function wake({ user }) {
  // Browsers demand a notification for each push, whatever becomes of the fetch.
  const fresh = await messagesOf(user).catch(() => []);
  const title = fresh.length > 0 ? `${fresh.length} new messages` : 'New messages';
  await self.registration.showNotification(title, { tag: 'sixfold' });
}

async function messagesOf(user) {
  const token = await (await fetch('/token')).text();
  return fetchMailbox({ url: 'https://chat.example', token, name: `chat-${user}` });
}
