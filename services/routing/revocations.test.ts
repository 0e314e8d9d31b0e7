import { describe, expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { GatewayEntry, RouteEntry, SessionDown, SessionUp } from '#libs/broker/entries.ts';
import type { Cause, GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { Database, Statement } from '#libs/store/database.ts';
import { changeInOrder } from './revocations.ts';

type Revoke = Extract<RouteEntry, { kind: 'revoke' }>;

const up = (session: string, over: Partial<SessionUp> = {}): SessionUp => ({
  kind: 'session-up',
  user: 'bob',
  device: 'phone',
  session,
  gateway: 'g.1',
  since: Number(session.slice(1)),
  again: false,
  ...over,
});
const revoke = (user = 'bob', at = 5_000): Revoke => ({ kind: 'revoke', user, at });

/** A delivery that counts what holds it. */
function deliveryOf() {
  const delivery = {
    holds: 1,
    failed: false,
    hold: () => {
      delivery.holds++;
    },
    settled: (error?: Error) => {
      delivery.holds--;
      delivery.failed ||= error !== undefined;
    },
  };
  return delivery;
}

/** A database that says which sessions are revoked, and keeps the names of statements; a broker that confirms when it is told to. */
async function handle(entries: (SessionUp | SessionDown | Revoke)[], revoked: string[] = [], again = false) {
  const unconfirmed: Cause[] = [];
  const delivery = deliveryOf();
  const statements: string[] = [];
  const sent: GatewayEntry[] = [];
  const query = ({ name }: Statement, values: unknown[] = []): Promise<unknown[]> => {
    statements.push(name);
    const [, , sessions] = values as string[][];
    if (name === 'sessions-register')
      return Promise.resolve(
        revoked
          .filter((session) => sessions?.includes(session))
          .map((session) => ({
            session,
            gateway: null,
            since: null,
            full: false,
            revoked: true,
            sharedBy: null,
          })),
      );
    if (name === 'gateways-find') return Promise.resolve([{ gateway: 'g.1' }]);
    if (name === 'revocations-find-sessions')
      return Promise.resolve([{ user: 'bob', session: 's0', gateway: 'g.1' }]);
    return Promise.resolve([]);
  };
  await changeInOrder(
    {
      db: { query } as unknown as Database,
      gatewaySender: {
        send: (_gateway: string, entry: GatewayEntry, cause: Cause) => {
          sent.push(entry);
          cause.hold();
          unconfirmed.push(cause);
        },
      } as unknown as GatewaySender,
      maxSessions: 32,
      maxDevices: 10,
    },
    entries.map((entry) => ({ entry, delivery: delivery as unknown as Delivery })),
    again,
  );
  const confirm = async (error?: Error) => {
    for (const cause of unconfirmed.splice(0)) cause.settled(error);
    await new Promise((next) => setImmediate(next));
  };
  return { statements, sent, delivery, confirm };
}

const REVOKE = ['revocations-revoke', 'gateways-find', 'revocations-find-sessions'];

test('session changes alone take no statement for revocations', async () => {
  const { statements } = await handle([up('s1'), up('s2', { device: 'desk' })]);
  expect(statements).toEqual(['sessions-register']);
});

test('revocations and logins are dealt with in order; revocations that follow each other together', async () => {
  const entries = [up('s1'), revoke(), revoke('carol'), up('s2'), revoke()];
  const { statements } = await handle(entries);
  expect(statements).toEqual(['sessions-register', ...REVOKE, 'sessions-register', ...REVOKE]);
});

const everyGateway = { kind: 'revoked', session: 'none', user: 'bob' };

test('every gateway and every session of the user is told; when it may have been done before, the gateway looks closer', async () => {
  expect((await handle([revoke('bob', 7)])).sent).toEqual([
    everyGateway,
    { kind: 'revoked', session: 's0', at: 7 },
  ]);
  const { sent } = await handle([revoke('bob', 7)], [], true);
  expect(sent).toEqual([everyGateway, { kind: 'revoked', session: 's0', at: 7, again: true }]);
});

test('a login with a revoked token is refused', async () => {
  const { sent } = await handle([up('s1'), up('s2', { device: 'desk' })], ['s1']);
  expect(sent).toEqual([
    { kind: 'revoked', session: 's1' },
    { kind: 'registered', session: 's2', mail: false, alone: true },
  ]);
});

test('it takes no place from a login in the same batch: that one is tried again', async () => {
  const { sent } = await handle([up('s1'), up('s2')], ['s2']);
  expect(sent).toEqual([
    { kind: 'late', session: 's1', since: 2 },
    { kind: 'revoked', session: 's2' },
  ]);
});

describe('a revocation that was asked for', () => {
  const asked = { ...revoke(), session: 'question', gateway: 'g.2' };
  const ANSWER = { kind: 'answer', session: 'question' };

  test('is answered when the broker has confirmed what tells the gateways; until then its delivery is held', async () => {
    const { sent, delivery, confirm } = await handle([asked]);
    expect(sent).toEqual([everyGateway, { kind: 'revoked', session: 's0', at: 5_000 }]);
    expect(delivery.holds).toBe(2);
    await confirm();
    expect(sent.at(-1)).toEqual(ANSWER);
    expect(delivery.holds).toBe(2); // by the answer
    await confirm();
    expect([delivery.holds, delivery.failed]).toEqual([1, false]);
  });

  test('is not answered when they could not be told: the broker delivers it again', async () => {
    const { sent, delivery, confirm } = await handle([asked]);
    await confirm(new Error('stopped'));
    expect(sent).not.toContainEqual(ANSWER);
    expect([delivery.holds, delivery.failed]).toEqual([1, true]);
  });
});
