import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TcpProxy } from '../tools/testkit/tcp-proxy.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/**
 * One of two instances of routing, and of ack, loses its database, and only it. The other one takes over its
 * partitions, its unfinished deliveries and its inheritance within seconds, and nothing circles.
 */

const USERS = Array.from({ length: 16 }, (_, n) => `bob-${n}`);
/** Seconds, on a busy machine: the fault itself lasts until it is told to end. */
const PATIENCE_MS = 45_000;

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
let toDatabase: TcpProxy;
let ill: Record<'routing' | 'ack', ServiceHandle>;
let well: Record<'routing' | 'ack', ServiceHandle>;
let alice: RawClient;
/** Another session of alice: so confirmations take the ack service. */
let tablet: RawClient;
let bobs: RawClient[];

beforeAll(async () => {
  stack = await startStack({
    gateways: 0,
    routing: 0,
    ack: 0,
    env: { PRESENCE_CACHE_MS: '0', QUEUE_SETTLE_MS: '0' },
  });
  const address = new URL(stack.databaseUrl);
  toDatabase = await TcpProxy.listen(Number(address.port));
  address.host = `127.0.0.1:${toDatabase.port}`;
  const through = { DATABASE_URL: address.href };
  ill = { routing: await stack.addRouting(through), ack: await stack.addAck(through) };
  // It is the first heir of these.
  [one, two] = [await stack.addGateway(), await stack.addGateway()];
  well = { routing: await stack.addRouting(), ack: await stack.addAck() };
  alice = await connectAs(stack, one, 'alice');
  tablet = await connectAs(stack, one, 'alice', { device: 'tablet' });
  bobs = await Promise.all(USERS.map((user) => connectAs(stack, one, user, { autoAck: true })));
});

afterAll(async () => {
  for (const client of [alice, tablet, ...bobs]) await client[Symbol.asyncDispose]();
  await stack.stop();
  await toDatabase.close();
});

const taken = async (handle: ServiceHandle, stage: string) =>
  (await stack.metrics(handle)).value('sixfold_batch_entries_sum', { stage });
const suspensions = async (handle: ServiceHandle) =>
  (await stack.metrics(handle)).value('sixfold_suspensions_total');
const statusOf = async ({ http }: ServiceHandle) => (await fetch(`${http}/readyz`)).status;

/** One message to each user, all the way. */
async function toEach(id: string): Promise<void> {
  for (const user of USERS) alice.msg(user, id);
  await until(() => USERS.every((to) => alice.all('ack:N', { id, to, state: 'delivered' }).length > 0), {
    what: `${id} to be delivered to all`,
    timeoutMs: PATIENCE_MS,
  });
}

let rounds = 0;

/** Both instances of both services get work. */
const untilShared = () =>
  until(
    async () => {
      const parts = [ill.routing, well.routing, ill.ack, well.ack] as const;
      const count = () => Promise.all(parts.map((part, n) => taken(part, n < 2 ? 'routing' : 'acking')));
      const before = await count();
      // One by one: else all confirmations are one AMQP message.
      for (const user of USERS) {
        const id = `shared-${++rounds}`;
        alice.msg(user, id);
        await alice.next('ack:N', { id, state: 'delivered' });
      }
      return (await count()).every((sum, n) => sum > (before[n] ?? 0));
    },
    { what: 'all instances to have work', timeoutMs: PATIENCE_MS },
  );

const faults = {
  'that refuses connections': async () => {
    const { port } = toDatabase;
    await toDatabase.close();
    return async () => {
      toDatabase = await TcpProxy.listen(Number(new URL(stack.databaseUrl).port), port);
    };
  },
  'that does not answer': () => {
    toDatabase.stall();
    return Promise.resolve(() => {
      toDatabase.resume();
      return Promise.resolve();
    });
  },
};

describe.each(Object.entries(faults))('a database %s', (name, begin) => {
  test('the other instance takes over; afterwards both have work again', async () => {
    await untilShared();
    const before = await Promise.all([ill.routing, ill.ack].map(suspensions));
    const heal = await begin();
    try {
      await toEach(`first ${name}`.replaceAll(' ', '-'));
      await until(async () => (await statusOf(ill.routing)) === 503 && (await statusOf(ill.ack)) === 503, {
        what: 'it to be not ready',
        timeoutMs: PATIENCE_MS,
      });
      const took = await Promise.all([taken(ill.routing, 'routing'), taken(ill.ack, 'acking')]);
      for (let n = 0; n < 3; n++) await toEach(`more-${n}-${name}`.replaceAll(' ', '-'));
      expect(await Promise.all([taken(ill.routing, 'routing'), taken(ill.ack, 'acking')])).toEqual(took);
      expect(await statusOf(well.routing)).toBe(200);
    } finally {
      await heal();
    }
    await until(async () => (await statusOf(ill.routing)) === 200 && (await statusOf(ill.ack)) === 200, {
      what: 'it to be ready again',
      timeoutMs: PATIENCE_MS,
    });
    await untilShared();
    const after = await Promise.all([ill.routing, ill.ack].map(suspensions));
    expect(after.map((count, n) => count - (before[n] ?? 0))).toEqual([1, 1]);
  });

  test('what a gateway that dies meanwhile had in flight is stored, and the sender told', async () => {
    await using dora = await connectAs(stack, two, 'dora');
    const id = `inherited ${name}`.replaceAll(' ', '-');
    alice.msg('dora', id);
    await dora.next('msg:N', { id });
    const heal = await begin();
    try {
      await two.kill('SIGKILL');
      await until(() => alice.all('ack:N', { id, state: 'stored' }).length > 0, {
        what: 'it to be stored',
        timeoutMs: PATIENCE_MS,
      });
    } finally {
      await heal();
    }
    await two.restart();
  });
});
