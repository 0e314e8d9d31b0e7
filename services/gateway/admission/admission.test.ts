import { register } from 'prom-client';
import { beforeEach, expect, test } from 'vitest';
import { Admission } from './admission.ts';

const NONE = {
  MAX_CONNECTIONS: 100,
  MAX_CONNECTIONS_PER_ADDRESS: 0,
  LOGINS_PER_ADDRESS_PER_MIN: 0,
};

beforeEach(() => register.getSingleMetric('sixfold_refused_total')?.reset());

async function refused(reason: string): Promise<number> {
  const { values } = (await register.getSingleMetric('sixfold_refused_total')?.get()) ?? { values: [] };
  return values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
}

test('as many connections as may be; who leaves makes room, once', async () => {
  const admission = new Admission({ ...NONE, MAX_CONNECTIONS: 2 });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((address) => ({ address })) as [
    Client,
    Client,
    Client,
    Client,
  ];
  const logIn = (client: Client) => {
    const admitted = admission.admit(client);
    admission.authenticated(client);
    return admitted;
  };
  expect([a, b, c].map(logIn)).toEqual([true, true, false]);
  expect(await refused('connections')).toBe(1);
  admission.release(c); // never got in
  expect(logIn(c)).toBe(false);
  admission.release(a);
  admission.release(a);
  expect([c, d].map(logIn)).toEqual([true, false]);
});

interface Client {
  address: string;
}

test('who showed a good token does not count as unauthenticated any more', async () => {
  const admission = new Admission({ ...NONE, MAX_CONNECTIONS: 4 });
  const [first, second, third] = [{ address: 'a' }, { address: 'a' }, { address: 'a' }];
  expect([first, second, third].map((client) => admission.admit(client))).toEqual([true, true, false]);
  expect(await refused('unauthenticated_connections')).toBe(1);
  admission.authenticated(first);
  expect(admission.admit(third)).toBe(true);
  admission.release(second);
  expect(admission.admit({ address: 'a' })).toBe(true);
  expect(admission.admit({ address: 'a' })).toBe(false);
});

test('as many connections of one address as may be, and each address its own', async () => {
  const admission = new Admission({ ...NONE, MAX_CONNECTIONS_PER_ADDRESS: 2 });
  const first = { address: 'a' };
  const admit = (address: string) => admission.admit({ address });
  expect(admission.admit(first)).toBe(true);
  expect([admit('a'), admit('a'), admit('b')]).toEqual([true, false, true]);
  expect(await refused('connections_per_address')).toBe(1);
  admission.authenticated(first);
  expect(admit('a')).toBe(false);
  admission.release({ address: 'a' }); // never got in
  expect(admit('a')).toBe(false);
  for (let n = 0; n < 2; n++) admission.release(first);
  expect([admit('a'), admit('a')]).toEqual([true, false]);
});

test('logins by address', async () => {
  const admission = new Admission({ ...NONE, LOGINS_PER_ADDRESS_PER_MIN: 2 });
  expect(['a', 'a', 'a', 'b'].map((address) => admission.mayLogIn({ address }))).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(await refused('logins_per_address')).toBe(1);
});
