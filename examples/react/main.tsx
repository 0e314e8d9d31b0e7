import type { IncomingMessage } from '@sixfold/client';
import { IndexedDbStorage } from '@sixfold/client/indexeddb';
import { connectTabs } from '@sixfold/client/tabs';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.tsx';

/** What your back end tells a user who is signed in. */
interface Me {
  readonly url: string;
  readonly user: string;
  readonly peer: string;
}

/** Your back end keeps one message for each `from` and `id`: one with `again` may be there already. */
async function save({ from, id, body, again }: IncomingMessage): Promise<void> {
  const response = await fetch('messages', {
    method: 'POST',
    body: JSON.stringify({ from, id, body, again }),
  });
  if (!response.ok) throw new Error(`the back end answers ${response.status}`);
}

async function main(): Promise<void> {
  const { url, user, peer } = (await (await fetch('me')).json()) as Me;
  const start = (name: string) =>
    connectTabs({
      url,
      user: name,
      token: async () => (await fetch('token')).text(),
      storage: new IndexedDbStorage(`chat-${name}`),
    });
  const root = document.getElementById('root');
  if (!root) throw new Error('index.html has a root');
  createRoot(root).render(
    <StrictMode>
      <Chat user={user} peer={peer} start={start} save={save} />
    </StrictMode>,
  );
}

void main();
