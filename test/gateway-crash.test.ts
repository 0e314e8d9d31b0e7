import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { queueExists } from './harness/queues.ts';
import { connectAs, isHint } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** Gateways that are killed or frozen: what was in flight there is with the receiver, or in the mailbox (G1). */

/** G1: in flight at a gateway that died, and its sender told, within this long. */
const INHERITED_WITHIN_MS = 30_000;

type Fives = [ServiceHandle, ServiceHandle, ServiceHandle, ServiceHandle, ServiceHandle];

let stack: Stack;
let one: ServiceHandle;
/** Is frozen for a while. */
let two: ServiceHandle;
/** The others are killed, each once: a fresh one is cheaper than a restart. */
let three: ServiceHandle;
let four: ServiceHandle;
let five: ServiceHandle;

beforeAll(async () => {
  stack = await startStack({
    gateways: 5,
    env: {
      QUEUE_SETTLE_MS: '0', // the broker lives all through it
      AMQP_HEARTBEAT_S: '1', // a frozen gateway is given up after two to three
      GATEWAY_LEASE_MS: '2000',
      RATE_LIMIT_PER_S: '10000',
      RATE_BURST: '10000',
      SEND_WINDOW: '1000',
    },
  });
  [one, two, three, four, five] = stack.gateways as Fives;
});

afterAll(() => stack.stop());

const ids = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** `<gateway id>.<incarnation>` of a gateway that is alive. */
async function incarnationOf(gateway: ServiceHandle): Promise<string> {
  const rows = await stack.sql('SELECT gateway FROM gateways WHERE gateway LIKE $1 AND NOT removed', [
    `${gateway.name}.%`,
  ]);
  expect(rows).toHaveLength(1);
  return String(rows[0]?.['gateway']);
}

const remembered = (incarnations: string[]) =>
  stack.sql('SELECT 1 FROM gateways WHERE gateway = ANY ($1)', [incarnations]);

const stored = (recipient: string) =>
  stack.sql('SELECT id FROM offline_messages WHERE recipient = $1 ORDER BY key', [recipient]);

test('killed with messages in flight: they are stored in time and in order, and pulled once each', async () => {
  await using alice = await connectAs(stack, one, 'alice');
  const bob = await connectAs(stack, three, 'bob');
  const idle = await connectAs(stack, four, 'idle');
  const incarnations = [await incarnationOf(three), await incarnationOf(four)];
  const sent = ids(200, 'm');
  for (const id of sent) alice.msg('bob', id);
  // The receive window is 128: the others wait in the gateway's memory.
  await until(() => bob.all('msg:N').length === 128, { what: 'a full receive window' });
  await alice.next('msg:A', { id: 'm199' });

  const killedAt = Date.now();
  await Promise.all([three.kill('SIGKILL'), four.kill('SIGKILL')]);
  await until(() => alice.all('ack:N', { state: 'stored' }).length >= sent.length, {
    what: 'all told stored',
  });
  const last = alice.packets.findLast(({ packet }) => packet.type === 'ack:N')?.receivedAt ?? Infinity;
  console.log(`200 messages of a gateway killed: the last sender told after ${last - killedAt} ms`);
  expect(last - killedAt).toBeLessThan(INHERITED_WITHIN_MS);
  expect((await stored('bob')).map(({ id }) => id)).toEqual(sent);

  await using back = await connectAs(stack, one, 'bob');
  const { messages } = await emptyMailbox(back, 50);
  expect(messages.map(({ id }) => id)).toEqual(sent);
  expect(messages.map(({ body }) => body)).toEqual(sent);
  await alice.next('offline:N', isHint);
  await until(async () => (await stored('bob')).length === 0, { what: 'the confirmed to be deleted' });
  const { receipts } = await emptyMailbox(alice);
  expect(new Set(receipts.map(({ state }) => state))).toEqual(new Set(['delivered']));
  expect(receipts.map(({ id }) => id).sort()).toEqual([...sent].sort());
  expect(back.all('msg:N')).toEqual([]);

  // One incarnation was found by its messages, the other when its lease was over.
  await until(async () => (await remembered(incarnations)).length === 0, {
    what: 'the incarnations to be forgotten',
  });
  for (const incarnation of incarnations)
    expect(await queueExists(stack, `sixfold.gateway.${incarnation}`)).toBe(false);
  expect(await stack.sql('SELECT * FROM sessions WHERE gateway = ANY ($1)', [incarnations])).toEqual([]);
  expect((await idle.closed).code).toBe(1006);
});

test("the sender's gateway killed right after msg:A: everything arrives, and the sender learns it", async () => {
  const alice = await connectAs(stack, five, 'dave');
  await using bob = await connectAs(stack, one, 'erin', { autoAck: true });
  const sent = ids(50, 's');
  for (const id of sent) alice.msg('erin', id);
  await alice.next('msg:A', { id: 's49' });
  five.signal('SIGKILL');
  await until(() => new Set(bob.all('msg:N').map(({ id }) => id)).size === sent.length, {
    what: 'all at erin',
  });
  await five.exited();

  const told = new Set(alice.all('ack:N', { state: 'delivered' }).map(({ id }) => id));
  await using again = await connectAs(stack, one, 'dave');
  // As an outbox does: what has no ack:N yet is sent again. (A receipt may have been lost with the socket.)
  for (const { id } of (await emptyMailbox(again)).receipts) told.add(id);
  for (const id of sent.filter((id) => !told.has(id))) again.msg('erin', id);
  const missing = () => {
    for (const { id } of again.all('ack:N', { state: 'delivered' })) told.add(id);
    for (const { receipts } of again.all('offline:N')) for (const { id } of receipts) told.add(id);
    return sent.filter((id) => !told.has(id));
  };
  await until(() => missing().length === 0, { what: 'delivered for all' });
});

test('frozen and thawed: a new incarnation, its sessions announced again, nothing lost, clients still connected', async () => {
  await using alice = await connectAs(stack, one, 'fay');
  await using bob = await connectAs(stack, two, 'gus');
  await using left = await connectAs(stack, two, 'ida');
  const before = await incarnationOf(two);
  const held = ids(20, 'held');
  for (const id of held) alice.msg('gus', id);
  await until(() => bob.all('msg:N').length === held.length, { what: 'all at gus' });

  two.signal('SIGSTOP');
  const late = ids(10, 'late');
  for (const id of late) alice.msg('gus', id);
  const all = [...held, ...late];
  await until(() => alice.all('ack:N', { state: 'stored' }).length >= all.length, {
    what: 'the heirs to have stored everything',
  });
  expect((await stored('gus')).map(({ id }) => id).sort()).toEqual([...all].sort());
  await until(async () => (await remembered([before])).length === 0, {
    what: 'the frozen incarnation to be removed',
  });
  // Its network went without a word: the old socket stays, and the same device logs in elsewhere.
  await using current = await connectAs(stack, one, 'ida');
  two.signal('SIGCONT');

  await bob.next('offline:N', isHint);
  expect(bob.ws.readyState).toBe(bob.ws.OPEN);
  const after = await incarnationOf(two);
  expect(after).not.toBe(before);
  expect(await stack.sql("SELECT gateway FROM sessions WHERE user_id = 'gus'")).toEqual([{ gateway: after }]);
  const { messages } = await emptyMailbox(bob);
  expect(messages.map(({ id }) => id).sort()).toEqual([...all].sort());
  await until(async () => (await stored('gus')).length === 0, { what: 'the confirmed to be deleted' });

  // The older session of ida is announced again, too; it is the one that has to go.
  const gone = await Promise.race([left.closed, current.closed.then(() => 'the newer one was closed')]);
  expect(gone).toMatchObject({ code: 4409 });
  alice.msg('ida', 'hello');
  await current.next('msg:N', { id: 'hello' });

  // An answer to what was in flight before has no effect, and the session works as ever.
  bob.send({ type: 'ack:R', id: 'held0', from: 'fay' });
  await bob.next('ack:A', { id: 'held0' });
  alice.msg('gus', 'afterwards');
  await bob.next('msg:N', { id: 'afterwards' });
  bob.send({ type: 'ack:R', id: 'afterwards', from: 'fay' });
  await alice.next('ack:N', { id: 'afterwards', state: 'delivered' });
  expect(alice.all('ack:N', { state: 'delivered' }).map(({ id }) => id)).toEqual(['afterwards']);
});
