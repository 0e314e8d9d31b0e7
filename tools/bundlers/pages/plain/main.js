/* global document */
import { IndexedDbStorage } from '@sixfold/client/indexeddb';
import { connectTabs } from '@sixfold/client/tabs';

/** The page of examples/react without React, with the same elements. */
async function main() {
  const { url, user, peer } = await (await fetch('me')).json();
  const token = async () => (await fetch('token')).text();
  const client = connectTabs({ url, user, token, storage: new IndexedDbStorage(`chat-${user}`) });
  const element = (name) => document.querySelector(name);
  const show = (list, text) => {
    const line = document.createElement('li');
    line.textContent = text;
    element(list).append(line);
    return line;
  };
  client.onStatus(({ state }) => (element('#status').textContent = state));
  client.onMessage(async ({ mirrored, ...message }) => {
    if (!mirrored) await fetch('messages', { method: 'POST', body: JSON.stringify(message) });
    show('#messages', JSON.stringify(message.body));
  });
  element('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const sent = client.send(peer, { text: element('input').value });
    const line = show('#sent', sent.state);
    sent.onState(({ state }) => (line.textContent = state));
  });
}

void main();
