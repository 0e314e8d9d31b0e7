import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { refusals } from './refusals.ts';
import { commitAndTag, gather } from './repository.ts';

const FILES = {
  'package.json': '{ "name": "root", "version": "0.2.0", "workspaces": ["libs/client", "tools/cli"] }',
  'libs/client/package.json': '{ "name": "client", "version": "0.2.0" }',
  'tools/cli/package.json':
    '{ "name": "cli", "version": "0.2.0", "dependencies": { "client": "^0.2.0", "a": "^0.2.0" } }',
  'deploy/kubernetes/kustomization.yaml': "images:\n  - name: sixfold\n    newTag: '0.2.0'\n",
  'package-lock.json': JSON.stringify({
    version: '0.2.0',
    packages: {
      '': { version: '0.2.0' },
      'libs/client': { version: '0.2.0' },
      'tools/cli': { version: '0.2.0', dependencies: { client: '^0.2.0', a: '^0.2.0' } },
      'node_modules/a': { version: '0.2.0' },
    },
  }),
  'CHANGELOG.md': '## [0.2.1] - 2026-11-28\n\n- Something.\n',
};

function repository() {
  const root = mkdtempSync(join(tmpdir(), 'sixfold-release-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  for (const [file, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Test');
  git('config', 'user.email', 'test@example.com');
  git('add', '.');
  git('commit', '-qm', 'Start');
  return { root, git };
}

test('a release writes the version everywhere, commits and tags; then the same version is refused', () => {
  const { root, git } = repository();
  expect(refusals('0.2.1', gather(root))).toEqual([]);
  commitAndTag(root, '0.2.1');
  expect(gather(root)).toMatchObject({
    branch: 'main',
    changed: [],
    tags: ['v0.2.1'],
    versions: { root: '0.2.1', client: '0.2.1', cli: '0.2.1' },
  });
  expect(readFileSync(join(root, 'deploy/kubernetes/kustomization.yaml'), 'utf8')).toContain("'0.2.1'");
  expect(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))).toEqual({
    version: '0.2.1',
    packages: {
      '': { version: '0.2.1' },
      'libs/client': { version: '0.2.1' },
      'tools/cli': { version: '0.2.1', dependencies: { client: '^0.2.1', a: '^0.2.0' } },
      'node_modules/a': { version: '0.2.0' },
    },
  });
  expect(git('log', '-1', '--format=%s', 'v0.2.1')).toBe('Release 0.2.1');
  expect(refusals('0.2.1', gather(root))).toEqual(['the tag v0.2.1 exists']);
});

test('changed and new files are seen', () => {
  const { root } = repository();
  writeFileSync(join(root, 'CHANGELOG.md'), 'other');
  writeFileSync(join(root, 'new.txt'), '');
  expect(gather(root).changed).toEqual(['CHANGELOG.md', 'new.txt']);
});
