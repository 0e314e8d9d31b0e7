import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { REPOSITORY } from './stack/environment.ts';

/** The GitHub workflows pin what they use, ask for few rights, and call what exists. */

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  'runs-on'?: string;
  'timeout-minutes'?: number;
  uses?: string;
  needs?: string | string[];
  permissions?: Record<string, string>;
  steps?: Step[];
}

interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const FOLDER = '.github/workflows';
const text = (file: string) => readFileSync(join(REPOSITORY, file), 'utf8');
const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };

function read(file: string): unknown {
  const document = parseDocument(text(file));
  if (document.errors[0]) throw document.errors[0];
  return document.toJS();
}

const files = globSync(`${FOLDER}/*.yml`, { cwd: REPOSITORY }).map((file) => ({
  file,
  ...(read(file) as Workflow),
}));

test('there are workflows', () => expect(files.map(({ name }) => name).sort()).toEqual(['release', 'test']));

describe.each(files)('$file', ({ file, on, permissions, jobs }) => {
  const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);

  test('a workflow may read only; a job names the rights that it needs beyond', () => {
    expect(permissions).toEqual({ contents: 'read' });
    const extra = Object.entries(jobs).flatMap(([name, job]) =>
      Object.entries(job.permissions ?? {})
        .filter(([, right]) => right !== 'read')
        .map(([what]) => `${name}: ${what}`),
    );
    expect(extra).toEqual(file.endsWith('release.yml') ? ['npm: id-token', 'image: packages'] : []);
    // It would run a stranger's code with the rights of this repository.
    expect(on).not.toHaveProperty('pull_request_target');
  });

  test('actions are pinned to a commit, with the version in a comment', () => {
    const uses = [...text(file).matchAll(/^ *(?:- )?uses: *(.+)$/gm)].map(([, action = '']) => action);
    expect(uses).not.toEqual([]);
    for (const action of uses.filter((one) => !one.startsWith('./')))
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('one action has one version everywhere', () => {
    const all = files.flatMap((one) => [...text(one.file).matchAll(/uses: (\S+)@(\S+)/g)]);
    const versions = Map.groupBy(all, ([, action = '']) => action);
    for (const [action, found] of versions)
      expect(new Set(found.map(([, , commit]) => commit)).size, action).toBe(1);
  });

  test('a checkout leaves no credentials for later steps', () => {
    for (const step of steps.filter(({ uses }) => uses?.startsWith('actions/checkout@')))
      expect(step.with?.['persist-credentials']).toBe(false);
  });

  test('jobs have a fixed system and a timeout, or call a workflow that exists', () => {
    for (const [name, job] of Object.entries(jobs)) {
      if (job.uses !== undefined) expect(text(job.uses), name).toContain('workflow_call');
      else {
        expect(job['runs-on'], name).toMatch(/^ubuntu-\d\d\.\d\d$/);
        expect(job['timeout-minutes'], name).toBeGreaterThan(0);
      }
      for (const needed of [job.needs ?? []].flat()) expect(Object.keys(jobs), name).toContain(needed);
    }
  });

  test('the npm scripts that it calls exist', () => {
    const runs = steps.map(({ run = '' }) => run).join('\n');
    for (const [, name = ''] of runs.matchAll(/npm run ([\w:-]+)/g)) expect(scripts).toHaveProperty(name);
    for (const [, name = ''] of runs.matchAll(/npm (test|start|stop)\b/g))
      expect(scripts).toHaveProperty(name);
  });

  test('no script has text in it that somebody else writes', () => {
    // Titles and branch names in ${{ }} would be run as commands: a script reads environment variables instead.
    for (const { run = '' } of steps) expect(run).not.toContain('${{');
  });
});

test('nothing is published before the tests have passed', () => {
  const { jobs } = read(`${FOLDER}/release.yml`) as Workflow;
  expect(jobs['test']?.uses).toBe(`./${FOLDER}/test.yml`);
  for (const [name, { needs }] of Object.entries(jobs)) if (name !== 'test') expect(needs, name).toBe('test');
});

test.each(globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: REPOSITORY }))('%s is valid', (file) => {
  const template = read(file) as {
    name?: string;
    description?: string;
    body?: { type: string; id?: string }[];
  };
  if (file.endsWith('config.yml')) return;
  expect(template.name).toBeTruthy();
  expect(template.description).toBeTruthy();
  const fields = (template.body ?? []).filter(({ type }) => type !== 'markdown');
  expect(fields).not.toEqual([]);
  expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length);
});

test('the version is the same wherever it stands, and the changelog has it', () => {
  const { version } = JSON.parse(text('package.json')) as { version: string };
  expect(text('CHANGELOG.md')).toContain(`## [${version}] - `);
  expect(text('deploy/kubernetes/kustomization.yaml')).toContain(`newTag: '${version}'`);
  expect((JSON.parse(text('package-lock.json')) as { version: string }).version).toBe(version);
});
