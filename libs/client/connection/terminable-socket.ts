import { demand } from '../client-packets.ts';
import type { SocketConstructor } from './socket.ts';

/**
 * The platform's own WebSocket; on Node with `terminate`. Bundlers for browsers take browser-socket.ts in its place (see
 * `browser` in package.json).
 *
 * @throws TypeError where there is none
 */
export function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  demand(WebSocket !== undefined, 'WebSocket: is missing here');
  const dispatcher = nodeDispatcher();
  const isNode = dispatcher && !('document' in globalThis) && !('terminate' in WebSocket.prototype);
  return isNode ? terminable(WebSocket, dispatcher) : WebSocket;
}

type Handler = Record<string, unknown>;

/** Sends the requests of Node's fetch and WebSocket (undici's Dispatcher). */
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
 * Node's WebSocket waits for the other end's close without a limit, and a dead TCP connection keeps the process alive. So
 * this takes the TCP socket from the upgrade, to destroy it.
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
