import type { IncomingMessage, OutgoingMessage, Status } from '@sixfold/client';
import type { TabClient, TabMessage } from '@sixfold/client/tabs';
import { useCallback, useEffect, useRef, useState } from 'react';

/** The state of a message when it was looked at: React compares values, and the message itself changes in place. */
export type Sent = Pick<OutgoingMessage, 'id' | 'to' | 'state' | 'reason'>;

/**
 * A client for as long as the component is there, and the state of its connection. Another `user` gets another client.
 *
 * @param start makes it with `connectTabs`. A function that stays the same: every new one makes a new client
 */
export function useSixfold(user: string, start: (user: string) => TabClient) {
  const [current, setCurrent] = useState<{ client?: TabClient; status?: Status }>({});
  useEffect(() => {
    const client = start(user);
    const show = () => setCurrent({ client, status: client.status });
    const stop = client.onStatus(show);
    show();
    return () => {
      stop();
      setCurrent({});
      // StrictMode starts the next client at once: as a tab of its own, it waits until this one has let go.
      void client.close();
    };
  }, [user, start]);
  return current;
}

/**
 * The messages that came while the component was there, in the order of their arrival. Use it once for each client.
 *
 * @param save keeps a message where it is safe; the message is confirmed when that is done. One tab saves, all tabs show
 */
export function useMessages(client: TabClient | undefined, save: (message: IncomingMessage) => unknown) {
  const [messages, setMessages] = useState<ReadonlyMap<string, TabMessage>>(new Map());
  const latest = useRef(save);
  useEffect(() => void (latest.current = save));
  useEffect(() => {
    setMessages(new Map());
    return client?.onMessage(async (message) => {
      if (!message.mirrored) await latest.current(message);
      setMessages((before) => new Map(before).set(`${message.from} ${message.id}`, message));
    });
  }, [client]);
  return [...messages.values()];
}

/** The messages that this user sends, from all tabs, each with its state, and a function that sends one. */
export function useOutgoing(client: TabClient | undefined) {
  const [sent, setSent] = useState<ReadonlyMap<string, Sent>>(new Map());
  const note = useCallback(({ id, to, state, reason }: OutgoingMessage) => {
    setSent((before) => new Map(before).set(id, { id, to, state, reason }));
  }, []);
  useEffect(() => {
    setSent(new Map());
    if (!client) return undefined;
    // Those of earlier runs are there when the storage is open.
    const stops = [client.onOutgoing(note), client.onStatus(() => client.outbox().forEach(note))];
    client.outbox().forEach(note);
    return () => stops.forEach((stop) => stop());
  }, [client, note]);
  const send = (...args: Parameters<TabClient['send']>) => client && note(client.send(...args));
  return { sent: [...sent.values()], send };
}
