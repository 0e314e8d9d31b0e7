/** What the client needs of a WebSocket: the browsers' one, Node's own and that of `ws` have it. */
export interface SocketLike {
  /** As in the WebSocket standard; no other properties of the events are used. */
  addEventListener(type: 'open' | 'error', run: () => void): void;
  addEventListener(type: 'message', run: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    run: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  /** Sends one text frame. */
  send(text: string): void;
  /** Begins the closing handshake. */
  close(code?: number, reason?: string): void;
  /**
   * Ends the TCP connection at once, where the platform can: `ws` has it, Node's own gets it from
   * {@link platformWebSocket}, and a browser does by itself what is needed.
   */
  terminate?(): void;
}

/** A WebSocket class, such as the platform's or that of `ws`. */
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** PROTOCOL: transport. */
export const SUBPROTOCOL = 'sixfold.v1';

/** Close codes of the WebSocket protocol that the client uses or sees. */
export const CLOSE_NORMAL = 1000;
export const CLOSE_ABNORMAL = 1006;

/** The platform's own WebSocket. @throws TypeError where there is none */
export function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  if (!WebSocket) throw new TypeError('no WebSocket here: pass one as the option WebSocket');
  const dispatcher = nodeDispatcher();
  const isNode = dispatcher && !('document' in globalThis) && !('terminate' in WebSocket.prototype);
  return isNode ? terminable(WebSocket, dispatcher) : WebSocket;
}

type Handler = Record<string, unknown>;

/** What Node's fetch and WebSocket send their requests through (undici's Dispatcher). */
interface Dispatcher {
  dispatch(options: object, handler: Handler): boolean;
}

/** @returns undefined where fetch is not undici's: not on Node. The name of the symbol is part of undici's interface. */
function nodeDispatcher(): Dispatcher | undefined {
  const found: unknown = Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1'));
  const isOne = typeof found === 'object' && found !== null && 'dispatch' in found;
  return isOne ? (found as Dispatcher) : undefined;
}

interface Taken {
  socket?: { destroy(): void };
}

/**
 * Node's WebSocket waits for ever for the other end's close, and a TCP connection that nobody is at the end of keeps
 * the process alive. So take the TCP socket when the upgrade hands it over.
 */
function terminable(WebSocket: SocketConstructor, dispatcher: Dispatcher): SocketConstructor {
  return class extends WebSocket {
    readonly #taken: Taken;

    constructor(url: string, protocols: string[]) {
      const taken: Taken = {};
      const dispatch = (options: object, handler: Handler) =>
        dispatcher.dispatch(options, takingSocket(handler, taken));
      // undici's WebSocket takes an object with both in the place of the protocols.
      super(url, { protocols, dispatcher: { dispatch } } as unknown as string[]);
      this.#taken = taken;
    }

    override terminate(): void {
      this.#taken.socket?.destroy();
    }
  };
}

/** The handler's method has another name in later versions of undici; the socket is the last argument of both. */
function takingSocket(handler: Handler, taken: Taken): Handler {
  for (const name of ['onUpgrade', 'onRequestUpgrade']) {
    const original = handler[name];
    if (typeof original !== 'function') continue;
    handler[name] = function (...args: unknown[]): unknown {
      const socket = args.at(-1);
      if (typeof socket === 'object' && socket !== null && 'destroy' in socket) {
        taken.socket = socket as Required<Taken>['socket'];
      }
      return Reflect.apply(original, this, args) as unknown;
    };
  }
  return handler;
}
