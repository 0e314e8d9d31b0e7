import { expect, test } from 'vitest';
import type { Delivery } from '#libs/broker/delivery.ts';
import type { GatewayEntry, Pull } from '#libs/broker/entries.ts';
import type { GatewaySender } from '#libs/relay/gateway-sender.ts';
import type { Database, Statement } from '#libs/store/database.ts';
import { pull } from './offline.ts';

const row = (key: string, fits: boolean) => ({
  ...{ n: 1, key, kind: 'm', peer: 'alice', id: `m${key}`, body: fits ? '1' : null, at: '1', fits },
  ...{ seq: null, thread: null, read: null, state: null, reason: null },
});

/** Pulls from a mailbox that holds a large entry and a small one; the large one goes before its body is read. */
async function pages(limit: number): Promise<GatewayEntry[]> {
  const large = { there: true };
  const query = ({ name }: Statement): Promise<unknown[]> => {
    if (name === 'mailbox-body') {
      large.there = false;
      return Promise.resolve([]);
    }
    return Promise.resolve([...(large.there ? [row('1', false)] : []), row('2', true)]);
  };
  const sent: GatewayEntry[] = [];
  const gatewaySender = {
    send: (_gateway: string, entry: GatewayEntry) => void sent.push(entry),
    waitForCapacity: () => Promise.resolve(),
  } as unknown as GatewaySender;
  const entry: Pull = { kind: 'pull', user: 'bob', session: 's', gateway: 'g.1', limit };
  const context = { db: { query } as unknown as Database, gatewaySender, leaseMs: 1 };
  await pull(context, [{ entry, delivery: {} as unknown as Delivery }]);
  return sent;
}

test('a page whose only entry was confirmed meanwhile is read again: it is not empty with more', async () => {
  expect(await pages(1)).toMatchObject([{ kind: 'mailbox', messages: [{ key: 'm2' }], more: false }]);
});

test('a limit that asks for nothing gets nothing', async () => {
  expect(await pages(0)).toMatchObject([{ messages: [], more: true }]);
});
