import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partitionOf, routeQueue } from '#libs/broker/topology.ts';
import type { ServiceHandle } from '../tools/testkit/service-handle.ts';
import { http } from './harness/http.ts';
import { withChannel } from './harness/queues.ts';
import { connectAs, connectRaw } from './harness/raw-client.ts';
import { serviceToken } from './harness/service-token.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { connectDevice, registerAway, statesOf } from './harness/synced.ts';
import { until } from './harness/wait.ts';

/** PROTOCOL, the same over HTTP: devices and revocation of a user. Erasure: test/erase.test.ts. */

let stack: Stack;
let one: ServiceHandle;
let two: ServiceHandle;
let users = 0;
const someone = (name: string) => `${name}-${++users}`;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways as [ServiceHandle, ServiceHandle];
});

afterAll(() => stack.stop());

const since = expect.any(Number) as number;
const own = async (user: string, method: string, path: string, gateway = one) =>
  http(gateway, method, path, { token: await stack.token(user) });

describe('the synced devices of a user', () => {
  test('are listed, the oldest first, for the user and for an admin', async () => {
    const bob = someone('bob');
    expect((await own(bob, 'GET', `/users/${bob}/devices`)).json).toEqual({ devices: [] });
    const before = Date.now();
    await registerAway(stack, bob, 'phone', 'desk');
    await using other = await connectAs(stack, one, bob, { device: 'plain' });
    const listed = {
      devices: [
        { device: 'phone', since },
        { device: 'desk', since },
      ],
    };
    const { json } = await own(bob, 'GET', `/users/${bob}/devices`);
    expect(json).toEqual(listed);
    expect((json as typeof listed).devices[0]?.since).toBeGreaterThanOrEqual(before);
    const token = await serviceToken(stack, ['admin']);
    expect((await http(two, 'GET', `/users/${bob}/devices`, { token })).json).toEqual(listed);
    expect(other.bye).toBeUndefined();
  });

  test('one is removed: logout:A and close 1000 for a connected one, its mailbox goes', async () => {
    const [bob, name] = [someone('bob'), someone('alice')];
    await using alice = await connectAs(stack, one, name);
    await registerAway(stack, bob, 'desk');
    alice.msg(bob, 'm');
    await alice.next('ack:N', { id: 'm', state: 'stored' });
    await using phone = await connectDevice(stack, two, bob, 'phone');
    expect((await own(bob, 'DELETE', `/users/${bob}/devices/phone`)).status).toBe(204);
    await phone.next('logout:A');
    expect((await phone.closed).code).toBe(1000);
    expect((await own(bob, 'DELETE', `/users/${bob}/devices/desk`, two)).status).toBe(204);
    expect((await own(bob, 'GET', `/users/${bob}/devices`)).json).toEqual({ devices: [] });
    expect(await stack.sql('SELECT 1 FROM device_copies WHERE recipient = $1', [bob])).toEqual([]);
    await alice.next('offline:N');
    expect(await statesOf(alice, 'm')).toEqual(['stored', 'rejected']);
  });

  test('one that is none: 204', async () => {
    const bob = someone('bob');
    expect((await own(bob, 'DELETE', `/users/${bob}/devices/none`)).status).toBe(204);
  });
});

/** Issued so many seconds ago. */
const token = (user: string, ageS: number) => {
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({ sub: user, iat: now - ageS, exp: now + 3_600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(stack.secret));
};

async function outcome(gateway: ServiceHandle, jwt: string): Promise<string> {
  await using client = await connectRaw(gateway.url);
  client.send({ type: 'login:R', token: jwt });
  const answer = await Promise.race([client.next('login:A'), client.next('error')]);
  return answer.type === 'error' ? answer.code : answer.type;
}

describe('revoke', () => {
  test('sessions end; after the 204 old tokens are refused on every gateway, fresh ones taken', async () => {
    const bob = someone('bob');
    const old = await token(bob, 60);
    await using client = await connectRaw(two.url, { token: old });
    await client.login();
    const admin = await serviceToken(stack, ['admin']);
    expect((await http(one, 'POST', `/users/${bob}/revoke`, { token: admin })).status).toBe(204);
    for (const gateway of [one, two]) {
      expect(await outcome(gateway, old)).toBe('unauthorized');
      expect(await outcome(gateway, await token(bob, 0))).toBe('login:A');
    }
    expect(await client.next('bye')).toMatchObject({ reason: 'revoked' });
    expect((await client.closed).code).toBe(4403);
  });

  test.each(['POST', 'DELETE'])(
    '%s: a login in flight on another gateway does not survive it',
    async (method) => {
      const bob = someone('bob');
      const queue = routeQueue(partitionOf(bob, 8));
      const admin = await serviceToken(stack, ['admin']);
      const count = () =>
        withChannel(stack, async (channel) => (await channel.checkQueue(queue)).messageCount);
      await using client = await connectRaw(two.url);
      const [routing] = stack.routing as [ServiceHandle];
      await routing.kill();
      await until(
        () => withChannel(stack, async (channel) => (await channel.checkQueue(queue)).consumerCount === 0),
        {
          what: 'routing to be away',
        },
      );
      const before = await count();
      const path = method === 'POST' ? `/users/${bob}/revoke` : `/users/${bob}`;
      const answer = http(one, method, path, { token: admin });
      client.send({ type: 'login:R', token: await token(bob, 60) });
      await until(async () => (await count()) >= before + 2, { what: 'both to be in the queue' });
      await routing.restart();
      expect((await answer).status).toBe(204);
      const end = await client.closed;
      expect([4401, 4403]).toContain(end.code); // whichever came first
      expect(await stack.sql('SELECT 1 FROM sessions WHERE user_id = $1', [bob])).toEqual([]);
    },
  );
});

describe('who may', () => {
  const OWN = [
    ['GET', '/devices'],
    ['DELETE', '/devices/phone'],
  ] as const;
  const ADMIN = [
    ['POST', '/revoke'],
    ['DELETE', ''],
  ] as const;
  const refused = async (token: string, method: string, path: string) => {
    const { status, json } = await http(one, method, path, { token });
    const { code, message } = json as { code: string; message: string };
    return [status, code, message];
  };

  test.each([...OWN, ...ADMIN])(
    '%s /users/USER%s: nobody else; a service with the scope, for its users',
    async (method, path) => {
      const bob = someone('bob');
      const at = `/users/${bob}${path}`;
      const saying = (text: string) => [403, 'forbidden', expect.stringContaining(text) as string];
      expect((await refused(await stack.token('eve'), method, at))[0]).toBe(403);
      const unscoped = await serviceToken(stack, ['send', 'mailbox', 'presence']);
      expect(await refused(unscoped, method, at)).toEqual(saying('admin'));
      expect(await refused(await serviceToken(stack, ['admin'], ['carol']), method, at)).toEqual(saying(bob));
    },
  );

  test.each(ADMIN)('%s /users/USER%s: not the user', async (method, path) => {
    const bob = someone('bob');
    expect(await refused(await stack.token(bob), method, `/users/${bob}${path}`)).toEqual([
      403,
      'forbidden',
      expect.stringContaining('admin'),
    ]);
  });

  test('a name that is none: 400', async () => {
    const admin = await serviceToken(stack, ['admin']);
    for (const [method, path] of [
      ['GET', '/users/a%20b/devices'],
      ['DELETE', '/users/bob/devices/a%20b'],
      ['POST', '/users/a%20b/revoke'],
      ['DELETE', '/users/a%20b'],
    ] as const)
      expect((await refused(admin, method, path)).slice(0, 2), path).toEqual([400, 'bad_packet']);
  });
});
