import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { settings } from './docs/settings.ts';
import { read } from './monitoring/files.ts';
import { REPOSITORY } from './stack/environment.ts';

/** The compose files keep what they promise, as far as it can be seen without Docker. */

interface Service {
  ports?: string[];
  networks?: string[] | Record<string, unknown>;
  restart?: string;
  healthcheck?: object;
  read_only?: boolean;
  stop_grace_period?: string;
  environment?: Record<string, string>;
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string } } };
}

const FILES = ['docker-compose.yml', 'docker-compose.cluster.yml'];
const { services } = read('docker-compose.yml') as { services: Record<string, Service> };
const ours = ['gateway', 'routing', 'ack'];

const variables = (path: string, pattern: RegExp) =>
  new Set([...readFileSync(join(REPOSITORY, path), 'utf8').matchAll(pattern)].map(([, name = '']) => name));

test('.env.example names what the compose files read, and nothing else', () => {
  const asked = FILES.flatMap((path) => [...variables(path, /\$\{(\w+)/g)]);
  expect(variables('.env.example', /^(\w+)=/gm)).toEqual(new Set(asked));
});

test('deploy/env.sh makes every secret, and the example has none', () => {
  const [, list = ''] =
    /^for name in ([^;]+);/m.exec(readFileSync(join(REPOSITORY, 'deploy/env.sh'), 'utf8')) ?? [];
  expect(new Set(list.split(/[\s\\]+/))).toEqual(variables('.env.example', /^(\w+)=$/gm));
});

test('only the load balancer, Prometheus and Grafana are reached from outside, the latter two from this machine', () => {
  const published = Object.entries(services).filter(([, { ports }]) => ports);
  expect(published.map(([name]) => name).sort()).toEqual(['balancer', 'grafana', 'prometheus']);
  for (const name of ['grafana', 'prometheus']) expect(services[name]?.ports?.[0]).toMatch(/^127\.0\.0\.1:/);
});

describe.each(Object.entries(services))('%s', (name, service) => {
  test('is started again, is asked whether it is ready, and has limits', () => {
    expect(service.restart).toBe('unless-stopped');
    expect(service.healthcheck).toBeDefined();
    expect(Object.keys(service.deploy?.resources?.limits ?? {}).sort()).toEqual(['cpus', 'memory']);
  });

  if (!ours.includes(name)) return;

  test('has settings that exist, and are its own', () => {
    const own = settings().filter((setting) => setting.services.includes(name));
    for (const key of Object.keys(service.environment ?? {}))
      expect(own.map((one) => one.name)).toContain(key);
  });

  test('cannot write to its file system, and has more time to stop than it takes', () => {
    const drain = settings().find((one) => one.name === 'DRAIN_TIMEOUT_MS')?.default;
    const delay = service.environment?.['DRAIN_DELAY_MS'] ?? '0';
    expect(service.read_only).toBe(true);
    expect(parseInt(service.stop_grace_period ?? '0')).toBeGreaterThan(
      (Number(drain) + Number(delay)) / 1000 + 5,
    );
  });
});
