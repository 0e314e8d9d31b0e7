/// <reference lib="dom" />
import type { Status } from '../connection/status.ts';
import { Emitter, type Unsubscribe } from '../emitter.ts';
import { ClientError, closedError } from '../errors.ts';
import type { IncomingMessage } from '../incoming/message.ts';
import type { MissedHandler } from '../incoming/missed.ts';
import type { ReceiptHandler } from '../incoming/receipts.ts';
import type { OutgoingMessage } from '../outgoing/outgoing-message.ts';
import { resolveOptions } from '../options.ts';
import { RecentMap } from '../recent-map.ts';
import type { Signal } from '../signals.ts';
import type { StoredRead } from '../storage.ts';
import { systemClock } from '../timing/clock.ts';
import { within } from '../timing/within.ts';
import { Election } from './election.ts';
import { Leader, type LeaderPorts } from './leader.ts';
import { TabOutbox } from './tab-outbox.ts';
import type { TabMessageHandler } from './tab-message.ts';
import type { TabsOptions } from './tabs-options.ts';
import type { News, Request } from './wire.ts';

/** Head start of the other tabs when the device is signed out, milliseconds. */
const OVER_MS = 100;

/** The handlers of the application in this tab. */
export interface Handlers {
  message?: TabMessageHandler | undefined;
  missed?: MissedHandler | undefined;
  receipt?: ReceiptHandler | undefined;
}

const nameOf = ({ from, id }: { from: string; id: string }) => `${from}/${id}`;

type Channel = Pick<BroadcastChannel, 'onmessage' | 'postMessage' | 'close'>;

/** Where there is none, this tab is alone, or the storage refuses it. */
function openChannel(name: string): Channel {
  if (typeof BroadcastChannel === 'function') return new BroadcastChannel(name);
  const nothing = () => undefined;
  return { onmessage: null, postMessage: nothing, close: nothing };
}

/** A tab's part in what all tabs share: it leads, or asks the leader and hears its news. */
export class TabSession {
  readonly errors = new Emitter<ClientError>((error) => console.error(error));
  readonly statuses = new Emitter<Status>((cause) => this.#threw(cause));
  readonly outgoing = new Emitter<OutgoingMessage>((cause) => this.#threw(cause));
  readonly signals = new Emitter<Signal>((cause) => this.#threw(cause));
  readonly outbox: TabOutbox;
  readonly #options: TabsOptions;
  readonly #channel: Channel;
  readonly #election: Election;
  readonly #handlers: Handlers = {};
  /** Marks that no leader's client has yet. */
  readonly #marks = new Map<string, StoredRead>();
  /** Mirrored messages that this tab has shown. */
  readonly #shown = new RecentMap<true>();
  readonly #beginning: Status;
  #status: Status;
  #leader: Leader | undefined;
  /** The leader that this tab knows. */
  #known = '';
  #ended = false;
  /** This tab signs the device out. */
  #leaving: ((error?: ClientError) => void)[] = [];

  /** @throws TypeError naming the option that is missing or wrong */
  constructor(options: TabsOptions) {
    resolveOptions(options);
    this.#options = options;
    this.#beginning = { state: 'connecting', url: options.url ?? options.urls?.[0] ?? '' };
    this.#status = this.#beginning;
    this.#channel = openChannel(`sixfold-tabs:${options.storage.name}`);
    this.#channel.onmessage = ({ data }: MessageEvent<Request | News>) => {
      if ('do' in data) {
        if (this.#leader) this.#request(this.#leader, data);
      } else if (!this.#leader) this.#heard(data);
    };
    this.outbox = new TabOutbox((request) => this.ask(request), {
      changed: (message) => this.outgoing.emit(message),
      listenerThrew: (cause) => this.#threw(cause),
    });
    this.#election = new Election(options.storage.name, {
      lead: () => this.#lead(),
      resign: () => this.#resign(),
    });
    this.ask({ do: 'hello' });
    this.#election.enter();
  }

  get leads(): boolean {
    return this.#leader !== undefined;
  }

  get status(): Status {
    return this.#status;
  }

  /** @throws ClientError `closed` */
  checkOpen(): void {
    if (this.#ended) throw closedError('by_caller');
  }

  /** Sets the one handler. @throws Error when there is one already */
  handle<K extends 'message' | 'missed' | 'receipt'>(
    kind: K,
    handler: NonNullable<Handlers[K]>,
  ): Unsubscribe {
    if (this.#handlers[kind]) throw new Error('there is a handler already');
    this.#handlers[kind] = handler;
    this.#leader?.bind();
    return () => {
      this.#handlers[kind] = undefined;
      this.#leader?.bind();
    };
  }

  /** Kept until a leader's client has it. */
  mark(item: StoredRead): void {
    this.#marks.set(nameOf(item), item);
    this.ask({ do: 'read', item });
  }

  /** Resolves when all tabs have ended. @throws ClientError `closed` */
  signOut(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#leaving.push((error) => (error ? reject(error) : resolve()));
      this.ask({ do: 'signOut' });
    });
  }

  async close(flushMs: number): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#leader) await this.#leader.client.close({ flushMs });
    else await within(systemClock, flushMs, this.outbox.accepted());
    this.#end('by_caller');
  }

  ask(request: Request): void {
    if (this.#leader) this.#request(this.#leader, request);
    else if (!this.#ended) this.#channel.postMessage(request);
  }

  #end(reason: string): void {
    this.#ended = true;
    this.#election.end();
    this.#channel.close();
    const error = reason === 'signed_out' ? undefined : closedError(reason);
    for (const tell of this.#leaving.splice(0)) tell(error);
    this.#setStatus({ state: 'closed', reason });
  }

  #lead(): void {
    const ports: LeaderPorts = {
      tell: (news) => {
        this.#channel.postMessage(news);
        this.#heard(news);
      },
      mirror: (news) => this.#channel.postMessage(news),
      report: (error) => this.#report(error),
      receipt: (receipt) => (this.outbox.receipt(receipt) ? undefined : this.#handlers.receipt?.(receipt)),
      handlers: this.#handlers,
    };
    this.#leader = new Leader(this.#options, ports);
    this.#leader.request({ do: 'hello' });
  }

  #resign(): void {
    this.#leader?.retire();
    this.#leader = undefined;
    if (!this.#ended) this.#setStatus(this.#beginning);
  }

  #request(leader: Leader, request: Request): void {
    const { status } = leader.client;
    if (request.do === 'reconnect' && status.state === 'closed' && status.reason === 'storage') {
      this.#resign();
      this.#lead();
    } else leader.request(request);
  }

  #heard(news: News): void {
    switch (news.is) {
      case 'status':
        if (this.#ended) return;
        this.#setStatus(news.status);
        this.#follow(news.leader);
        return;
      case 'outgoing':
        for (const snapshot of news.messages) this.outbox.take(snapshot);
        return;
      case 'refused':
        this.outbox.refused(news.id, news.reason);
        return;
      case 'message':
        this.#show(news.message);
        return;
      case 'receipt':
        if (!this.outbox.receipt(news.receipt)) this.#run(() => this.#handlers.receipt?.(news.receipt));
        return;
      case 'missed':
        this.#run(() => this.#handlers.missed?.(news.missed));
        return;
      case 'signal':
        this.signals.emit(news.signal);
        return;
      case 'marked':
        this.#marks.delete(nameOf(news.item));
        return;
      case 'stays':
        for (const tell of this.#leaving.splice(0)) tell(closedError(news.reason));
        return;
      case 'over':
        // The other tabs first: one that does not know would become the leader, and log in.
        systemClock.setTimeout(() => this.#end('signed_out'), this.#leader ? OVER_MS : 0);
    }
  }

  /** A new leader may not know what this tab asked the last one. */
  #follow(leader: string): void {
    if (leader === this.#known) return;
    this.#known = leader;
    this.outbox.repeat();
    if (this.#leaving.length > 0) this.ask({ do: 'signOut' });
    for (const item of this.#marks.values()) this.ask({ do: 'read', item });
  }

  #show(message: IncomingMessage): void {
    if (!this.#handlers.message || this.#shown.get(nameOf(message))) return;
    this.#shown.set(nameOf(message), true);
    this.#run(() => this.#handlers.message?.({ ...message, mirrored: true }));
  }

  #setStatus(status: Status): void {
    const before = this.#status;
    this.#status = status;
    const { waiters } = this.outbox;
    if (status.state === 'closed') waiters.end(status.reason);
    else waiters.resume();
    if (JSON.stringify(before) !== JSON.stringify(status)) this.statuses.emit(status);
  }

  #run(call: () => unknown): void {
    void new Promise((resolve) => resolve(call())).catch((cause: unknown) =>
      this.#report(new ClientError('handler', 'the handler failed in a tab that does not lead', { cause })),
    );
  }

  #threw(cause: unknown): void {
    this.#report(new ClientError('listener', 'an event listener threw', { cause }));
  }

  #report(error: ClientError): void {
    if (this.errors.size > 0) this.errors.emit(error);
    else console.error(error);
  }
}
