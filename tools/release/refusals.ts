/** What a release depends on. */
export interface Facts {
  branch: string;
  /** Files that git says are changed or new. */
  changed: readonly string[];
  /** Commits of the remote's main that are missing here; 0 without a remote. */
  behind: number;
  /** All tags. */
  tags: readonly string[];
  /** Current versions by package name. */
  versions: Readonly<Record<string, string>>;
  changelog: string;
}

/** Why `version` cannot be released now; empty if it can. */
export function refusals(version: string, facts: Facts): string[] {
  if (!VERSION.test(version)) return [`"${version}" is not a version such as 0.2.1`];
  const { branch, changed, behind, tags } = facts;
  const latest = latestOf(tags);
  return [
    branch !== 'main' && `the branch is ${branch || 'none'}, not main`,
    changed.length > 0 && `there are uncommitted changes: ${changed.join(', ')}`,
    behind > 0 && `main is ${behind} commits behind the remote`,
    tags.includes(`v${version}`) && `the tag v${version} exists`,
    latest !== undefined && compare(version, latest) < 0 && `${version} is not greater than ${latest}`,
    ...packageRefusals(version, facts.versions),
    changelogRefusal(version, facts.changelog),
  ].filter((reason) => typeof reason === 'string');
}

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

/** Negative if `a` is the lower version. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const differences = (left ?? []).map((part, n) => part - (right?.[n] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

const latestOf = (tags: readonly string[]): string | undefined =>
  tags
    .map((tag) => tag.replace(/^v/, ''))
    .filter((tag) => VERSION.test(tag))
    .toSorted(compare)
    .at(-1);

/** A version that was written but never tagged, as the first one, may be released as it stands. */
const packageRefusals = (version: string, versions: Facts['versions']): string[] =>
  Object.entries(versions)
    .filter(([, current]) => compare(version, current) < 0)
    .map(([name, current]) => `${name} is at ${current} already`);

function changelogRefusal(version: string, changelog: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((one) => one.startsWith(`[${version}]`));
  if (section === undefined) return `CHANGELOG.md has no entry "## [${version}] - <date>"`;
  if (!/^\[[\d.]+\] - \d{4}-\d\d-\d\d$/m.test(section)) return `the entry of ${version} has no date`;
  if (!/^- \S/m.test(section)) return `the entry of ${version} is empty`;
  const unreleased = sections.find((one) => one.startsWith('[Unreleased]'));
  return unreleased !== undefined && /^- \S/m.test(unreleased)
    ? 'CHANGELOG.md still has lines under "Unreleased"'
    : undefined;
}
