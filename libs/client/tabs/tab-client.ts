/// <reference lib="dom" />
import { bodyToText, checkNames } from '../client-packets.ts';
import type { Session, Status } from '../connection/status.ts';
import type { Unsubscribe } from '../emitter.ts';
import { type ClientError, closedError } from '../errors.ts';
import { idMaker } from '../ids.ts';
import type { IncomingMessage } from '../incoming/message.ts';
import type { MissedHandler } from '../incoming/missed.ts';
import type { ReceiptHandler } from '../incoming/receipts.ts';
import type { OutgoingMessage } from '../outgoing/outgoing-message.ts';
import type { CloseOptions, SendOptions } from '../send-options.ts';
import type { Signal, SignalOptions } from '../signals.ts';
import type { TabMessageHandler } from './tab-message.ts';
import { TabSession } from './tab-session.ts';
import type { TabsOptions } from './tabs-options.ts';
import { wakeOnPageEvents } from './wake.ts';

/** Like `Client`, for one of several tabs. Use `connectTabs`. */
export class TabClient {
  readonly #session: TabSession;
  readonly #newId = idMaker();
  readonly #sleep: Unsubscribe;

  /** Use `connectTabs`. */
  constructor(options: TabsOptions) {
    this.#session = new TabSession(options);
    this.#sleep = typeof document === 'undefined' ? () => undefined : wakeOnPageEvents(this);
  }

  /** This tab has the connection. It may change at any time. */
  get leads(): boolean {
    return this.#session.leads;
  }

  /** The state of the connection that all tabs share. */
  get status(): Status {
    return this.#session.status;
  }

  /** Called at every change of `status`. */
  onStatus(listener: (status: Status) => void): Unsubscribe {
    return this.#session.statuses.on(listener);
  }

  /** Called for errors of this tab, and of the connection and storage while this tab leads. */
  onError(listener: (error: ClientError) => void): Unsubscribe {
    return this.#session.errors.on(listener);
  }

  /** As `Client.connected`. */
  connected(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const look = (status: Status): boolean => {
        if (status.state === 'online') resolve(status.session);
        if (status.state === 'closed') reject(closedError(status.reason));
        return status.state === 'online' || status.state === 'closed';
      };
      if (look(this.status)) return;
      const unsubscribe = this.onStatus((status) => {
        if (look(status)) unsubscribe();
      });
    });
  }

  /** As `Client.reconnect`, from any tab. */
  reconnect(): void {
    this.#session.ask({ do: 'hello' });
    this.#session.ask({ do: 'reconnect' });
  }

  /**
   * As `Client.send`, from any tab: the leader's client writes the message to the storage before it sends it. This tab asks
   * the next leader again when one goes. Until the leader has it, it ends with this tab.
   *
   * @throws TypeError for a `to`, `body` or option that the protocol does not allow @throws ClientError `closed`
   */
  send(
    to: string | readonly string[],
    body: unknown,
    { id = this.#newId(), seq, thread, ttl, read, deadlineMs }: SendOptions = {},
  ): OutgoingMessage {
    this.#session.checkOpen();
    checkNames({ to, id, seq, thread, ttl });
    return this.#session.outbox.add({
      ...{ id, seq, thread, ttl, deadlineMs, bodyText: bodyToText(body) },
      ...{ to: typeof to === 'string' ? to : [...to], read: read === true ? true : undefined },
    });
  }

  /** Messages of all tabs without a final state. */
  outbox(): OutgoingMessage[] {
    return this.#session.outbox.list();
  }

  /** Called at every change of state of a message, whichever tab sent it. */
  onOutgoing(listener: (message: OutgoingMessage) => void): Unsubscribe {
    return this.#session.outgoing.on(listener);
  }

  /**
   * Sets the handler of incoming messages, in every tab: any of them may become the leader. The leader's gets each message
   * once, as with `Client.onMessage`; the other tabs' get it with `mirrored: true`, to show it.
   */
  onMessage(handler: TabMessageHandler): Unsubscribe {
    return this.#session.handle('message', handler);
  }

  /** As `Client.onMissed`, in every tab. */
  onMissed(handler: MissedHandler): Unsubscribe {
    return this.#session.handle('missed', handler);
  }

  /** As `Client.onReceipt`, in every tab. */
  onReceipt(handler: ReceiptHandler): Unsubscribe {
    return this.#session.handle('receipt', handler);
  }

  /** As `Client.markRead`. */
  markRead(...messages: Pick<IncomingMessage, 'from' | 'id' | 'read'>[]): void {
    this.#session.checkOpen();
    for (const { from, id, read } of messages) {
      checkNames({ from, id });
      if (read !== undefined) this.#session.mark({ from, id, read });
    }
  }

  /** As `Client.signal`. @returns whether there is a session */
  signal(to: string | readonly string[], body: unknown, { thread }: SignalOptions = {}): boolean {
    checkNames({ to, thread });
    this.#session.ask({ do: 'signal', to, body, thread });
    return this.status.state === 'online';
  }

  /** As `Client.onSignal`. */
  onSignal(listener: (signal: Signal) => void): Unsubscribe {
    return this.#session.signals.on(listener);
  }

  /** As `Client.signOut`: ends all tabs. */
  signOut(): Promise<void> {
    this.#session.checkOpen();
    return this.#session.signOut();
  }

  /** Ends this tab's part. Where it leads, another tab takes over. See `Client.close`. */
  close({ flushMs = 2_000 }: CloseOptions = {}): Promise<void> {
    this.#sleep();
    return this.#session.close(flushMs);
  }
}
