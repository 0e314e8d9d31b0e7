import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Facts } from './refusals.ts';

const read = (root: string, file: string) => readFileSync(join(root, file), 'utf8');

/** @returns standard output @throws Error if the program fails */
const git = (root: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trimEnd();

const lines = (text: string) => text.split('\n').filter((line) => line !== '');

interface Manifest {
  name: string;
  version: string;
  workspaces?: string[];
  dependencies?: Record<string, string>;
}

const manifestOf = (root: string, file: string) => JSON.parse(read(root, file)) as Manifest;

/** The package.json files of the repository and of its workspaces. */
export function manifests(root: string): string[] {
  const { workspaces = [] } = manifestOf(root, 'package.json');
  return ['package.json', ...workspaces.flatMap((one) => globSync(`${one}/package.json`, { cwd: root }))];
}

export function gather(root: string): Facts {
  const packages = manifests(root).map((file) => manifestOf(root, file));
  return {
    branch: git(root, 'branch', '--show-current'),
    changed: lines(git(root, 'status', '--porcelain')).map((line) => line.slice(3)),
    behind: behindRemote(root),
    tags: lines(git(root, 'tag')),
    versions: Object.fromEntries(packages.map(({ name, version }) => [name, version])),
    changelog: read(root, 'CHANGELOG.md'),
  };
}

function behindRemote(root: string): number {
  if (!lines(git(root, 'remote')).includes('origin')) return 0;
  git(root, 'fetch', '--tags', 'origin', 'main');
  return Number(git(root, 'rev-list', '--count', 'HEAD..FETCH_HEAD'));
}

const KUSTOMIZATION = 'deploy/kubernetes/kustomization.yaml';

/** Writes the version wherever it stands, commits that if anything changed, and tags the commit. */
export function commitAndTag(root: string, version: string): void {
  const packages = manifests(root);
  const names = packages.map((file) => manifestOf(root, file).name);
  for (const file of packages) {
    const { dependencies, ...rest } = manifestOf(root, file);
    write(root, file, {
      ...rest,
      version,
      ...(dependencies && { dependencies: moved(dependencies, names, version) }),
    });
  }
  const lock = JSON.parse(read(root, 'package-lock.json')) as Lock;
  for (const file of packages) {
    const entry = lock.packages[dirname(file).replace(/^\.$/, '')];
    if (!entry) continue;
    entry.version = version;
    if (entry.dependencies) entry.dependencies = moved(entry.dependencies, names, version);
  }
  write(root, 'package-lock.json', { ...lock, version });
  const kustomization = read(root, KUSTOMIZATION).replace(/newTag: '[^']*'/, `newTag: '${version}'`);
  writeFileSync(join(root, KUSTOMIZATION), kustomization);
  git(root, 'add', '--update');
  if (git(root, 'status', '--porcelain') !== '') git(root, 'commit', '-m', `Release ${version}`);
  git(root, 'tag', '-a', `v${version}`, '-m', `Sixfold ${version}`);
}

/** A package of ours asks for the others of the same version. */
const moved = (dependencies: Record<string, string>, names: readonly string[], version: string) =>
  Object.fromEntries(
    Object.entries(dependencies).map(([name, old]) => [name, names.includes(name) ? `^${version}` : old]),
  );

interface Lock {
  version: string;
  packages: Record<string, { version?: string; dependencies?: Record<string, string> }>;
}

/** Writes JSON in npm's format. */
const write = (root: string, file: string, content: unknown) =>
  writeFileSync(join(root, file), `${JSON.stringify(content, null, 2)}\n`);
