import type { IncomingMessage } from '@sixfold/client';
import type { TabClient } from '@sixfold/client/tabs';
import type { SubmitEvent } from 'react';
import { useMessages, useOutgoing, useSixfold } from './hooks.ts';

interface ChatProps {
  readonly user: string;
  readonly peer: string;
  readonly start: (user: string) => TabClient;
  readonly save: (message: IncomingMessage) => Promise<void>;
}

/** A conversation with one other user. */
export function Chat({ user, peer, start, save }: ChatProps) {
  const { client, status } = useSixfold(user, start);
  const messages = useMessages(client, save);
  const { sent, send } = useOutgoing(client);

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    send(peer, { text: new FormData(event.currentTarget).get('text') });
    event.currentTarget.reset();
  }

  return (
    <>
      <p id="status">{status?.state}</p>
      <ul id="messages">
        {messages.map(({ from, id, body }) => (
          <li key={`${from} ${id}`}>{JSON.stringify(body)}</li>
        ))}
      </ul>
      <form onSubmit={submit}>
        <input name="text" aria-label="Message" required />
        <button disabled={!client}>Send</button>
      </form>
      <ul id="sent">
        {sent.map(({ id, state }) => (
          <li key={id}>{state}</li>
        ))}
      </ul>
    </>
  );
}
