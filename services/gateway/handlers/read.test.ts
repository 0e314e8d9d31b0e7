import { expect, test } from 'vitest';
import type { AckEntry } from '#libs/broker/entries.ts';
import type { Pending } from '#libs/runtime/group-commit.ts';
import { GatewayFixture } from '../testing/gateway-fixture.ts';
import { readerOf, readR } from './read.ts';

/** A session of bob's, and the entries that wait for their confirms. */
async function reader() {
  const fixture = new GatewayFixture();
  await fixture.connect();
  fixture.grant();
  const { connection, packets } = fixture.login('bob');
  await expect.poll(() => fixture.of('session-up')).toHaveLength(1);
  const id = fixture.of('session-up')[0]?.session ?? '';
  fixture.deliver({ kind: 'registered', session: id, mail: false });
  const { session } = connection;
  if (!session) throw new Error('no session');
  const { proofs } = fixture.gateway;
  const published: [AckEntry, Pending][] = [];
  const publishers = { ack: (entry: AckEntry, pending: Pending) => void published.push([entry, pending]) };
  const item = (from: string, name: string, to = 'bob') => ({
    ...{ from, id: name },
    read: proofs.prove(from, name, to) ?? '',
  });
  const read = (...items: ReturnType<typeof item>[]) =>
    readR({ proofs, publishers }, readerOf(session), { items });
  return { item, read, published, answers: () => packets.slice(1) };
}

test('read:A follows the last confirm, and names all items; a wrong proof is answered and published nowhere', async () => {
  const { item, read, published, answers } = await reader();
  read(item('alice', 'm1'), item('alice', 'm2', 'eve'), item('carol', 'm3'), item('alice', 'm1'));
  const entries = published.map(([entry]) => entry);
  expect(entries).toMatchObject([
    { kind: 'read', from: 'alice', id: 'm1', to: 'bob' },
    { kind: 'read', from: 'carol', id: 'm3', to: 'bob' },
  ]);
  published[1]?.[1].settled();
  expect(answers()).toEqual([]);
  published[0]?.[1].settled();
  const items = [
    { from: 'alice', id: 'm1' },
    { from: 'alice', id: 'm2' },
    { from: 'carol', id: 'm3' },
    { from: 'alice', id: 'm1' },
  ];
  expect(answers()).toEqual([{ type: 'read:A', items }]);
});

test('one that is not confirmed makes it unavailable: the client sends all of it again', async () => {
  const { item, read, published, answers } = await reader();
  read(item('alice', 'm1'), item('alice', 'm2'));
  published[0]?.[1].settled(new Error('not confirmed'));
  published[1]?.[1].settled();
  expect(answers()).toEqual([{ type: 'error', code: 'unavailable' }]);
});

test('where no proof is right, the answer comes at once', async () => {
  const { item, read, published, answers } = await reader();
  read(item('alice', 'm1', 'eve'));
  expect(published).toEqual([]);
  expect(answers()).toEqual([{ type: 'read:A', items: [{ from: 'alice', id: 'm1' }] }]);
});
