import { createServer } from 'node:net';

const HOST = '127.0.0.1';

/** Below the range the system takes for outgoing connections, so that a port stays free between restarts. */
const PRIVATE_PORTS = { from: 20_000, to: 32_000 };

/** Whether we could listen on `port` of the loopback address right now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

const handedOut = new Set<number>();

/** A free port at random, handed out once per process: for tests and for anything nobody types. */
export async function freePort(): Promise<number> {
  const { from, to } = PRIVATE_PORTS;
  for (;;) {
    const port = from + Math.floor(Math.random() * (to - from));
    if (!handedOut.has(port) && (await isPortFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
}

/** The first free port of `preferred`, `preferred` + 1, …; one at random when there is none nearby. */
export async function freePortFrom(preferred: number): Promise<number> {
  for (let port = preferred; port < Math.min(preferred + 10, 65_536); port += 1) {
    if (!handedOut.has(port) && (await isPortFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
  return freePort();
}
