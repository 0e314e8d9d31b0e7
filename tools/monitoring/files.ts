import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { REPOSITORY } from '../stack/environment.ts';

/** A rule of Prometheus: one that records, or an alert. */
export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** What `promtool test rules` is to expect of an alert at a time: nothing, or how it fires. */
export interface AlertTest {
  alertname: string;
  exp_alerts?: unknown[];
}

export interface Dashboard {
  path: string;
  uid: string;
  panels: { title: string; targets?: { expr: string }[] }[];
}

export const RULE_FILES = files('deploy/prometheus/rules/*.yml');
export const RULE_TEST_FILES = files('deploy/prometheus/tests/*.yml');

/** All rules that Prometheus loads. */
export function rules(): Rule[] {
  const contents = RULE_FILES.map((path) => read(path) as { groups: { rules: Rule[] }[] });
  return contents.flatMap(({ groups }) => groups).flatMap((group) => group.rules);
}

/** What the tests of the alerts expect. */
export function alertTests(): AlertTest[] {
  const contents = RULE_TEST_FILES.map(
    (path) => read(path) as { tests: { alert_rule_test?: AlertTest[] }[] },
  );
  return contents.flatMap(({ tests }) => tests).flatMap((group) => group.alert_rule_test ?? []);
}

/** The dashboards that Grafana shows. */
export function dashboards(): Dashboard[] {
  return files('deploy/grafana/dashboards/*.json').map((path) => ({
    ...(read(path) as Omit<Dashboard, 'path'>),
    path,
  }));
}

/** What a YAML or JSON file of the repository says. */
export function read(path: string): unknown {
  const text = readFileSync(join(REPOSITORY, path), 'utf8');
  return path.endsWith('.json') ? JSON.parse(text) : parse(text, { merge: true });
}

/** Paths, relative to the repository. */
function files(pattern: string): string[] {
  return globSync(pattern, { cwd: REPOSITORY }).sort();
}
