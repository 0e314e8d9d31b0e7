import { expect, test } from 'vitest';
import { BrokerError } from './errors.ts';
import { BatchPublisher } from './batch-publisher.ts';
import type { Publisher } from './publisher.ts';

/** An entry that fills a group: no two share an AMQP message. */
const large = (name: number) => JSON.stringify({ name, padding: 'x'.repeat(200 * 1024) });

/** A broker whose connection is lost some times, with all that is under way, and then takes everything. */
function losing(times: number) {
  const taken: number[] = [];
  const failing: ((error: Error) => void)[] = [];
  const publisher = {
    stopped: false,
    ready: () => Promise.resolve(),
    publish: (_exchange: string, _key: string, content: Buffer) => {
      const [{ name }] = JSON.parse(String(content)) as [{ name: number }];
      if (times <= 0) {
        taken.push(name);
        return Promise.resolve();
      }
      if (failing.length === 0)
        setTimeout(() => {
          times--;
          for (const fail of failing.splice(0)) fail(new BrokerError('closed'));
        }, 5);
      return new Promise<void>((_resolve, reject) => failing.push(reject));
    },
  };
  return { publisher: publisher as unknown as Publisher, taken };
}

const names = Array.from({ length: 12 }, (_, n) => n);

test.each([1, 2, 3])(
  'after %i lost connections the groups of one destination arrive in order',
  async (times) => {
    const { publisher, taken } = losing(times);
    const batches = new BatchPublisher({ publisher, exchange: '', routingKey: 'q', stage: 'test' });
    const settled: number[] = [];
    for (const name of names) batches.add(large(name), { settled: () => settled.push(name) });
    await batches.drained();
    expect(taken).toEqual(names);
    expect(settled).toEqual(names);
  },
);

test('with a time limit nothing is published again: who waits is told, and what follows keeps its order', async () => {
  const { publisher, taken } = losing(1);
  const batches = new BatchPublisher({
    publisher,
    exchange: '',
    routingKey: 'q',
    stage: 'test',
    timeoutMs: 60_000,
  });
  const settled: string[] = [];
  for (const name of names)
    batches.add(large(name), { settled: (error) => settled.push(`${name} ${error ? 'failed' : 'taken'}`) });
  await batches.drained();
  expect(settled).toEqual(names.map((name) => `${name} ${name < 4 ? 'failed' : 'taken'}`));
  expect(taken).toEqual(names.slice(4));
});
