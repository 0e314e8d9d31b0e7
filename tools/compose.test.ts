import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
  image?: string;
  build?: string;
  pull_policy?: string;
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string } } };
}

const FILES = ['docker-compose.yml', 'docker-compose.cluster.yml'];
const { services } = read('docker-compose.yml') as { services: Record<string, Service> };
const ours = ['gateway', 'routing', 'ack', 'webhook', 'console'];
const MAKER = 'secrets';
const others = Object.entries(services).filter(([name]) => name !== MAKER);

const variables = (path: string, pattern: RegExp) =>
  new Set([...readFileSync(join(REPOSITORY, path), 'utf8').matchAll(pattern)].map(([, name = '']) => name));

test('.env.example names what the compose files read, and nothing else', () => {
  const asked = FILES.flatMap((path) => [...variables(path, /\$\{(\w+)/g)]);
  expect(variables('.env.example', /^(\w+)=/gm)).toEqual(new Set(asked));
});

test('every secret that the example names may be set, and no service asks for one that is not', () => {
  const [secrets = ''] = readFileSync(join(REPOSITORY, '.env.example'), 'utf8').split('# Not secret.');
  const names = new Set([...secrets.matchAll(/^(\w+)=$/gm)].map(([, name = '']) => name));
  expect(variables('deploy/secrets.mjs', /secret\('(\w+)'/g)).toEqual(names);
  const { BROKER_NODES, ...environment } = services[MAKER]?.environment ?? {};
  expect(BROKER_NODES).toBe('rabbitmq');
  expect(environment).toEqual(Object.fromEntries([...names].map((name) => [name, `\${${name}:-}`])));
  for (const path of FILES) expect(variables(path, /\$\{(\w+):?\?/g), path).toEqual(new Set());
});

test('who reads secrets waits for them, and sees no others', () => {
  const mounted = others.flatMap(([name, { volumes = [] }]) =>
    volumes.filter((volume) => volume.startsWith('secrets-')).map((volume) => ({ name, volume })),
  );
  expect(mounted).toEqual([
    { name: 'gateway', volume: 'secrets-gateway:/run/sixfold:ro' },
    { name: 'routing', volume: 'secrets-workers:/run/sixfold:ro' },
    { name: 'ack', volume: 'secrets-workers:/run/sixfold:ro' },
    { name: 'webhook', volume: 'secrets-webhook:/run/sixfold:ro' },
    { name: 'console', volume: 'secrets-console:/run/sixfold:ro' },
    { name: 'rabbitmq', volume: 'secrets-rabbitmq:/run/sixfold:ro' },
    { name: 'postgres', volume: 'secrets-postgres:/run/sixfold:ro' },
    { name: 'grafana', volume: 'secrets-grafana:/run/sixfold:ro' },
  ]);
  for (const { name } of mounted)
    expect(services[name]?.depends_on?.[MAKER]).toEqual({ condition: 'service_completed_successfully' });
});

test('our image is built by what runs first, and nobody asks a registry for it', () => {
  const image = services[MAKER]?.image;
  const those = Object.entries(services).filter((entry) => entry[1].image === image);
  expect(those.map(([name]) => name)).toEqual([MAKER, ...ours]);
  expect(those.filter(([, { build }]) => build).map(([name]) => name)).toEqual([MAKER]);
  for (const [name, { pull_policy }] of those) expect(pull_policy, name).toBe('never');
});

test('the image has what prints a token, with all that it imports', () => {
  const needed = new Set<string>();
  const follow = (path: string) => {
    if (needed.has(path)) return;
    needed.add(path);
    const imports = readFileSync(join(REPOSITORY, path), 'utf8').matchAll(/from '([.#][^']+)'/g);
    for (const [, target = ''] of imports)
      follow(target.startsWith('#') ? target.slice(1) : join(dirname(path), target));
  };
  follow('tools/token.ts');
  const image = readFileSync(join(REPOSITORY, '.dockerignore'), 'utf8').split('\n');
  const isIn = (path: string) => image.includes(`!${path}`) || image.includes(`!${path.split('/')[0] ?? ''}`);
  expect([...needed].filter((path) => !isIn(path))).toEqual([]);
});

test('the build gets every file that the Dockerfile copies', () => {
  const image = readFileSync(join(REPOSITORY, '.dockerignore'), 'utf8').split('\n');
  const dockerfile = readFileSync(join(REPOSITORY, 'Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );
  expect(copied).toContain('tools/cli/package.json');
  const isIn = (path: string) =>
    image.some(
      (line) =>
        line.startsWith('!') && (`${path}/`.startsWith(`${line.slice(1)}/`) || line.startsWith(`!${path}/`)),
    );
  expect(copied.filter((path) => !isIn(path))).toEqual([]);
});

test('only the load balancer is reached from outside; Prometheus, Grafana and console from this machine', () => {
  const published = Object.entries(services).filter(([, { ports }]) => ports);
  expect(published.map(([name]) => name).sort()).toEqual(['balancer', 'console', 'grafana', 'prometheus']);
  for (const name of ['console', 'grafana', 'prometheus'])
    expect(services[name]?.ports?.[0]).toMatch(/^127\.0\.0\.1:/);
});

describe.each(others)('%s', (name, service) => {
  test('is started again, is asked whether it is ready, and has limits', () => {
    expect(service.restart).toBe('unless-stopped');
    expect(service.healthcheck).toBeDefined();
    expect(Object.keys(service.deploy?.resources?.limits ?? {}).sort()).toEqual(['cpus', 'memory']);
  });

  if (!ours.includes(name)) return;

  test('has settings that exist, and are its own', () => {
    const own = settings().filter((setting) => setting.services.includes(name));
    for (const key of Object.keys(service.environment ?? {}))
      expect(own.map((one) => one.name)).toContain(key.replace(/_FILE$/, ''));
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
