import { expect, test, vi } from 'vitest';
import type { BatchItem } from '#libs/broker/batch-processor.ts';
import type { Erase } from '#libs/broker/entries.ts';
import type { RelayContext } from '#libs/relay/receipts.ts';
import { Erasures } from './erasures.ts';

const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise((next) => setImmediate(next));
};

test('an erasure is done when the gateways are told, and the events published that name the user', async () => {
  const statements: string[] = [];
  const answers: unknown[] = [];
  const published: string[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const relay = {
    db: {
      query: ({ name }: { name: string }) => {
        statements.push(name);
        return Promise.resolve([]);
      },
    },
    gatewaySender: { hint: () => undefined, send: (_gateway: string, entry: object) => answers.push(entry) },
    leaseMs: 1_000,
    outbox: {
      publishAllOf: (users: string[]) => {
        published.push(...users);
        return promise;
      },
    },
  } as unknown as RelayContext;
  const log = { warn: () => undefined, error: () => undefined };
  const erasures = new Erasures(relay, {
    isTransient: () => true,
    ...({ dead: {}, log } as unknown as Pick<ConstructorParameters<typeof Erasures>[1], 'dead' | 'log'>),
  });
  const settled = vi.fn();
  const delivery = { hold: () => undefined, settled, source: { closed: false }, redelivered: false };
  const entry = { kind: 'erase', user: 'bob', at: 1, session: 'question', gateway: 'g' };
  const told = Promise.withResolvers<undefined>();
  erasures.add([{ entry, delivery } as unknown as BatchItem<Erase>], told.promise);
  await turns();
  expect(statements).toEqual([]); // a gateway that is not told yet may take the user's tokens
  told.resolve(undefined);
  await vi.waitFor(() => expect(statements).toContain('erasures-receipts'));
  await turns();
  expect(published).toEqual(['bob']);
  expect([statements.includes('erasures-finish'), answers, settled.mock.calls]).toEqual([false, [], []]);
  resolve(undefined);
  await vi.waitFor(() => expect(settled).toHaveBeenCalledOnce());
  expect(statements.at(-1)).toBe('erasures-finish');
  expect(answers).toEqual([{ kind: 'answer', session: 'question' }]);
});
