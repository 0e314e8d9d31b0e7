/* global self */
import { fetchMailbox } from '../../../examples/service-worker/fetch-mailbox.js';

/** The service worker of examples/; a message from the page stands for a push, and is answered with what came. */
self.addEventListener('message', (event) => event.waitUntil(answer(event)));

async function answer({ data, ports: [port] }) {
  try {
    const fresh = await fetchMailbox(data);
    port.postMessage({ ids: fresh.map(({ id }) => id) });
  } catch (error) {
    port.postMessage({ error: String(error) });
  }
}
