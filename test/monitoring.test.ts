import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dashboards, RULE_FILES, RULE_TEST_FILES, rules } from '../tools/monitoring/files.ts';
import { type Matcher, type Selector, selectors } from '../tools/monitoring/promql.ts';
import { promtool, runPromtool } from '../tools/monitoring/promtool.ts';
import { connectAs } from './harness/raw-client.ts';
import { type Metrics, readMetrics } from './harness/metrics.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';
import { SECRET } from './harness/webhook-endpoint.ts';

/** Alerts fire when they should, and whatever rules and dashboards ask for exists. */

/** As deploy/prometheus/prometheus.yml has it. */
const QUEUES = '/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count';

let stack: Stack;
/** What Prometheus would see of each job. */
let scraped: Record<string, Metrics>;

beforeAll(async () => {
  await promtool(); // may have to be fetched
  stack = await startStack({ gateways: 1, env: { RETENTION_SWEEP_MS: '100' } });
  // It has nothing to send.
  await stack.addWebhook({ WEBHOOK_URL: 'http://localhost:9/', WEBHOOK_SECRET: SECRET });
  await using alice = await connectAs(stack, stack.gateways[0], 'alice');
  alice.msg('bob', 'm1');
  await alice.next('ack:N', { id: 'm1', state: 'stored' });
});

afterAll(() => stack.stop());

async function scrape(): Promise<Record<string, Metrics>> {
  const { brokerMetrics = '' } = stack.addresses;
  return {
    gateway: await readMetrics(stack.gateways[0]?.http ?? ''),
    routing: await readMetrics(stack.routing[0]?.http ?? ''),
    ack: await readMetrics(stack.ack[0]?.http ?? ''),
    webhook: await readMetrics(stack.webhook[0]?.http ?? ''),
    rabbitmq: await readMetrics(brokerMetrics),
    'rabbitmq-queues': await readMetrics(brokerMetrics, QUEUES),
  };
}

/** Whether Prometheus would find something, or might later on: a counter may have nothing to tell yet. */
function exists({ name, matchers }: Selector): boolean {
  return Object.entries(scraped).some(([job, metrics]) => {
    const added = { job, instance: 'x' };
    const here = ({ label, matches }: Matcher) =>
      !(label in added) || matches(added[label as keyof typeof added]);
    const inside = matchers.filter(({ label }) => !(label in added));
    if (!metrics.knows(name) || !matchers.every(here)) return false;
    if (inside.length === 0) return true;
    return metrics
      .labelsOf(name)
      .some((labels) => inside.every((one) => one.matches(labels[one.label] ?? '')));
  });
}

const recorded = new Map(rules().map(({ record = '', expr }) => [record, expr]));

/** What an expression asks for in the end: of a recorded one, what it was made of. */
const asked = (expr: string): Selector[] =>
  selectors(expr).flatMap((selector) => {
    if (selector.name === 'up') return []; // Prometheus' own
    const made = recorded.get(selector.name);
    if (made === undefined) return [selector];
    return asked(made).map(({ name, matchers }) => ({
      name,
      matchers: [...matchers, ...selector.matchers],
    }));
  });

/** What all rules and dashboards ask for. */
const everything = () => {
  const shown = dashboards().flatMap(({ panels }) => panels.flatMap(({ targets = [] }) => targets));
  return [...rules(), ...shown].flatMap(({ expr }) => asked(expr));
};

test('the configuration of Prometheus is valid, with its rules', async () => {
  await runPromtool('check', 'config', 'deploy/prometheus/prometheus.yml');
  await runPromtool('check', 'rules', ...RULE_FILES);
});

test('every alert fires at its fault, and not just short of it', async () => {
  await runPromtool('test', 'rules', ...RULE_TEST_FILES);
});

describe('what is asked for exists', () => {
  beforeAll(async () => {
    const stored = async (unit: string) =>
      (await readMetrics(stack.routing[0]?.http ?? '')).value(`sixfold_mailbox_${unit}`, { what: 'message' });
    await until(async () => (await stored('entries')) === 1, { what: 'the mailbox to be measured' });
    expect(await stored('bytes')).toBeGreaterThan(0);
    // Queues tell their numbers every five seconds. What never comes, the tests below name.
    const complete = async () => {
      scraped = await scrape();
      return everything().every(exists);
    };
    await until(complete, { what: 'all metrics', intervalMs: 250 }).catch(() => undefined);
  });

  test.each(rules().map(({ alert, record, expr }) => ({ name: alert ?? record, expr })))(
    '$name',
    ({ expr }) => {
      for (const selector of asked(expr)) expect(exists(selector), selector.name).toBe(true);
    },
  );

  test.each(dashboards())('$path', ({ panels }) => {
    for (const { title, targets = [] } of panels)
      for (const { expr } of targets)
        for (const selector of asked(expr)) expect(exists(selector), `${title}: ${expr}`).toBe(true);
  });

  test('only what is there counts', () => {
    expect(asked('sixfold_sessions{job="gateway"}').every(exists)).toBe(true);
    for (const wrong of [
      'sixfold_session',
      'sixfold_sessions{job="ack"}',
      'sixfold_routed_total{outcome="lived"}',
    ])
      expect(asked(wrong).some(exists), wrong).toBe(false);
  });
});
