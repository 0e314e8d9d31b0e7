import { expect, test } from 'vitest';
import { anchors, page } from '../docs/markdown.ts';
import { alertTests, dashboards, read, rules } from './files.ts';

/** Alerts and dashboards are complete. What they ask for, and when they fire: test/monitoring.test.ts. */

const alerts = rules().filter(({ alert }) => alert !== undefined);
const tests = alertTests();
const names = alerts.map(({ alert = '' }) => alert);

test.each(alerts)('$alert says how bad it is, and what', ({ labels, annotations }) => {
  expect(labels?.['severity']).toMatch(/^(critical|warning)$/);
  expect(annotations?.['summary']).toBeTruthy();
});

test.each(names)('%s is tested: it fires, and it does not', (name) => {
  const ofThis = tests.filter(({ alertname }) => alertname === name);
  const fires = ofThis.map(({ exp_alerts = [] }) => exp_alerts.length > 0);
  expect(new Set(fires)).toEqual(new Set([true, false]));
});

test('nothing else is tested', () => {
  for (const { alertname } of tests) expect(names).toContain(alertname);
});

test('docs/OPERATIONS.md has a section for every alert, and for no other', () => {
  const [, text = ''] = page('docs/OPERATIONS.md').text.split(/^## Alerts: .*$/m);
  const [section = ''] = text.split(/^## /m);
  const documented = anchors({ path: '', text: section });
  expect(documented.sort()).toEqual(names.map((name) => name.toLowerCase()).sort());
});

test('dashboards have names of their own, and are on the data source that is provisioned', () => {
  const uids = dashboards().map(({ uid }) => uid);
  expect(new Set(uids).size).toBe(uids.length);
  const { datasources } = read('deploy/grafana/provisioning/datasources/prometheus.yml') as {
    datasources: { uid: string }[];
  };
  for (const dashboard of dashboards())
    for (const [, uid] of JSON.stringify(dashboard).matchAll(/"type":"prometheus","uid":"([^"]*)"/g))
      expect(datasources.map((one) => one.uid)).toContain(uid);
});
