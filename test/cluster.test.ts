import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProcessHandle } from '../tools/testkit/process-handle.ts';
import { connectAs } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { Traffic } from './harness/traffic.ts';
import { until } from './harness/wait.ts';

/** A broker of three nodes goes on without any one of them: nothing accepted is lost (G1), and nobody is restarted. */

/** With two of three nodes, messages are delivered live again within this long. */
const GOES_ON_WITHIN_MS = 60_000;
/** A consumer that starts before there is a majority hangs for a minute, then its connection ends (RabbitMQ 3.10: 541). */
const MAJORITY_IS_BACK_MS = 3 * GOES_ON_WITHIN_MS;

let stack: Stack;
let services: ServiceHandle[];
let pids: number[];

beforeAll(async () => {
  stack = await startStack({
    cluster: true,
    env: { AMQP_HEARTBEAT_S: '2', GATEWAY_LEASE_MS: '4000', RATE_LIMIT_PER_S: '10000', RATE_BURST: '10000' },
  });
  services = [...stack.gateways, ...stack.routing, ...stack.ack];
  pids = services.map(({ pid }) => pid);
});

afterAll(() => stack.stop());

afterEach(() => expect(services.map(({ pid, running }) => running && pid)).toEqual(pids));

/** Node names, sorted as the nodes are. */
const names = () => stack.brokerNodes.map((_, n) => `sixfold${n + 1}@localhost`);

/** As one of the nodes that run sees it. */
function queues() {
  return stack.queues(names()[stack.brokerNodes.findIndex(({ running }) => running)]);
}

/** The node that leads a queue, first, and the others. */
async function byLeader(queue: string): Promise<[ProcessHandle, ...ProcessHandle[]]> {
  const { leader } = (await queues()).find(({ name }) => name === queue) ?? {};
  const node = stack.brokerNodes[names().indexOf(leader ?? '')];
  if (!node) throw new Error(`${queue} has no leader`);
  return [node, ...stack.brokerNodes.filter((other) => other !== node)];
}

/** Three copies of every queue, all in touch: what is killed next may be any node. */
async function untilComplete(): Promise<void> {
  await until(async () => (await queues()).every(({ online }) => online.length === names().length), {
    what: 'three copies of every queue to be in touch',
    intervalMs: 500,
  });
  for (const { name, members } of await queues()) expect(members.toSorted(), name).toEqual(names());
}

test('every queue has a copy on each of the three nodes', async () => {
  expect((await queues()).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['sixfold.route.7', 'sixfold.ack']),
  );
  await untilComplete();
});

test('the node is killed that the services are connected to: traffic goes on, and the node comes back', async () => {
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  await using bob = await connectAs(stack, stack.gateways[1], 'bob', { autoAck: true });
  const traffic = new Traffic(alice, bob, 'bob');
  await traffic.flows();
  const [first] = stack.brokerNodes as [ProcessHandle];
  await first.kill('SIGKILL');
  const goesOn = await traffic.flows(GOES_ON_WITHIN_MS);
  await first.restart();
  await untilComplete(); // also of what was declared meanwhile: the gateways' new queues
  const count = await traffic.finish(MAJORITY_IS_BACK_MS);
  console.log(`${first.name} killed: messages delivered live again after ${goesOn} ms; ${count} in all`);
});

test(
  'the node is killed that leads a queue, and then a second one: refused until there is a majority',
  async () => {
    await using alice = await connectAs(stack, stack.gateways[0], 'carl');
    await using bob = await connectAs(stack, stack.gateways[1], 'dora', { autoAck: true });
    const traffic = new Traffic(alice, bob, 'dora');
    await traffic.flows();
    const [leader, second] = await byLeader(routeQueue(partitionOf('dora', 8)));
    await leader.kill('SIGKILL');
    const goesOn = await traffic.flows(GOES_ON_WITHIN_MS);

    await second?.kill('SIGKILL');
    const refused = alice.all('error', { code: 'unavailable' }).length;
    await until(() => alice.all('error', { code: 'unavailable' }).length > refused, {
      what: 'to be refused',
    });
    const restarting = Date.now();
    await Promise.all([leader.restart(), second?.restart()]);
    const restarted = Date.now() - restarting;
    const again = await traffic.flows(MAJORITY_IS_BACK_MS);
    const count = await traffic.finish(MAJORITY_IS_BACK_MS);
    console.log(
      `${leader.name} killed: live again after ${goesOn} ms; two nodes: ${again} ms after their start, ` +
        `which took ${restarted} ms; ${count} messages in all`,
    );
  },
  8 * GOES_ON_WITHIN_MS,
);
