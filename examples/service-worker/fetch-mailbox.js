/* global URLSearchParams */
import { IndexedDbStorage, StorageError } from '@sixfold/client/indexeddb';

/** Longest that the requests may take, milliseconds: a page that is opened meanwhile waits 5 s for the storage. */
const PATIENCE_MS = 4_000;

/** Most requests for entries in one run; what is left waits for the next, or for the page. */
const MAX_REQUESTS = 10;

const nameOf = ({ from, id }) => `${from}/${id}`;

/**
 * Moves the messages of the mailbox into the storage of the page's client: writes them to its inbox, then confirms them over
 * HTTP. The page's handler gets them at its next start, marked `again`. A message that the page has had already is only
 * confirmed.
 *
 * @param url of a gateway: `https://chat.example`
 * @param name of the page's IndexedDbStorage
 * @param device of the page's client, where it is a synced one
 * @returns the messages that are new; none when a page is open, whose client gets them
 */
export async function fetchMailbox({ url, token, name, device }) {
  const storage = new IndexedDbStorage(name);
  try {
    const stored = await storage.load();
    // Nobody has logged in on this device.
    return stored.owner === undefined ? [] : await fetchInto(storage, stored, { url, token, device });
  } catch (error) {
    if (error instanceof StorageError && error.reason === 'in_use') return [];
    throw error;
  } finally {
    await storage.close();
  }
}

async function fetchInto(storage, { owner, inbox }, { url, token, device }) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const call = async (path, options) => {
    const response = await fetch(`${url}${path}`, { headers, signal, ...options });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  };
  // With `user`, the server refuses a token of anyone but the owner of the storage.
  const query = new URLSearchParams({ user: owner, limit: '100', ...(device && { device }) });
  const known = new Set(inbox.map(nameOf));
  const fresh = [];
  let last = inbox.at(-1)?.n ?? 0;
  for (let request = 0; request < MAX_REQUESTS; request++) {
    const { messages, more } = await (await call(`/v1/mailbox?${query}`)).json();
    if (messages.length === 0) break; // receipts are left to the page
    const seen = await storage.seen(messages);
    const added = messages.filter((message, index) => !seen[index] && !known.has(nameOf(message)));
    await storage.write(
      added.map((message) => ({ do: 'inbox.put', entry: toEntry(message, ++last) })),
      'strict',
    );
    const keys = messages.map(({ key }) => key);
    const body = JSON.stringify({ user: owner, keys, ...(device && { device }) });
    await call('/v1/mailbox/confirm', { method: 'POST', body });
    for (const message of added) known.add(nameOf(message));
    fresh.push(...added);
    if (!more) break;
  }
  return fresh;
}

/** As the client writes it. `to` is there where another device of this user sent the message. */
const toEntry = ({ from, id, body, at, seq, thread, read, to }, n) => ({
  ...{ n, from, id, body, at },
  ...(seq !== undefined && { seq }),
  ...(thread !== undefined && { thread }),
  ...(read !== undefined && { read }),
  ...(to !== undefined && { to, own: true }),
});
