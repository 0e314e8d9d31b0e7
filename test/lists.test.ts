import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** One packet for several receivers: all or nothing, one `at`, and a fate for each of them. */

const MAX_RECEIVERS = 30;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ env: { MAX_RECEIVERS: String(MAX_RECEIVERS) } });
});

afterAll(() => stack.stop());

let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;
const several = (name: string, count: number) => Array.from({ length: count }, () => someone(name));

const list = (client: RawClient, to: string[], id: string, seq?: number) =>
  client.send({ type: 'msg:R', id, to, body: id, ...(seq !== undefined && { seq }) });

const connectAll = (names: string[], autoAck = true) =>
  Promise.all(names.map((user, n) => connectAs(stack, stack.gateways[n % 2], user, { autoAck })));

const endAll = (clients: RawClient[]) => Promise.all(clients.map((client) => client.terminate()));

/** Ids of what waits for a user who is away, when all that was published before is there. */
async function stored(user: string): Promise<unknown[]> {
  await using marker = await connectAs(stack, stack.gateways[0], someone('marker'));
  marker.msg(user, 'marker');
  await marker.next('ack:N', { id: 'marker', state: 'stored' });
  const rows = await stack.sql('SELECT id FROM offline_messages WHERE recipient = $1', [user]);
  return rows.map(({ id }) => id).filter((id) => id !== 'marker');
}

/** A client whose token says whom it may write to. */
async function restricted(canSend: string[]): Promise<RawClient> {
  const token = await new SignJWT({ sub: someone('alice'), can_send: canSend })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(stack.secret));
  const client = await connectRaw(stack.gateways[0]?.url ?? '', { token });
  await client.login();
  return client;
}

describe('a list', () => {
  test('is accepted once, with one `at`, and reaches all; half of them away, each with a receipt of its own', async () => {
    const [here, away] = [several('here', 8), several('away', 8)];
    const to = here.flatMap((user, n) => [user, away[n] ?? '']);
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const receivers = await connectAll(here);
    list(alice, to, 'party', 7);
    const { at } = await alice.next('msg:A', { id: 'party' });
    for (const user of here) await alice.next('ack:N', { id: 'party', to: user, state: 'delivered' });
    for (const user of away) await alice.next('ack:N', { id: 'party', to: user, state: 'stored' });
    for (const receiver of receivers)
      expect(receiver.all('msg:N')).toMatchObject([{ id: 'party', body: 'party', at, seq: 7 }]);
    for (const user of away) {
      await using late = await connectAs(stack, stack.gateways[1], user);
      expect((await late.pull()).messages).toMatchObject([{ id: 'party', body: 'party', at, seq: 7 }]);
    }
    expect(alice.all('msg:A')).toHaveLength(1);
    expect(alice.all('ack:N')).toHaveLength(to.length);
    await endAll(receivers);
  });

  test('of one, and one that names its sender, work like any other', async () => {
    const [name, bob] = [someone('alice'), someone('bob')];
    await using alice = await connectAs(stack, stack.gateways[0], name, { autoAck: true });
    list(alice, [bob], 'one');
    expect(await alice.next('ack:N', { id: 'one' })).toMatchObject({ to: bob, state: 'stored' });
    list(alice, [name, bob], 'two');
    await alice.next('ack:N', { id: 'two', to: name, state: 'delivered' });
    await alice.next('ack:N', { id: 'two', to: bob, state: 'stored' });
    expect(alice.all('msg:N')).toMatchObject([{ id: 'two', from: name }]);
  });

  test('keeps the order of what one session sends to one receiver, also between lists and single messages', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const [one, two] = (await connectAll([bob, carol])) as [RawClient, RawClient];
    const ids = Array.from({ length: 60 }, (_, n) => `m${n}`);
    ids.forEach((id, n) => {
      if (n % 3 === 0) alice.msg(bob, id);
      else list(alice, n % 3 === 1 ? [bob, carol] : [carol, bob], id);
    });
    await one.next('msg:N', { id: 'm59' });
    await two.next('msg:N', { id: 'm59' });
    expect(one.all('msg:N').map(({ id }) => id)).toEqual(ids);
    expect(two.all('msg:N').map(({ id }) => id)).toEqual(ids.filter((_, n) => n % 3 !== 0));
    const times = one.all('msg:N').map(({ at }) => at);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    await endAll([one, two]);
  });

  test('is sent again to those without a receipt only, and nobody else hears of it', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const [one] = (await connectAll([bob])) as [RawClient];
    const [two] = (await connectAll([carol], false)) as [RawClient];
    list(alice, [bob, carol], 'again');
    await alice.next('ack:N', { id: 'again', to: bob, state: 'delivered' });
    const { from } = await two.next('msg:N', { id: 'again' });
    list(alice, [carol], 'again');
    await alice.next('msg:A', { id: 'again' });
    await two.next('msg:N', { id: 'again' });
    two.send({ type: 'ack:R', id: 'again', from });
    await alice.next('ack:N', { id: 'again', to: carol, state: 'delivered' });
    alice.msg(bob, 'marker');
    await one.next('msg:N', { id: 'marker' });
    expect(one.all('msg:N', { id: 'again' })).toHaveLength(1);
    expect(alice.all('ack:N', { to: bob, id: 'again' })).toHaveLength(1);
    await endAll([one, two]);
  });
});

describe('all or nothing:', () => {
  test('one refusal refuses all, every one is named, and nobody gets anything', async () => {
    const [bob, carol, dave, eve] = [someone('bob'), someone('carol'), someone('dave'), someone('eve')];
    await using alice = await restricted([bob, dave]);
    const [one] = (await connectAll([bob])) as [RawClient];
    list(alice, [bob, carol, dave, eve], 'no');
    expect(await alice.next('error')).toMatchObject({
      code: 'forbidden',
      re: { type: 'msg:R', id: 'no', to: [carol, eve] },
    });
    list(alice, [carol], 'one');
    expect(await alice.next('error')).toMatchObject({ code: 'forbidden', re: { id: 'one', to: [carol] } });
    alice.msg(carol, 'plain');
    expect((await alice.next('error')).re).toEqual({ type: 'msg:R', id: 'plain' });
    list(alice, [bob, dave], 'yes');
    await alice.next('ack:N', { id: 'yes', to: bob, state: 'delivered' });
    expect(one.all('msg:N').map(({ id }) => id)).toEqual(['yes']);
    expect(await stored(carol)).toEqual([]);
    expect(await stored(dave)).toEqual(['yes']);
    expect(alice.all('msg:A').map(({ id }) => id)).toEqual(['yes']);
    await endAll([one]);
  });

  test('a list that is empty, too long, names one twice, or somebody who cannot be, is a bad packet', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using alice = await connectAs(stack, stack.gateways[0], someone('alice'));
    const faults: unknown[] = [[], several('many', MAX_RECEIVERS + 1), [bob, carol, bob], [bob, 'c d']];
    for (const [n, to] of faults.entries()) {
      alice.send(JSON.stringify({ type: 'msg:R', id: `bad${n}`, to, body: 1 }));
      const error = await alice.next('error');
      expect(error).toMatchObject({ code: 'bad_packet', re: { type: 'msg:R', id: `bad${n}` } });
      expect(error.message).toMatch(/^to: /);
    }
    expect(await stored(bob)).toEqual([]);
    list(alice, several('most', MAX_RECEIVERS), 'most');
    await alice.next('msg:A', { id: 'most' });
  });
});

describe('limits:', () => {
  test('login:A says how many receivers there may be', async () => {
    await using alice = await connectRaw(stack.gateways[0]?.url ?? '', { token: await stack.token('alice') });
    expect((await alice.login()).limits.maxReceivers).toBe(MAX_RECEIVERS);
  });

  test('a list counts as one packet per ten receivers, rounded up, for the rate', async () => {
    // The bucket does not fill again in the time of this test.
    const gateway = await stack.addGateway({ RATE_BURST: '10', RATE_LIMIT_PER_S: '0.0001' });
    await using alice = await connectAs(stack, gateway, someone('alice'));
    list(alice, several('a', 11), 'two');
    list(alice, several('b', 20), 'four');
    list(alice, several('c', 21), 'seven');
    list(alice, several('d', 10), 'eight');
    list(alice, several('e', 21), 'eleven');
    expect(await alice.next('error')).toMatchObject({ code: 'rate_limited', re: { id: 'eleven' } });
    alice.msg(someone('f'), 'nine');
    list(alice, several('g', 2), 'ten');
    for (const id of ['two', 'four', 'seven', 'eight', 'nine', 'ten']) await alice.next('msg:A', { id });
    alice.msg(someone('h'), 'over');
    expect(await alice.next('error')).toMatchObject({ code: 'rate_limited', re: { id: 'over' } });
    expect(alice.all('msg:A')).toHaveLength(6);
    expect(await stored('e-1')).toEqual([]);
  });

  test('where fewer packets may come at once than a list counts, it takes all of them, and is accepted', async () => {
    const gateway = await stack.addGateway({ RATE_BURST: '2', RATE_LIMIT_PER_S: '0.0001' });
    await using alice = await connectAs(stack, gateway, someone('alice'));
    list(alice, several('a', MAX_RECEIVERS), 'all');
    await alice.next('msg:A', { id: 'all' });
    alice.msg(someone('b'), 'over');
    expect(await alice.next('error')).toMatchObject({ code: 'rate_limited', re: { id: 'over' } });
  });

  test('a list counts as one for the send window', async () => {
    const gateway = await stack.addGateway({ SEND_WINDOW: '2' });
    await using alice = await connectAs(stack, gateway, someone('alice'));
    list(alice, several('a', MAX_RECEIVERS), 'one');
    list(alice, several('b', MAX_RECEIVERS), 'two');
    list(alice, [someone('c')], 'three');
    expect(await alice.next('error')).toMatchObject({ code: 'window_full', re: { id: 'three' } });
    await until(() => alice.all('msg:A').length === 2, { what: 'two to be accepted' });
    list(alice, [someone('d')], 'four');
    await alice.next('msg:A', { id: 'four' });
  });
});
