import { expect, test } from 'vitest';
import { type Facts, refusals } from './refusals.ts';

const entry = '## [0.2.1] - 2026-11-28\n\n### Fixed\n\n- Something.\n';

const facts = (changes: Partial<Facts> = {}): Facts => ({
  branch: 'main',
  changed: [],
  behind: 0,
  tags: ['v0.2.0', 'v0.1.0', 'other'],
  versions: { sixfold: '0.2.0' },
  changelog: `# Changelog\n\n## [Unreleased]\n\n${entry}\n## [0.2.0] - 2026-11-27\n\n- Old.\n`,
  ...changes,
});

test('nothing stands against a release that is prepared', () => {
  expect(refusals('0.2.1', facts())).toEqual([]);
});

test('a first version that was never tagged is released as it stands', () => {
  expect(refusals('0.2.1', facts({ tags: [], versions: { sixfold: '0.2.1' } }))).toEqual([]);
});

test.each<[string, string, Partial<Facts>]>([
  ['the branch is topic, not main', '0.2.1', { branch: 'topic' }],
  ['the branch is none, not main', '0.2.1', { branch: '' }],
  ['there are uncommitted changes: a.ts, b.ts', '0.2.1', { changed: ['a.ts', 'b.ts'] }],
  ['main is 2 commits behind the remote', '0.2.1', { behind: 2 }],
  ['the tag v0.2.1 exists', '0.2.1', { tags: ['v0.2.1'] }],
  ['0.2.1 is not greater than 0.10.0', '0.2.1', { tags: ['v0.10.0', 'v0.9.0'] }],
  ['@sixfold/client is at 0.3.0 already', '0.2.1', { versions: { '@sixfold/client': '0.3.0' } }],
  ['CHANGELOG.md has no entry "## [0.2.1] - <date>"', '0.2.1', { changelog: '## [0.2.10] - 2026-11-28\n' }],
  ['the entry of 0.2.1 has no date', '0.2.1', { changelog: '## [0.2.1]\n\n- Something.\n' }],
  ['the entry of 0.2.1 is empty', '0.2.1', { changelog: '## [0.2.1] - 2026-11-28\n\n### Added\n' }],
  [
    'CHANGELOG.md still has lines under "Unreleased"',
    '0.2.1',
    { changelog: `## [Unreleased]\n\n- New.\n\n${entry}` },
  ],
])('refused: %s', (reason, version, changes) => {
  expect(refusals(version, facts(changes))).toEqual([reason]);
});

test.each(['v0.2.1', '0.2', '0.2.1-beta', '0.02.1', ''])('refused: "%s" is not a version', (version) => {
  expect(refusals(version, facts())).toEqual([`"${version}" is not a version such as 0.2.1`]);
});

test('all reasons are told at once', () => {
  expect(refusals('0.2.1', facts({ branch: 'topic', changed: ['a.ts'], changelog: '' }))).toHaveLength(3);
});
