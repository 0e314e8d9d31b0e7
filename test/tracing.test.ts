import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAs, type RawClient } from './harness/raw-client.ts';
import { type Stack, startStack } from './harness/stack.ts';
import { until } from './harness/wait.ts';

/** A message is one connected trace through all services (OpenTelemetry), if the operator asks for that. */

interface Attribute {
  key: string;
  value: { stringValue?: string };
}

/** A span as it arrives (OTLP, JSON). */
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Attribute[];
}

interface Export {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[];
}

const BODY = 'a body that is nobody else’s business';
const KEY = 'key of the collector';

const exports: { text: string; service: string; span: Span }[] = [];
const keys = new Set<unknown>();

/** What a collector is for those who send to it. */
const collector = createServer((request, response) => {
  void json(request).then((body) => {
    keys.add(request.headers['x-key']);
    for (const { resource, scopeSpans } of (body as Export).resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const service = attribute(resource.attributes, 'service.name');
        exports.push({ text: JSON.stringify({ resource, span }), service, span });
      }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

const attribute = (attributes: Attribute[], key: string) =>
  attributes.find((one) => one.key === key)?.value.stringValue ?? '';

/** The steps of a message, each behind the one that it follows: `service step outcome`. */
async function traceOf(id: string, spans: number): Promise<string[]> {
  const mine = () => exports.filter(({ span }) => attribute(span.attributes, 'sixfold.id') === id);
  await until(() => mine().length >= spans, { what: `${spans} spans of ${id}` });
  expect(new Set(mine().map(({ span }) => span.traceId)).size).toBe(1);
  const steps: string[] = [];
  let parent = '';
  for (let next = mine(); next.length > 0;) {
    next = mine().filter(({ span }) => (span.parentSpanId ?? '') === parent);
    for (const { service, span } of next) {
      steps.push(`${service} ${span.name} ${attribute(span.attributes, 'sixfold.outcome')}`);
      parent = span.spanId;
    }
  }
  return steps;
}

let stack: Stack;
let alice: RawClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${encodeURIComponent(KEY)}`,
  };
  stack = await startStack({ gateways: 1, env });
  alice = await connectAs(stack, stack.gateways[0], 'alice');
});

afterAll(() => stack.stop());

test.concurrent('a message that is delivered: one trace, through all services that it takes', async () => {
  await using bob = await connectAs(stack, stack.gateways[0], 'bob', { autoAck: true });
  alice.msg('bob', 'live', BODY);
  await bob.next('ack:A', { id: 'live' });
  await alice.next('ack:N', { id: 'live', state: 'delivered' });
  expect(await traceOf('live', 6)).toEqual([
    'sixfold-gateway accept accepted',
    'sixfold-routing route live',
    'sixfold-gateway deliver answered',
    'sixfold-gateway confirm confirmed',
    'sixfold-gateway receipt live',
    'sixfold-gateway notify delivered',
  ]);
});

test.concurrent('a message that is stored: its trace ends with what its sender was told', async () => {
  alice.msg('carol', 'away', BODY);
  await alice.next('ack:N', { id: 'away', state: 'stored' });
  expect(await traceOf('away', 4)).toEqual([
    'sixfold-gateway accept accepted',
    'sixfold-routing store stored',
    'sixfold-routing receipt live',
    'sixfold-gateway notify stored',
  ]);
});

test.concurrent('a message that comes back from a gateway stays in its trace', async () => {
  await using dora = await connectAs(stack, stack.gateways[0], 'dora');
  alice.msg('dora', 'back', BODY);
  await dora.next('msg:N', { id: 'back' });
  await dora.close();
  await alice.next('ack:N', { id: 'back', state: 'stored' });
  const steps = await traceOf('back', 6);
  expect(steps).toContain('sixfold-gateway deliver disconnected');
  expect(steps).toContain('sixfold-routing store stored');
});

test('the collector is shown the key, no body and no token; and what it got is counted', async () => {
  expect([...keys]).toEqual([KEY]);
  const token = await stack.token('alice');
  const said = exports.map(({ text }) => text).join('\n');
  for (const secret of [BODY, token.split('.').at(-1) ?? '', stack.secret, KEY])
    expect(said).not.toContain(secret);
  const [gateway] = stack.gateways;
  if (!gateway) throw new Error('there is a gateway');
  const metrics = await stack.metrics(gateway);
  expect(metrics.value('sixfold_spans_total', { outcome: 'exported' })).toBeGreaterThan(8);
  expect(metrics.value('sixfold_spans_total', { outcome: 'failed' })).toBe(0);
});

test('a collector that is gone is in nobody’s way: messages go on, and services stop in order', async () => {
  collector.close().closeAllConnections();
  alice.msg('carol', 'alone', BODY);
  await alice.next('ack:N', { id: 'alone', state: 'stored' });
  await stack.stop(); // throws if a service hangs, or ends with anything but 0
});
