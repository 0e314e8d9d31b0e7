import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { spansTotal } from './metrics.ts';
import { EXPORT_AT_A_TIME, exportSpans, MAX_WAITING } from './otel.ts';
import { firstSpan, nextSpan } from './spans.ts';

/** A collector that is not there. */
const options = {
  service: 'test',
  instance: 'test-1',
  endpoint: 'http://127.0.0.1:1/',
  headers: {},
  share: 1,
  log: createLogger('test', 'silent'),
};

async function counts(): Promise<Record<string, number>> {
  const { values } = await spansTotal.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome ?? '', value]));
}

test('without a collector there are no spans', () => {
  expect(firstSpan('accept', 'alice', 'm1')).toBeUndefined();
});

test('while the collector takes nothing, a bounded number of spans waits; the rest is dropped, and all is counted', async () => {
  const collector = createServer((_request, response) => response.writeHead(400).end());
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const stop = exportSpans({ ...options, endpoint: `http://127.0.0.1:${port}/` });
  const kept = EXPORT_AT_A_TIME + MAX_WAITING; // the first ones are on their way
  for (let n = 0; n < kept + 100; n++) firstSpan('accept', 'alice', `m${n}`)?.end('accepted');
  expect(await counts()).toEqual({ exported: 0, failed: 0, dropped: 100 });
  await stop();
  await expect.poll(counts).toEqual({ exported: 0, failed: kept, dropped: 100 });
  expect(firstSpan('accept', 'alice', 'late')).toBeUndefined();
  collector.close();
});

test('who is not to be traced at the first step is not at any later one', async () => {
  const stop = exportSpans({ ...options, share: 0 });
  expect(firstSpan('accept', 'alice', 'm1')).toBeUndefined();
  expect(nextSpan('route', undefined, 'alice', 'm1')).toBeUndefined();
  expect(nextSpan('route', '', 'alice', 'm1')).toBeUndefined();
  await stop();
});

test('a step follows the one before, whoever decided that the message is traced', async () => {
  const stop = exportSpans({ ...options, share: 0 });
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const span = nextSpan('route', `00-${trace}-b7ad6b7169203331-01`, 'alice', 'm1');
  expect(span?.traceparent).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  span?.end('live');
  span?.end('live');
  await stop();
});
