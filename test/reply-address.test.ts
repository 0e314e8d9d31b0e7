import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyMailbox } from './harness/mailbox.ts';
import { connectAs, isHint, type RawClient } from './harness/raw-client.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** Receipts that go straight to the session that sent reach everybody that they reached with a look at presence. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

/** Looks at presence so far, of all services. */
async function lookups(): Promise<number> {
  const metrics = await Promise.all(
    [...stack.routing, ...stack.ack].map((service) => stack.metrics(service)),
  );
  const statement = 'sessions-find';
  return metrics.reduce(
    (sum, each) => sum + each.value('sixfold_database_statements_total', { statement }),
    0,
  );
}

/** A message that its receiver has, and has not answered. @returns answers it */
async function held(sender: RawClient, receiver: RawClient, to: string, id: string): Promise<() => void> {
  sender.msg(to, id);
  const { from } = await receiver.next('msg:N', { id });
  return () => receiver.send({ type: 'ack:R', id, from });
}

const delivered = (client: RawClient, id: string) => client.next('ack:N', { id, state: 'delivered' });

/** The next hint, and what the mailbox then holds for the sender of this message. */
async function receiptOf(client: RawClient, id: string) {
  await client.next('offline:N', isHint);
  return (await emptyMailbox(client)).receipts.filter((receipt) => receipt.id === id);
}

test("a user's only session: no look at presence for its receipts", async () => {
  await using alice = await connectAs(stack, one, 'alice');
  await using bob = await connectAs(stack, two, 'bob', { autoAck: true });
  alice.msg('bob', 'first');
  await delivered(alice, 'first');
  const before = await lookups();
  for (let n = 0; n < 10; n++) {
    alice.msg('bob', `m${n}`);
    await delivered(alice, `m${n}`);
  }
  expect((await lookups()) - before).toBe(0);
  expect(bob.all('msg:N')).toHaveLength(11);
});

test('a session that joins the sender before the confirmation gets the receipt as well', async () => {
  await using phone = await connectAs(stack, one, 'carla', { device: 'phone' });
  await using dan = await connectAs(stack, one, 'dan');
  const confirm = await held(phone, dan, 'dan', 'before');
  await using laptop = await connectAs(stack, two, 'carla', { device: 'laptop' });
  confirm();
  await Promise.all([delivered(phone, 'before'), delivered(laptop, 'before')]);
  (await held(phone, dan, 'dan', 'after'))();
  await Promise.all([delivered(phone, 'after'), delivered(laptop, 'after')]);
  (await held(laptop, dan, 'dan', 'other'))();
  await Promise.all([delivered(phone, 'other'), delivered(laptop, 'other')]);
});

test('a sender that has moved to another gateway gets the receipt there', async () => {
  await using old = await connectAs(stack, one, 'erin');
  await using fred = await connectAs(stack, one, 'fred');
  const confirm = await held(old, fred, 'fred', 'moved');
  await using next = await connectAs(stack, two, 'erin');
  await old.closed;
  confirm();
  await delivered(next, 'moved');
});

test('a sender that has left finds the receipt in its mailbox', async () => {
  await using gone = await connectAs(stack, one, 'gail');
  await using hal = await connectAs(stack, two, 'hal');
  const confirm = await held(gone, hal, 'hal', 'left');
  await gone.close();
  confirm();
  await hal.next('ack:A', { id: 'left' });
  await until(
    async () => (await stack.sql("SELECT FROM offline_receipts WHERE recipient = 'gail'")).length === 1,
    {
      what: 'the receipt to be stored',
    },
  );
  await using back = await connectAs(stack, two, 'gail');
  expect((await emptyMailbox(back)).receipts).toMatchObject([{ id: 'left', to: 'hal', state: 'delivered' }]);
});

test('synced devices: the only one has no look at presence, a second one gets receipts in its mailbox', async () => {
  await using phone = await connectDevice(stack, one, 'ida', 'phone');
  await using jon = await connectAs(stack, two, 'jon');
  (await held(phone, jon, 'jon', 'alone'))();
  await delivered(phone, 'alone');
  const before = await lookups();
  (await held(phone, jon, 'jon', 'again'))();
  await delivered(phone, 'again');
  expect((await lookups()) - before).toBe(0);

  const confirm = await held(phone, jon, 'jon', 'joined');
  await using laptop = await connectDevice(stack, two, 'ida', 'laptop');
  confirm();
  await delivered(phone, 'joined');
  expect(await receiptOf(laptop, 'joined')).toMatchObject([{ state: 'delivered' }]);
});

test('synced devices that are away when the sender logs in get the receipts of what it sends', async () => {
  await registerAway(stack, 'kim', 'tablet');
  await using phone = await connectDevice(stack, one, 'kim', 'phone');
  await using lea = await connectAs(stack, two, 'lea');
  (await held(phone, lea, 'lea', 'm'))();
  await delivered(phone, 'm');
  await using tablet = await connectDevice(stack, two, 'kim', 'tablet');
  expect((await emptyMailbox(tablet)).receipts).toMatchObject([{ id: 'm', state: 'delivered' }]);
});

test('a session that joined without a word is found by the next comparison with presence', async () => {
  await using mia = await connectAs(stack, one, 'mia');
  await using ned = await connectAs(stack, two, 'ned', { autoAck: true });
  // A row that no login wrote: a look at presence finds it, and what comes back from it removes it.
  await stack.sql(
    "INSERT INTO sessions SELECT user_id, 'other', 'nobody', gateway, since FROM sessions WHERE user_id = 'mia'",
  );
  let sent = 0;
  await until(
    async () => {
      mia.msg('ned', `m${++sent}`);
      await delivered(mia, `m${sent}`);
      return (await stack.sql("SELECT FROM sessions WHERE session = 'nobody'")).length === 0;
    },
    { what: 'the other session to be sent a receipt' },
  );
  expect(ned.all('msg:N').length).toBe(sent);
});

test('receipts need no ack service, where no event is wanted', async () => {
  await using olga = await connectAs(stack, one, 'olga');
  await using paul = await connectAs(stack, two, 'paul', { autoAck: true });
  const [ack] = stack.ack as [ServiceHandle];
  await ack.kill('SIGKILL');
  olga.msg('paul', 'm');
  await paul.next('ack:A', { id: 'm' });
  await delivered(olga, 'm');
  await ack.restart();
});

test("what was confirmed outlives the gateways of both: the receipt is in the sender's mailbox", async () => {
  await using quin = await connectAs(stack, one, 'quin');
  await using rosa = await connectAs(stack, two, 'rosa');
  const confirm = await held(quin, rosa, 'rosa', 'm');
  one.signal('SIGSTOP');
  confirm();
  await rosa.next('ack:A', { id: 'm' });
  await Promise.all([one.kill('SIGKILL'), two.kill('SIGKILL')]);
  await Promise.all([one.restart(), two.restart()]);
  await using back = await connectAs(stack, two, 'quin');
  await until(
    async () => {
      const { receipts } = await emptyMailbox(back);
      return receipts.some(({ id, state }) => id === 'm' && state === 'delivered');
    },
    { what: 'the receipt' },
  );
});
