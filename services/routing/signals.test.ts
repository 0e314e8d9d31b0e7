import { beforeEach, expect, test } from 'vitest';
import { signalsTotal } from '#libs/broker/metrics.ts';
import { routeSignals } from './signals.ts';

beforeEach(() => signalsTotal.reset());

const at = { bob: ['s1@one.a', 's2@two.b'], carol: ['s3@one.a'] };

async function route(...signals: object[]) {
  const sent: { gateway: string; entry: unknown; count: number }[] = [];
  const asked: string[][] = [];
  await routeSignals(
    {
      find: (users) => {
        asked.push(users);
        const found = Object.entries(at).map(([user, sessions]) => {
          const locations = sessions.map((one) => one.split('@') as [string, string]);
          return [user, locations.map(([session, gateway]) => ({ session, gateway }))] as const;
        });
        return Promise.resolve(new Map(found));
      },
      send: (gateway, text, count) => sent.push({ gateway, entry: JSON.parse(text), count }),
    },
    [Buffer.from(JSON.stringify(signals))],
  );
  return { sent, asked };
}

const signal = { from: 'alice', body: '1', at: 7 };

test('a signal becomes one entry for each gateway, with the sessions there', async () => {
  const { sent, asked } = await route({ ...signal, to: ['bob', 'carol', 'away'], thread: 't' });
  expect(asked).toEqual([['bob', 'carol', 'away']]);
  expect(sent).toEqual([
    { gateway: 'one', entry: { ...signal, thread: 't', sessions: ['s1', 's3'] }, count: 2 },
    { gateway: 'two', entry: { ...signal, thread: 't', sessions: ['s2'] }, count: 1 },
  ]);
  const { values } = await signalsTotal.get();
  expect(values).toMatchObject([{ labels: { outcome: 'away' }, value: 1 }]);
});

test('what does not fit is left out, and the rest is one look-up', async () => {
  const { sent, asked } = await route(
    { ...signal, to: [] },
    { ...signal, to: ['bob', 'no name'] },
    { ...signal, to: ['carol'], from: 'a b' },
    { ...signal, to: ['carol'] },
    { ...signal, to: ['carol'] },
  );
  expect(asked).toEqual([['carol', 'carol']]);
  expect(sent).toHaveLength(2);
});

test('garbage is nothing', async () => {
  expect((await route()).asked).toEqual([]);
  await routeSignals({ find: () => Promise.reject(new Error('asked')), send: () => undefined }, [
    Buffer.from('nope'),
    Buffer.from('{}'),
  ]);
});
