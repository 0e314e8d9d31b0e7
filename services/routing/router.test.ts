import { expect, test } from 'vitest';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { RouteEntry } from '#libs/broker/entries.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { Database, Statement } from '#libs/store/database.ts';
import type { SessionLocation } from '#libs/store/presence.ts';
import type { Erasures } from './erasures.ts';
import type { MailboxWorker } from './mailbox-worker.ts';
import { PresenceCache } from './presence-cache.ts';
import { Router } from './router.ts';

/** A batch that waits for the database, while its connection to the broker is lost and comes back. */

const delivery = {} as unknown as Delivery;
const logOut: BatchItem<RouteEntry> = {
  delivery,
  entry: { kind: 'session-down', user: 'ann', session: 's0' },
};
const message = (id: string): BatchItem<RouteEntry> => ({
  delivery,
  entry: { kind: 'message', from: 'alice', to: 'bob', id, body: '1', at: 1 },
});

function routerWith(removal: Promise<unknown>) {
  const sent: string[] = [];
  const database = { where: { gateway: 'old.1', session: 'old' } satisfies SessionLocation };
  const db = {
    query: async ({ name }: Statement) => {
      if (name === 'sessions-remove') await removal;
      return [];
    },
  } as unknown as Database;
  const gatewaySender = { send: (gateway: string) => sent.push(gateway) } as unknown as GatewaySender;
  const presence = new PresenceCache(
    () => Promise.resolve(new Map([['bob', { sessions: [database.where], validMs: 15_000 }]])),
    10_000,
  );
  const mailboxWorker = { has: () => false, add: () => undefined } as unknown as MailboxWorker;
  const erasures = { add: () => undefined } as unknown as Erasures;
  const context = { db, gatewaySender, leaseMs: 15_000, mailboxWorker, erasures, presence };
  const { handle } = new Router(context, { maxSessions: 32, maxDevices: 10 }, () => Promise.resolve(true));
  return { handle, presence, database, sent };
}

test('what a batch of a lost connection looks up is no answer after it', async () => {
  const removal = Promise.withResolvers<undefined>();
  const { handle, presence, database, sent } = routerWith(removal.promise);
  const first = handle([logOut, message('first')]);
  presence.forgetAll(); // the connection is gone: bob's partition is another instance's, for a while
  removal.resolve(undefined);
  await first;
  database.where = { gateway: 'new.1', session: 'new' }; // which dealt with bob's login
  await handle([message('second')]);
  expect(sent).toEqual(['old.1', 'new.1']);
});
