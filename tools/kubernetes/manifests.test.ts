import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { settings } from '../docs/settings.ts';
import { REPOSITORY } from '../stack/environment.ts';
import { check, type Resource } from './check.ts';

/** The manifests are what Kubernetes understands, and fit each other and the services. */

const FOLDER = join(REPOSITORY, 'deploy/kubernetes');

const read = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.toJS() as unknown;
  });

const KUSTOMIZATION = 'kustomization.yaml';
const files = globSync('*.yaml', { cwd: FOLDER }).filter((file) => file !== KUSTOMIZATION);
const resources = files.flatMap((file) =>
  (read(file) as Resource[]).map((resource) => ({ file, resource, name: resource.metadata.name })),
);

/** The resources of a kind, as the cluster gets them. */
const ofKind = (kind: string): Resource[] =>
  resources.map(({ resource }) => resource).filter((resource) => resource.kind === kind);

test.each(resources)('$file: $resource.kind $name', ({ resource }) => {
  check(resource);
});

describe('a mistake is found', () => {
  const change = (kind: string, from: string, to: string) =>
    JSON.parse(JSON.stringify(ofKind(kind)[0]).replace(from, to)) as Resource;

  test.each([
    ['an unknown kind', 'Service', '"kind":"Service"', '"kind":"Servise"', 'no schema of v1.Servise'],
    [
      'an unknown version',
      'HorizontalPodAutoscaler',
      'autoscaling/v2',
      'autoscaling/v9',
      'no schema of autoscaling.v9',
    ],
    ['an unknown field at the top', 'Deployment', '"spec"', '"specs"', 'specs'],
    ['an unknown field deep inside', 'Deployment', '"readinessProbe"', '"readynessProbe"', 'readynessProbe'],
    ['an unknown field in a list', 'Deployment', '"containerPort"', '"contanerPort"', 'contanerPort'],
    [
      'a value of another type',
      'Deployment',
      '"containerPort":8080',
      '"containerPort":"http"',
      'ports[0].containerPort',
    ],
    ['a missing field', 'HorizontalPodAutoscaler', '"maxReplicas":20,', '', 'maxReplicas'],
    [
      'a boolean in place of a string',
      'HorizontalPodAutoscaler',
      '"AverageValue"',
      'true',
      'metrics[0].pods.target.type',
    ],
    ['an unknown field of the Prometheus Operator', 'ServiceMonitor', '"jobLabel"', '"joblabel"', 'joblabel'],
    ['an unknown field of the Cluster Operator', 'RabbitmqCluster', '"replicas"', '"replica"', 'replica'],
    ['an unknown field below it', 'RabbitmqCluster', '"topologyKey"', '"topology"', 'topology'],
  ])('%s', (_, kind, from, to, message) => {
    expect(() => check(change(kind, from, to))).toThrow(message);
  });
});

const optional = ['secret.example.yaml', 'webhook.yaml', 'console.yaml'];

test('the kustomization has every file that everybody needs', () => {
  const [{ resources: listed }] = read(KUSTOMIZATION) as [{ resources: string[] }];
  expect(listed.toSorted()).toEqual(files.filter((file) => !optional.includes(file)).toSorted());
});

interface Deployment extends Resource {
  spec: {
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds: number;
        containers: { command: string[]; env: { name: string }[] }[];
      };
    };
  };
}

interface Selecting extends Resource {
  spec: { selector: { matchLabels?: Record<string, string> } };
}

describe.each(ofKind('Deployment') as Deployment[])('$metadata.name', ({ metadata: { name }, spec }) => {
  const [container] = spec.template.spec.containers;

  test('its settings exist, and are its own', () => {
    const own = settings().filter(({ services }) => services.includes(name));
    for (const variable of container?.env ?? [])
      if (!variable.name.startsWith('BROKER_')) expect(own.map((one) => one.name)).toContain(variable.name);
  });

  test('it runs a program that exists', () => {
    expect(globSync(container?.command[1] ?? '', { cwd: REPOSITORY }).map((file) => basename(file))).toEqual([
      'main.ts',
    ]);
  });

  test('it has more time to stop than it takes', () => {
    const drain = settings().find((one) => one.name === 'DRAIN_TIMEOUT_MS')?.default;
    expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(drain) / 1000 + 5);
  });

  // Nobody connects to the console, and one is enough.
  const beside = name === 'console' ? [] : ['Service', 'PodDisruptionBudget'];
  test.each(beside)('a %s is for it', (kind) => {
    const selectors = (ofKind(kind) as Selecting[]).map(
      ({ spec: { selector } }) => selector.matchLabels ?? selector,
    );
    expect(selectors).toContainEqual(spec.template.metadata.labels);
  });
});
