import { type Client, connect } from '../client.ts';
import type { Status } from '../connection/status.ts';
import type { ClientError } from '../errors.ts';
import { idMaker } from '../ids.ts';
import type { MessageHandler } from '../incoming/message.ts';
import type { MissedHandler } from '../incoming/missed.ts';
import type { ReceiptHandler } from '../incoming/receipts.ts';
import type { ConnectOptions } from '../options.ts';
import type { OutgoingFields } from '../outgoing/outgoing.ts';
import type { OutgoingMessage } from '../outgoing/outgoing-message.ts';
import { type Fence, fence } from './fence.ts';
import { type News, type Request, snapshotOf } from './wire.ts';

/** What the leader needs of its tab. */
export interface LeaderPorts {
  /** Tells all tabs, this one too. */
  readonly tell: (news: News) => void;
  /** Tells the other tabs. */
  readonly mirror: (news: News) => void;
  readonly report: (error: ClientError) => void;
  readonly receipt: ReceiptHandler;
  /** The handlers of the application, as they are now. */
  readonly handlers: { message?: MessageHandler | undefined; missed?: MissedHandler | undefined };
}

/** The tab that has the connection: its client serves all tabs. */
export class Leader {
  readonly id = idMaker()();
  readonly client: Client;
  readonly #ports: LeaderPorts;
  readonly #storage: Fence;
  #unbind: (() => void)[] = [];
  readonly #beginning: Status;
  #retired = false;

  constructor(options: ConnectOptions & Required<Pick<ConnectOptions, 'storage'>>, ports: LeaderPorts) {
    this.#ports = ports;
    this.#storage = fence(options.storage);
    const client = connect({ ...options, storage: this.#storage });
    this.client = client;
    this.#beginning = client.status;
    client.onError((error) => this.#retired || ports.report(error));
    client.onStatus(() => this.#tellStatus());
    client.onOutgoing((message) => this.#tell({ is: 'outgoing', messages: [snapshotOf(message)] }));
    client.onSignal((signal) => this.#tell({ is: 'signal', signal }));
    client.onReceipt((receipt) => {
      ports.mirror({ is: 'receipt', receipt });
      return ports.receipt(receipt);
    });
    this.bind();
  }

  /** The handlers of the application have changed. Without one, client and server keep what is for it. */
  bind(): void {
    const { handlers, mirror } = this.#ports;
    const { message: handler, missed: missedHandler } = handlers;
    for (const unbind of this.#unbind.splice(0)) unbind();
    if (handler)
      this.#unbind.push(
        this.client.onMessage((message) => {
          // The other tabs first: if this one ends in the middle, the handler of the next leader gets it, marked `again`.
          if (message.failures === undefined) mirror({ is: 'message', message });
          return handler(message);
        }),
      );
    if (missedHandler)
      this.#unbind.push(
        this.client.onMissed((missed) => {
          mirror({ is: 'missed', missed });
          return missedHandler(missed);
        }),
      );
  }

  /** Ends at once, without a word: the tab is about to be frozen, or begins anew. */
  retire(): void {
    this.#retired = true;
    this.#storage.end();
    void this.client.close({ flushMs: 0 });
  }

  request(request: Request): void {
    switch (request.do) {
      case 'hello':
        this.#tellStatus();
        this.#tellOutbox();
        return;
      case 'send':
        this.#send(request.fields);
        return;
      case 'cancel':
        this.#find(request.id)?.cancel();
        return;
      case 'retry':
        this.#find(request.id)?.retry();
        return;
      case 'read':
        this.client.markRead(request.item);
        this.#tell({ is: 'marked', item: request.item });
        return;
      case 'signal':
        this.client.signal(
          request.to,
          request.body,
          request.thread === undefined ? {} : { thread: request.thread },
        );
        return;
      case 'reconnect':
        this.client.reconnect();
        return;
      case 'signOut':
        void this.client.signOut().then(
          () => this.#tell({ is: 'over' }),
          () => this.#tell({ is: 'stays', reason: this.#reason() }),
        );
    }
  }

  #send(fields: OutgoingFields): void {
    const { to, bodyText, ...options } = fields;
    try {
      const message = this.client.send(to, JSON.parse(bodyText), defined(options));
      this.#tell({ is: 'outgoing', messages: [snapshotOf(message)] });
    } catch (error) {
      this.#tell({ is: 'refused', id: fields.id, reason: this.#reason(error) });
    }
  }

  #reason(error?: unknown): string {
    const { status } = this.client;
    return status.state === 'closed' ? status.reason : String(error);
  }

  #find(id: string): OutgoingMessage | undefined {
    return this.client.outbox().find((message) => message.id === id);
  }

  #tellStatus(): void {
    const { status } = this.client;
    // This tab closes, and the next one comes.
    const ends = status.state === 'closed' && status.reason === 'by_caller';
    this.#tell({ is: 'status', status: ends ? this.#beginning : status, leader: this.id });
    if (status.state === 'online') this.#tellOutbox();
  }

  #tellOutbox(): void {
    this.#tell({ is: 'outgoing', messages: this.client.outbox().map(snapshotOf) });
  }

  #tell(news: News): void {
    if (!this.#retired) this.#ports.tell(news);
  }
}

/** Without what is undefined: options are there or not. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
