import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { Logout } from '#libs/broker/entries.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { logOut } from './remove-devices.ts';

test('who is on a removed device is told, also where the lease of the gateway is over: it may come back', async () => {
  const session = { user: 'bob', since: 1 };
  const sessions = [
    { ...session, device: 'phone', session: 's1', gateway: 'late', present: false },
    { ...session, device: 'desk', session: 's2', gateway: 'here', present: true },
  ];
  const told: unknown[] = [];
  const relay = {
    db: {
      query: ({ name }: { name: string }) => Promise.resolve(name === 'inspect-sessions' ? sessions : []),
    },
    gatewaySender: {
      hint: () => undefined,
      send: (gateway: string, { session }: { session: string }) => told.push([gateway, session]),
    },
    leaseMs: 1_000,
  } as unknown as RelayContext;
  const entry: Logout = {
    kind: 'logout',
    user: 'bob',
    device: 'phone',
    session: 'question',
    gateway: 'asker',
  };
  await logOut(relay, [{ entry, delivery: {} as unknown as Delivery }]);
  expect(told).toEqual([
    ['late', 's1'],
    ['asker', 'question'],
  ]);
});
