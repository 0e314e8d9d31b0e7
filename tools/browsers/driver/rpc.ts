import { EventEmitter, once } from 'node:events';
import { WebSocket } from 'ws';

/** Longest that a browser may take for an answer, milliseconds: the process of a tab that crashed never gives one. */
const PATIENCE_MS = 60_000;

interface Answer {
  id?: number;
  /** Of an event, which has no id. */
  method?: string;
  sessionId?: string;
  result?: unknown;
  /** Of the DevTools Protocol an object, of WebDriver BiDi a code. */
  error?: { message: string } | string;
  message?: string;
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** Numbered requests and answers as JSON over a WebSocket: the DevTools Protocol and WebDriver BiDi are both like that. */
export class Rpc {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #events = new EventEmitter();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => undefined); // a close follows it
    socket.on('message', (data: Buffer) => this.#answered(JSON.parse(data.toString()) as Answer));
    socket.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser is gone'));
    });
  }

  static async open(url: string): Promise<Rpc> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    return new Rpc(socket);
  }

  /**
   * @param more fields beside `method` and `params`
   * @throws Error when the browser refuses, is gone, or does not answer
   */
  async call<T = unknown>(method: string, params: object = {}, more: object = {}): Promise<T> {
    const id = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(() => reject(new Error(`${method} was not answered`)), PATIENCE_MS);
    try {
      if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('the browser is gone');
      this.#socket.send(JSON.stringify({ id, method, params, ...more }));
      return (await promise) as T;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** The same, for what answers nothing of interest. */
  async order(method: string, params: object = {}, more: object = {}): Promise<void> {
    await this.call(method, params, more);
  }

  /** Resolves at the next event of that name in a session of the DevTools Protocol. @throws Error when none comes */
  async event(method: string, sessionId: string): Promise<void> {
    await once(this.#events, `${method} ${sessionId}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  close(): void {
    this.#socket.terminate();
  }

  #answered({ id, method, sessionId = '', result, error, message }: Answer): void {
    if (method !== undefined) this.#events.emit(`${method} ${sessionId}`);
    const waiting = this.#waiting.get(id ?? 0);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(typeof error === 'string' ? `${error}: ${message ?? ''}` : error.message));
  }
}
