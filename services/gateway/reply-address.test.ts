import { expect, test } from 'vitest';
import type { LiveReceipt, Target } from '#libs/broker/entries.ts';
import { GatewayFixture } from './testing/gateway-fixture.ts';

/** A session that presence has, as routing answers: the user's only one, or one of several. */
async function loggedIn(alone: boolean) {
  const fixture = new GatewayFixture();
  await fixture.connect();
  fixture.grant();
  const { connection, types } = fixture.login('alice');
  await expect.poll(() => fixture.of('session-up')).toHaveLength(1);
  const session = fixture.of('session-up')[0]?.session ?? '';
  const registered = (more: { alone?: true; joined?: true }) =>
    fixture.deliver({ kind: 'registered', session, mail: false, ...more });
  registered(alone ? { alone: true } : {});
  let sent = 0;
  /** The reply address of a message that the session sends now. */
  const reply = async (): Promise<Target | undefined> => {
    const text = JSON.stringify({ type: 'msg:R', id: `m${++sent}`, to: 'bob', body: 1 });
    void fixture.gateway.receive(connection, text);
    await expect.poll(() => fixture.of('message')).toHaveLength(sent);
    return fixture.of('message').at(-1)?.reply;
  };
  return { fixture, session, registered, reply, types };
}

const receipt = (session: string, more: Partial<LiveReceipt> = {}): LiveReceipt => ({
  kind: 'receipt',
  session,
  user: 'alice',
  id: 'm1',
  to: 'bob',
  state: 'delivered',
  at: 1,
  addressed: true,
  ...more,
});

test("messages of a user's only session carry its address, those of one of several do not", async () => {
  const { fixture, session, reply } = await loggedIn(true);
  expect(await reply()).toEqual({ gateway: fixture.incarnation.name, session });
  expect(await (await loggedIn(false)).reply()).toBeUndefined();
});

test('a session that was joined has no address, whatever late answer comes; its receipts are looked up', async () => {
  const { fixture, session, registered, reply, types } = await loggedIn(true);
  registered({ joined: true });
  registered({ alone: true });
  expect(await reply()).toBeUndefined();
  fixture.deliver(receipt(session));
  await expect
    .poll(() => fixture.returned)
    .toMatchObject([{ id: 'm1', returned: 'more_sessions', addressed: true }]);
  fixture.deliver(receipt(session, { id: 'm2', addressed: undefined })); // after a look at presence
  expect(types().filter((type) => type === 'ack:N')).toHaveLength(1);
  expect(fixture.returned).toHaveLength(1);
});

test('a renewed lease names sessions that were joined without a word of it', async () => {
  const { fixture, session, reply } = await loggedIn(true);
  fixture.deliver({ kind: 'lease-granted', presence: 'p', joined: [session, 'gone'] });
  expect(await reply()).toBeUndefined();
});

test('a receipt for a session that is gone comes back, to be looked up', async () => {
  const { fixture } = await loggedIn(true);
  fixture.deliver(receipt('gone'));
  await expect.poll(() => fixture.returned).toMatchObject([{ returned: 'no_session', addressed: true }]);
});

test('the next incarnation asks anew, and its name is in the address', async () => {
  const { fixture, session, registered, reply } = await loggedIn(true);
  registered({ joined: true });
  await fixture.reconnect();
  fixture.grant('another');
  expect(await reply()).toBeUndefined();
  registered({ alone: true });
  expect(await reply()).toEqual({ gateway: fixture.incarnation.name, session });
});

test('a gateway that drains has withdrawn its sessions: nobody who joins them would be told of', async () => {
  const { fixture, session, reply } = await loggedIn(true);
  const [here] = fixture.gateway.sessions.values();
  if (here) fixture.gateway.withdraw(here);
  expect(await reply()).toBeUndefined();
  fixture.deliver(receipt(session));
  await expect.poll(() => fixture.returned).toMatchObject([{ returned: 'more_sessions' }]);
});
