import { expect, test } from 'vitest';
import type { RouteEntry } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { GatewayFixture } from '../testing/gateway-fixture.ts';
import { msgR } from './msg.ts';

/** A session, on a synced device or another, and the entries of a list of three that wait for their confirms. */
async function list(bodyText = '1', synced = false) {
  const fixture = new GatewayFixture();
  await fixture.connect();
  fixture.grant();
  const { connection, packets } = fixture.login('alice');
  await expect.poll(() => fixture.of('session-up')).toHaveLength(1);
  const session = fixture.of('session-up')[0]?.session ?? '';
  fixture.deliver({ kind: 'registered', session, mail: false });
  const routed: [RouteEntry, Pending | undefined][] = [];
  const publishers = {
    route: (_user: string, entry: RouteEntry, pending?: Pending) => void routed.push([entry, pending]),
  };
  const { config } = fixture.gateway;
  if (!connection.session) throw new Error('no session');
  const { session: sender } = connection;
  const send = (id: string, to: string | string[]) =>
    msgR({ config, authorizer: undefined, publishers }, sender, { type: 'msg:R', id, to, bodyText }, sender);
  sender.synced = synced;
  send('m', ['bob', 'carol', 'dave']);
  const settle = (n: number, error?: Error) => routed[n]?.[1]?.settled(error);
  return { routed, send, settle, session: connection.session, answers: () => packets.slice(1) };
}

test('a list becomes an entry for each receiver, all with one `at`; msg:A follows the last confirm', async () => {
  const { routed, settle, session, answers } = await list();
  const entries = routed.map(([entry]) => entry);
  const at = entries[0]?.kind === 'message' ? entries[0].at : undefined;
  expect(entries).toMatchObject(['bob', 'carol', 'dave'].map((to) => ({ kind: 'message', id: 'm', to, at })));
  settle(2);
  settle(0);
  expect([answers(), session.pendingMessages]).toEqual([[], 1]);
  settle(1);
  expect(answers()).toEqual([{ type: 'msg:A', id: 'm', at }]);
  expect(session.pendingMessages).toBe(0);
});

test("msg:A waits for the copies for the sender's other devices as well; there are none where it is a receiver", async () => {
  const { routed, send, settle, answers } = await list('1', true);
  expect(routed.map(([{ kind }]) => kind).sort()).toEqual(['message', 'message', 'message', 'sent']);
  const sent = routed.findIndex(([{ kind }]) => kind === 'sent');
  expect(routed[sent]?.[0]).toMatchObject({ user: 'alice', id: 'm', to: ['bob', 'carol', 'dave'] });
  for (const n of routed.keys()) if (n !== sent) settle(n);
  expect(answers()).toEqual([]);
  settle(sent);
  expect(answers()).toMatchObject([{ type: 'msg:A', id: 'm' }]);
  send('self', ['bob', 'alice']);
  expect(routed.slice(4).map(([{ kind }]) => kind)).toEqual(['message', 'message']);
});

test('one entry that is not confirmed makes it unavailable, when all are settled', async () => {
  const { settle, session, answers } = await list();
  settle(0, new Error('not confirmed'));
  settle(1);
  expect(answers()).toEqual([]);
  settle(2);
  expect(answers()).toEqual([{ type: 'error', code: 'unavailable' }]);
  expect(session.pendingMessages).toBe(0);
});

test('what large lists take is bounded: a further one is unavailable, a single message passes', async () => {
  const { routed, send, settle, session, answers } = await list(JSON.stringify('x'.repeat(2 * 1024 * 1024)));
  send('more', ['bob', 'carol']);
  expect([routed.length, answers()]).toEqual([3, [{ type: 'error', code: 'unavailable' }]]);
  send('single', 'bob');
  expect(routed).toHaveLength(4);
  for (let n = 0; n < 4; n++) settle(n);
  expect(session.pendingListText).toBe(0);
  send('again', ['bob', 'carol']);
  expect(routed).toHaveLength(6);
});
