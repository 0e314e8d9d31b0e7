import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processUsage, switchesOf, treeOf } from '../tools/testkit/process-usage.ts';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';

/**
 * What is paid for at a low rate is that processes wake up. Voluntary context switches of all servers for each message,
 * less those of the idle system: counts, which a busy machine does not raise.
 */

const MESSAGES = 60;
/** Between a confirmation and the next message, milliseconds: everybody has gone to sleep again. */
const PAUSE_MS = 40;
/** An idle and a loaded window each; the middle one counts. */
const TURNS = 3;
/** Switches a message: less than twice what was measured, which is 7 to 9, 3 to 4.4, 0, 33 to 38 and 0. */
const MOST: Record<string, number> = { gateways: 13, routing: 6.5, ack: 1, broker: 58, database: 1.5 };

let stack: Stack;

beforeAll(async () => {
  // Renewed leases wake everybody.
  const env = { GATEWAY_LEASE_MS: '60000' };
  stack = await startStack({ ownInfrastructure: true, env });
});

afterAll(() => stack.stop());

/** So far, by role. RabbitMQ and PostgreSQL with all of their processes and threads. */
function switches(): Record<string, number> {
  const processes = processUsage();
  const of = (pids: readonly number[]) =>
    pids
      .flatMap((pid) => treeOf(pid, processes))
      .map((pid) => switchesOf(pid))
      .reduce((sum, count) => sum + count, 0);
  const { gateways, routing, ack, brokerNodes, postgres } = stack;
  const pidsOf = (handles: readonly { pid: number }[]) => handles.map(({ pid }) => pid);
  return {
    gateways: of(pidsOf(gateways)),
    routing: of(pidsOf(routing)),
    ack: of(pidsOf(ack)),
    broker: of(pidsOf(brokerNodes)),
    database: of([postgres.pid]),
  };
}

interface Window {
  ms: number;
  counts: Record<string, number>;
}

async function during(action: () => Promise<void>): Promise<Window> {
  const [before, began] = [switches(), performance.now()];
  await action();
  const [after, ms] = [switches(), performance.now() - began];
  return { ms, counts: less(after, before) };
}

/** @param share of what is taken away */
const less = (from: Record<string, number>, what: Record<string, number>, share = 1) =>
  Object.fromEntries(Object.entries(from).map(([role, count]) => [role, count - (what[role] ?? 0) * share]));

/** Messages one after the other, each alone. */
async function send(sender: RawClient, to: string, tag: string): Promise<void> {
  for (let n = 0; n < MESSAGES; n++) {
    sender.msg(to, `${tag}-${n}`);
    await sender.next('ack:N', { id: `${tag}-${n}`, state: 'delivered' });
    await delay(PAUSE_MS);
  }
}

test('a message that is alone wakes no more processes and threads than it must', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  await using bob = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
  await send(alice, 'bob', 'first');
  const turns: Record<string, number>[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const loaded = await during(() => send(alice, 'bob', `m${turn}`));
    const idle = await during(() => delay(loaded.ms));
    const counts = less(loaded.counts, idle.counts, loaded.ms / idle.ms);
    turns.push(Object.fromEntries(Object.entries(counts).map(([role, count]) => [role, count / MESSAGES])));
  }
  console.log('switches a message', turns);
  expect(new Set(bob.all('msg:N').map(({ id }) => id)).size).toBe(MESSAGES * (TURNS + 1));
  for (const [role, most] of Object.entries(MOST)) {
    const sorted = turns.map((counts) => counts[role] ?? NaN).toSorted((a, b) => a - b);
    expect(sorted[Math.floor(TURNS / 2)], role).toBeLessThanOrEqual(most);
  }
});
