import { onTestFinished } from 'vitest';
import { type Client, connect } from '../client.ts';
import type { ClientError } from '../errors.ts';
import type { ConnectOptions, Tuning } from '../options.ts';
import type { Storage } from '../storage.ts';
import { MemoryStorage } from '../storage/memory.ts';
import { type FakeConnection, FakeGateway } from './fake-gateway.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** The fake gateway answers no pings, and most tests are about something else. */
const NO_PINGS = { pingIntervalMs: 1e9 };

/** No jitter: every pause is as long as it can be. */
export const NO_JITTER = () => 1;

export interface TestSetup {
  readonly gateway: FakeGateway;
  readonly clock: ManualClock;
  readonly client: Client;
  readonly errors: ClientError[];
  readonly storage: Storage;
}

/** A client and the fake gateway that it connects to; closed, and looked at for leftovers, when the test is over. */
export function setup(options: Partial<ConnectOptions> & { tuning?: Partial<Tuning> } = {}): TestSetup {
  const gateway = new FakeGateway();
  const clock = options.clock instanceof ManualClock ? options.clock : new ManualClock();
  const storage = options.storage ?? new MemoryStorage();
  const client = connect({
    ...{ url: 'ws://one/ws', token: 'token', WebSocket: gateway.WebSocket, random: NO_JITTER },
    ...{ ...options, clock, storage, tuning: { ...NO_PINGS, ...options.tuning } },
  });
  const errors: ClientError[] = [];
  client.onError((error) => errors.push(error));
  onTestFinished(() => end(client, clock));
  return { gateway, clock, client, errors, storage };
}

async function end(client: Client, clock: ManualClock): Promise<void> {
  const closed = client.close({ flushMs: 0 });
  await clock.advance(2_000);
  await closed;
  if (clock.pending > 0) throw new Error(`${clock.pending} timers are left after close()`);
}

/** A world whose client is online, with what the login left taken away. */
export async function online(
  options: Parameters<typeof setup>[0] = {},
  login: Parameters<FakeConnection['login']>[0] = {},
): Promise<TestSetup & { connection: FakeConnection }> {
  const made = setup(options);
  const connection = await comeOnline(made, login);
  return { ...made, connection };
}

/** Lets the newest connection open and log in. */
export async function comeOnline(
  { gateway }: Pick<TestSetup, 'gateway'>,
  login: Parameters<FakeConnection['login']>[0] = {},
): Promise<FakeConnection> {
  await settle();
  const connection = gateway.last;
  await connection.open();
  await connection.login(login);
  return connection;
}

/** Lets time go on until the client makes its next connection. */
export async function nextConnection({
  gateway,
  clock,
}: Pick<TestSetup, 'gateway' | 'clock'>): Promise<void> {
  const before = gateway.connections.length;
  for (let second = 0; second < 100 && gateway.connections.length === before; second++) {
    await clock.advance(1_000);
  }
}
