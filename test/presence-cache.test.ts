import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Routing remembers where users are. Here for ever, so that what it should forget is not forgotten by time. */

const USERS = Array.from({ length: 16 }, (_, n) => `bob-${n}`);

/** So many of them, at least, the second instance takes over: half of the partitions are its share. */
const MOVED = 4;

const FOR_EVER = { PRESENCE_CACHE_MS: '600000', GATEWAY_LEASE_MS: '60000' };

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({ env: { ...FOR_EVER } });
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const value = async (handle: ServiceHandle | undefined, name: string, labels: Record<string, string>) =>
  handle ? (await stack.metrics(handle)).value(name, labels) : 0;

/** One message to each user, confirmed by their phones. */
async function toEach(alice: RawClient, id: string): Promise<void> {
  for (const user of USERS) alice.msg(user, id);
  for (const to of USERS) await alice.next('ack:N', { id, to, state: 'delivered' });
}

const logIn = (device: string, gateway: ServiceHandle) =>
  Promise.all(USERS.map((user) => connectAs(stack, gateway, user, { device, autoAck: true })));

test('an instance that gives partitions up and gets them back knows nothing of what happened meanwhile', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  const phones = await logIn('phone', one);
  await toEach(alice, 'first');
  await toEach(alice, 'second');
  const [first] = stack.routing;
  expect(await value(first, 'sixfold_presence_lookups_total', { answered: 'cache' })).toBe(USERS.length);

  const second = await stack.addRouting();
  let round = 0;
  await until(
    async () => {
      await toEach(alice, `moving-${++round}`);
      return (await value(second, 'sixfold_presence_lookups_total', { answered: 'database' })) >= MOVED;
    },
    { what: 'the second instance to have users' },
  );
  const laptops = await logIn('laptop', two);
  await second.kill('SIGTERM'); // in order: nothing that it has dealt with comes to the first one again

  await toEach(alice, 'last');
  for (const laptop of laptops) await laptop.next('msg:N', { id: 'last' });
  for (const client of [...phones, ...laptops]) await client[Symbol.asyncDispose]();
});

test('when a gateway is gone, what comes for its users is stored, and the sender told so at once', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  const dora = await connectAs(stack, two, 'dora', { autoAck: true });
  alice.msg('dora', 'live');
  await alice.next('ack:N', { id: 'live', state: 'delivered' });
  await two.kill('SIGKILL');
  alice.msg('dora', 'away');
  await alice.next('ack:N', { id: 'away', state: 'stored' });
  await two.restart();
  await using again = await connectAs(stack, two, 'dora', { autoAck: true });
  alice.msg('dora', 'back');
  await again.next('msg:N', { id: 'back' });
  await dora[Symbol.asyncDispose]();
});

test('when it is known that a gateway is gone, nothing more is sent there', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  await using phone = await connectAs(stack, one, 'erin', { device: 'phone', autoAck: true });
  const laptop = await connectAs(stack, two, 'erin', { device: 'laptop', autoAck: true });
  alice.msg('erin', 'both');
  await laptop.next('msg:N', { id: 'both' });
  await two.kill('SIGKILL');
  alice.msg('erin', 'found-out'); // an heir gets the laptop's, and says that the gateway is gone
  await phone.next('msg:N', { id: 'found-out' });
  const left = () => stack.sql('SELECT 1 FROM gateways WHERE gateway LIKE $1', [`${two.name}.%`]);
  await until(async () => (await left()).length === 0, { what: 'the queue to be gone' });

  const [routing] = stack.routing;
  const returned = await value(routing, 'sixfold_returned_total', { reason: 'unroutable' });
  alice.msg('erin', 'phone-only');
  await alice.next('ack:N', { id: 'phone-only', state: 'delivered' });
  expect(await value(routing, 'sixfold_returned_total', { reason: 'unroutable' })).toBe(returned);
  expect(alice.all('ack:N', { id: 'phone-only', state: 'stored' })).toEqual([]);
  await laptop[Symbol.asyncDispose]();
});
