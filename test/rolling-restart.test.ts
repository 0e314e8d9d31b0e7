import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRaw, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * Deploys and crashes without a load balancer: clients come back to the address they know, where a gateway was just
 * started. They see `bye`, or their connection ends; never an error.
 */

const CLIENTS = 40;
/** Between two tries of a client, milliseconds: often, so that many come back in the worst moment. */
const AGAIN_MS = 50;

let stack: Stack;
let gateways: [ServiceHandle, ServiceHandle, ServiceHandle];

beforeAll(async () => {
  // A queue that must settle keeps a gateway from being ready for a while.
  stack = await startStack({ gateways: 3, env: { QUEUE_SETTLE_MS: '1500', DRAIN_SPREAD_MS: '200' } });
  gateways = stack.gateways as typeof gateways;
});

afterAll(() => stack.stop());

/** A client that comes back to its gateway whenever its connection ends. */
class Returning {
  /** All connections that it had, the last one may be up. */
  readonly clients: RawClient[] = [];
  readonly #token: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #home: ServiceHandle;

  constructor(token: string, home: ServiceHandle) {
    this.#token = token;
    this.#home = home;
    this.#running = this.#run();
  }

  get online(): boolean {
    const client = this.clients.at(-1);
    return (
      client?.ws.readyState === client?.ws.OPEN && client !== undefined && client.all('login:A').length > 0
    );
  }

  /** Types of all packets that came. */
  get types(): string[] {
    return this.clients.flatMap(({ packets }) => packets.map(({ packet }) => packet.type));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clients.at(-1)?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const client = await connectRaw(this.#home.url, { token: this.#token }).catch(() => undefined);
      if (client) {
        this.clients.push(client);
        void client.login().catch(() => undefined); // it ended
        await client.closed;
      }
      await delay(AGAIN_MS);
    }
  }
}

test('a rolling restart, then a kill -9 of each: clients see bye at most, and are back', async () => {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, n) => {
      const home = gateways[n % gateways.length] ?? gateways[0];
      return new Returning(await stack.token(`user-${n}`), home);
    }),
  );
  const allOnline = () => until(() => clients.every(({ online }) => online), { what: 'all to be online' });
  try {
    await allOnline();
    for (const gateway of gateways) {
      await gateway.restart();
      await allOnline();
    }
    for (const gateway of gateways) {
      await gateway.kill('SIGKILL');
      await Promise.all([gateway.restart(), allOnline()]);
    }
    await allOnline();
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
  }
  expect(new Set(clients.flatMap(({ types }) => types))).toEqual(new Set(['login:A', 'bye']));
  const byes = clients.flatMap((client) => client.clients.flatMap((connection) => connection.all('bye')));
  expect(new Set(byes.map(({ reason }) => reason))).toEqual(new Set(['draining']));
});
