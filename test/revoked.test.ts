import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import { admin as run } from '../services/admin/program.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { publishTo, withChannel } from './harness/queues.ts';
import { connectAs, connectRaw, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** An operator ends a user's sessions, and refuses the tokens issued before that second, at every gateway. */

const PARTITIONS = 8;

let stack: Stack;
let users = 0;
/** A user that no other test knows. */
const someone = (name: string) => `${name}-${++users}`;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack.stop());

function firstGateway(): ServiceHandle {
  const [gateway] = stack.gateways;
  if (!gateway) throw new Error('the stack has no gateway');
  return gateway;
}

const now = () => Math.floor(Date.now() / 1_000);

/** A token that was issued so; `undefined`: it does not say when. */
function token(user: string, iat: number | undefined, of = stack): Promise<string> {
  const jwt = new SignJWT({ sub: user, exp: now() + 3_600, ...(iat !== undefined && { iat }) });
  return jwt.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(of.secret));
}

async function connected(
  user: string,
  gateway = 0,
  device = 'default',
  iat: number | undefined = now() - 60,
) {
  const url = stack.gateways[gateway]?.url ?? '';
  const client = await connectRaw(url, { token: await token(user, iat), device });
  await client.login();
  return client;
}

/** What a login comes to. */
async function outcome(gateway: ServiceHandle, jwt: string, as: { device?: string; sync?: true } = {}) {
  await using client = await connectRaw(gateway.url);
  client.send({ type: 'login:R', token: jwt, ...as });
  const answer = await Promise.race([client.next('login:A'), client.next('error')]);
  if (answer.type === 'login:A') return 'accepted';
  expect(answer.re).toEqual({ type: 'login:R' });
  return `${answer.code} ${(await client.closed).code}`;
}

async function command(
  args: readonly string[],
  of = stack,
): Promise<{ exit: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const exit = await run([...args, '--json'], {
    env: { AMQP_URL: of.amqpUrl, DATABASE_URL: of.databaseUrl },
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
  });
  return { exit, ...said };
}

/** Revokes as an operator does. @returns when, in seconds */
async function revoke(user: string): Promise<number> {
  const { exit, out, err } = await command(['revoke', user]);
  if (exit !== 0) throw new Error(err);
  return Math.floor((JSON.parse(out) as { at: number }).at / 1_000);
}

const REFUSED = 'unauthorized 4401';

/** It was told, and closed. */
async function expectRevoked(client: RawClient): Promise<void> {
  const bye = await client.next('bye');
  expect(bye).toEqual({ type: 'bye', reason: 'revoked' });
  expect((await client.closed).code).toBe(4403);
}

/** Puts a revocation into the queue of its user, and does not wait. */
const enqueue = (user: string, at: number, of = stack) =>
  withChannel(of, (channel) =>
    publishTo(
      channel,
      routeQueue(partitionOf(user, PARTITIONS)),
      JSON.stringify([{ kind: 'revoke', user, at }]),
    ),
  );

/** Routing is away meanwhile: the queues keep what comes, in order. */
async function withoutRouting(use: () => Promise<void>): Promise<void> {
  const [routing] = stack.routing as [ServiceHandle];
  await routing.kill();
  try {
    await use();
  } finally {
    await routing.restart();
  }
}

/** A user in whose partition nothing comes but what concerns them: no lease of a gateway, no end of an earlier session. */
async function loner(): Promise<string> {
  const left = async () => (await stack.sql('SELECT 1 FROM sessions')).length;
  await until(async () => (await left()) === 0, { what: 'all earlier sessions to end' });
  const gateways = (await stack.sql('SELECT gateway FROM gateways')).map(({ gateway }) => String(gateway));
  const taken = new Set(gateways.map((gateway) => partitionOf(gateway, PARTITIONS)));
  for (;;) {
    const user = someone('bob');
    if (!taken.has(partitionOf(user, PARTITIONS))) return user;
  }
}

/** What waits for routing in the partition of a user, once the broker knows that routing is away. */
const queued = (user: string) =>
  withChannel(stack, async (channel) => {
    const queue = routeQueue(partitionOf(user, PARTITIONS));
    await until(async () => (await channel.checkQueue(queue)).consumerCount === 0, {
      what: 'routing to be away',
    });
    return (await channel.checkQueue(queue)).messageCount;
  });

/** Waits until so many AMQP messages are in the partition of a user. */
const untilQueued = (user: string, count: number) =>
  until(async () => (await queued(user)) >= count, { what: `${count} messages to wait for routing` });

describe('revoke', () => {
  test('ends every session of the user, on every gateway and device, and nobody else', async () => {
    const [bob, carol] = [someone('bob'), someone('carol')];
    await using phone = await connected(bob, 0, 'phone');
    await using desk = await connected(bob, 1, 'desk');
    await using other = await connected(carol, 1);
    await revoke(bob);
    await Promise.all([phone, desk].map(expectRevoked));
    other.send({ type: 'ping' });
    await other.next('pong');
    expect(other.bye).toBeUndefined();
    expect(await stack.sql('SELECT 1 FROM sessions WHERE user_id = $1', [bob])).toEqual([]);
  });

  test('also a session whose token was issued in the same second', async () => {
    const bob = someone('bob');
    await using client = await connected(bob, 0, 'default', now());
    await revoke(bob);
    await expectRevoked(client);
  });

  test('what the user had not confirmed waits in the mailbox for a fresh token', async () => {
    const bob = someone('bob');
    await using alice = await connected(someone('alice'));
    await using client = await connected(bob, 1);
    alice.msg(bob, 'm1');
    await client.next('msg:N', { id: 'm1' });
    await revoke(bob);
    await alice.next('ack:N', { id: 'm1', state: 'stored' });
    await using back = await connected(bob, 1, 'default', now());
    expect((await back.pull()).messages).toMatchObject([{ id: 'm1' }]);
  });

  test('refuses earlier tokens and those that do not say when, at every gateway; takes those of that second', async () => {
    const bob = someone('bob');
    const at = await revoke(bob); // no session is needed
    for (const gateway of stack.gateways) {
      expect(await outcome(gateway, await token(bob, at - 1))).toBe(REFUSED);
      expect(await outcome(gateway, await token(bob, at - 0.001))).toBe(REFUSED);
      expect(await outcome(gateway, await token(bob, undefined))).toBe(REFUSED);
      expect(await outcome(gateway, await token(bob, at))).toBe('accepted');
      expect(await outcome(gateway, await token(bob, at + 1))).toBe('accepted');
    }
    expect(await outcome(firstGateway(), await token(someone('carol'), undefined))).toBe('accepted');
  });

  test('the latest one counts, in whatever order they are dealt with', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    await enqueue(bob, (at - 100) * 1_000);
    await enqueue(bob, (at + 100) * 1_000);
    await enqueue(bob, (at - 50) * 1_000);
    const [gateway] = stack.gateways as [ServiceHandle];
    await until(async () => (await outcome(gateway, await token(bob, at + 99))) === REFUSED, {
      what: 'the later one to count',
    });
    expect(await outcome(gateway, await token(bob, at + 100))).toBe('accepted');
  });

  test('a refused token takes no place from the session that has it', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    await using client = await connected(bob, 0, 'phone', at + 1);
    await using late = await connectRaw(stack.gateways[1]?.url ?? '', {
      token: await token(bob, at - 1),
      device: 'phone',
    });
    await expect(late.login()).rejects.toThrow('unauthorized');
    client.send({ type: 'ping' });
    await client.next('pong');
    expect(client.bye).toBeUndefined();
  });

  test('a user who is not one: bad_usage', async () => {
    const { exit, err } = await command(['revoke', 'no name']);
    expect([exit, JSON.parse(err)]).toMatchObject([1, { error: { code: 'bad_usage' } }]);
  });
});

describe('a revoked token that asks for a synced device', () => {
  const devicesOf = (user: string) =>
    stack.sql('SELECT device, last_seen FROM devices WHERE user_id = $1 ORDER BY device', [user]);

  test('makes none', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    const [gateway] = stack.gateways as [ServiceHandle];
    const as = { device: 'phone', sync: true } as const;
    for (const iat of [at - 1, undefined])
      expect(await outcome(gateway, await token(bob, iat), as)).toBe(REFUSED);
    expect(await devicesOf(bob)).toEqual([]);
    expect(await outcome(gateway, await token(bob, at), as)).toBe('accepted');
    expect(await devicesOf(bob)).toMatchObject([{ device: 'phone' }]);
  });

  test('that is one already: the device does not count as seen, and stays one', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    const [gateway] = stack.gateways as [ServiceHandle];
    const as = { device: 'phone', sync: true } as const;
    expect(await outcome(gateway, await token(bob, at), as)).toBe('accepted');
    const before = await devicesOf(bob);
    expect(before).toHaveLength(1);
    expect(await outcome(gateway, await token(bob, at - 1), as)).toBe(REFUSED);
    expect(await devicesOf(bob)).toEqual(before);
  });

  test('while the user has as many as may be: it is unauthorized all the same', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    const [gateway] = stack.gateways as [ServiceHandle];
    const names = Array.from({ length: 10 }, (_, n) => `d${n}`);
    for (const device of names)
      expect(await outcome(gateway, await token(bob, at), { device, sync: true })).toBe('accepted');
    const as = { device: 'more', sync: true } as const;
    expect(await outcome(gateway, await token(bob, at - 1), as)).toBe(REFUSED);
    expect(await outcome(gateway, await token(bob, at), as)).toBe('too_many_devices 4403');
  });
});

describe('a token that is sent to renew', () => {
  test('a fresh one renews; one that was revoked before the session began ends it', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    await using client = await connected(bob, 0, 'default', at + 1);
    const session = client.all('login:A')[0]?.session;
    for (const iat of [at + 2, at + 1, at]) {
      client.send({ type: 'login:R', token: await token(bob, iat) });
      expect(await client.next('login:A')).toMatchObject({ session });
    }
    client.send({ type: 'login:R', token: await token(bob, at - 1) });
    expect(await client.next('error')).toMatchObject({ code: 'unauthorized', re: { type: 'login:R' } });
    expect((await client.closed).code).toBe(4401);
  });

  test('one that does not say when is no way around it', async () => {
    const bob = someone('bob');
    const at = await revoke(bob);
    await using client = await connected(bob, 0, 'default', at);
    client.send({ type: 'login:R', token: await token(bob, undefined) });
    expect(await client.next('error')).toMatchObject({ code: 'unauthorized' });
    expect((await client.closed).code).toBe(4401);
  });

  test('without a revocation an earlier one renews as ever', async () => {
    const bob = someone('bob');
    await using client = await connected(bob, 0, 'default', now());
    for (const iat of [now() - 500, undefined]) {
      client.send({ type: 'login:R', token: await token(bob, iat) });
      await client.next('login:A');
    }
  });

  test('while the revocation is under way: the session ends', async () => {
    const bob = someone('bob');
    await using client = await connected(bob, 1);
    await withoutRouting(async () => {
      await enqueue(bob, Date.now());
      client.send({ type: 'login:R', token: await token(bob, now() - 60) });
      await client.next('login:A');
    });
    await expectRevoked(client);
  });
});

describe('a login in flight on another gateway', () => {
  test('is before the revocation in the queue: it gets its login:A, and then ends', async () => {
    const bob = await loner();
    await using client = await connectRaw(stack.gateways[1]?.url ?? '');
    await withoutRouting(async () => {
      const before = await queued(bob); // what was not acknowledged yet comes again
      client.send({ type: 'login:R', token: await token(bob, now() - 60) });
      await untilQueued(bob, before + 1);
      await enqueue(bob, Date.now());
    });
    await client.next('login:A');
    await expectRevoked(client);
  });

  test('is behind it: it is refused, though its connection was there before', async () => {
    const bob = await loner();
    await using client = await connectRaw(stack.gateways[1]?.url ?? '');
    await withoutRouting(async () => {
      const before = await queued(bob); // what was not acknowledged yet comes again
      await enqueue(bob, Date.now());
      client.send({ type: 'login:R', token: await token(bob, now() - 60) });
      await untilQueued(bob, before + 2);
    });
    expect(await client.next('error')).toMatchObject({ code: 'unauthorized', re: { type: 'login:R' } });
    expect((await client.closed).code).toBe(4401);
    expect(client.all('login:A')).toEqual([]);
  });

  test('is behind it with a fresh token: it is accepted, and stays', async () => {
    const bob = await loner();
    await using old = await connected(bob, 0, 'phone');
    await using client = await connectRaw(stack.gateways[1]?.url ?? '');
    await withoutRouting(async () => {
      const before = await queued(bob); // what was not acknowledged yet comes again
      await enqueue(bob, Date.now());
      client.send({ type: 'login:R', token: await token(bob, now()), device: 'desk' });
      await untilQueued(bob, before + 2);
    });
    await client.next('login:A');
    await expectRevoked(old);
    client.send({ type: 'ping' });
    await client.next('pong');
    expect(client.bye).toBeUndefined();
  });
});

describe('a session that presence has lost', () => {
  test('is announced again, and ends: the revocation came meanwhile', async () => {
    const bob = someone('bob');
    await using own = await startStack({ gateways: 1, env: { GATEWAY_LEASE_MS: '3000' } });
    await using client = await connectAs(own, own.gateways[0], bob);
    await own.sql('DELETE FROM sessions WHERE user_id = $1', [bob]);
    await enqueue(bob, Date.now(), own);
    await expectRevoked(client);
  });
});

describe('when something is away, a revocation waits and is not lost', () => {
  test('routing', async () => {
    const bob = someone('bob');
    await using client = await connected(bob, 1);
    const [routing] = stack.routing as [ServiceHandle];
    await routing.kill();
    const { exit, err } = await command(['revoke', bob]);
    expect([exit, JSON.parse(err)]).toMatchObject([1, { error: { code: 'no_answer' } }]);
    await routing.restart();
    await expectRevoked(client);
    const gateway = firstGateway();
    expect(await outcome(gateway, await token(bob, now() - 60))).toBe(REFUSED);
  });

  test('the database, then the broker', async () => {
    await using own = await startStack({ ownInfrastructure: true });
    const [bob, carol] = [someone('bob'), someone('carol')];
    const [one, two] = own.gateways as [ServiceHandle, ServiceHandle];
    await using client = await connectAs(own, two, bob);
    await own.postgres.kill();
    await enqueue(bob, Date.now() + 2_000, own);
    await own.postgres.restart();
    await expectRevoked(client);
    expect(await outcome(one, await token(bob, now() - 60, own))).toBe(REFUSED);

    await using other = await connectAs(own, two, carol);
    await own.routing[0]?.kill();
    await enqueue(carol, Date.now() + 2_000, own);
    await own.rabbitmq.kill();
    await own.rabbitmq.restart();
    await own.routing[0]?.restart();
    await expectRevoked(other);
    const refused = async () => (await outcome(one, await token(carol, now() - 60, own))) === REFUSED;
    await until(refused, { what: 'the token to be refused', timeoutMs: 60_000 });
  });
});
