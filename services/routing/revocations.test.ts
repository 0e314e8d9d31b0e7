import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { GatewayEntry, RouteEntry, SessionDown, SessionUp } from '#libs/broker/entries.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
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

/** A database that says which sessions are revoked, and keeps the names of statements. */
async function handle(entries: (SessionUp | SessionDown | Revoke)[], revoked: string[] = [], again = false) {
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
        send: (_gateway: string, entry: GatewayEntry) => void sent.push(entry),
      } as unknown as GatewaySender,
      maxSessions: 32,
      maxDevices: 10,
    },
    entries.map((entry) => ({ entry, delivery: {} as unknown as Delivery })),
    again,
  );
  return { statements, sent };
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
