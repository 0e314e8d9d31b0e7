import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { debianProgram } from '../tools/stack/install.ts';
import { freePort } from '../tools/stack/ports.ts';
import { folderFor, startMiddleman } from '../tools/testkit/middleman.ts';
import { connectRaw } from './harness/raw-client.ts';
import { startStack } from './harness/stack.ts';

/** The load balancer of docker-compose.yml, with its own settings, in front of a gateway. */

/** Docker's DNS and the ports of the container are replaced; the rest is what operators run. */
function settings(gateway: number, port: number, metrics: number): string {
  return readFileSync('deploy/haproxy/haproxy.cfg', 'utf8')
    .replace(/^resolvers docker\n(?: .*\n)+/m, '')
    .replace('resolvers docker init-addr none ', '')
    .replace(/server-template .*/, `server gateway 127.0.0.1:${gateway}`)
    .replace('bind :8080', `bind 127.0.0.1:${port}`)
    .replace('bind :8405', `bind 127.0.0.1:${metrics}`);
}

test('it passes on /ws and /v1; metrics and probes stay inside', async () => {
  await using stack = await startStack({ gateways: 1 });
  const { dataDir } = inject('infrastructure');
  const [command, port, metrics] = [await debianProgram('haproxy'), await freePort(), await freePort()];
  const file = join(folderFor(dataDir, `haproxy-${port}`), 'haproxy.cfg');
  writeFileSync(file, settings(stack.gateways[0]?.port ?? 0, port, metrics));
  const url = `http://127.0.0.1:${port}`;
  const statusOf = async (path: string, init?: RequestInit) => (await fetch(`${url}${path}`, init)).status;
  const proxy = await startMiddleman(dataDir, {
    name: 'haproxy',
    port,
    command: [command, '-db', '-f', file],
    stopSignal: 'SIGTERM',
    isReady: () =>
      statusOf('/healthz').then(
        (status) => status === 200,
        () => false,
      ),
  });
  const headers = {
    authorization: `Bearer ${await stack.token('alice')}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ id: 'm', to: 'bob', body: 1 });
  expect(await statusOf('/v1/messages', { method: 'POST', headers, body })).toBe(202);
  await using bob = await connectRaw(`ws://127.0.0.1:${port}/ws`, { token: await stack.token('bob') });
  await bob.login();
  expect((await bob.pull()).messages).toMatchObject([{ id: 'm', from: 'alice' }]);
  for (const path of ['/metrics', '/readyz', '/v1', '/v1/../metrics', '/v1x', '/'])
    expect([path, await statusOf(path)]).toEqual([path, 404]);
  await proxy.kill();
});
