import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff } from '#libs/runtime/backoff.ts';
import { BrokerError, type BrokerFailure } from './errors.ts';
import { OrderedPublisher, type OrderedPublisherOptions } from './ordered-publisher.ts';

/** A publisher whose publishes are settled by hand. */
class ByHand {
  stopped = false;
  readonly published: string[] = [];
  readonly open: { name: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly ready = () => Promise.resolve();

  publish(_exchange: string, routingKey: string, content: Buffer): Promise<void> {
    const name = `${routingKey}:${String(content)}`;
    this.published.push(name);
    return new Promise((resolve, reject) => this.open.push({ name, resolve, reject }));
  }

  confirm(...names: string[]): Promise<void> {
    return this.#settle(names, ({ resolve }) => resolve());
  }

  fail(code: BrokerFailure, ...names: string[]): Promise<void> {
    return this.#settle(names, ({ reject }) => reject(new BrokerError(code)));
  }

  async #settle(names: string[], settle: (open: ByHand['open'][number]) => void): Promise<void> {
    for (const name of names) {
      const at = this.open.findIndex((open) => open.name === name);
      const [open] = this.open.splice(at, 1);
      if (at < 0 || !open) throw new Error(`${name} is not under way`);
      settle(open);
    }
    await turns();
  }
}

/** The pauses of a test are none. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 20));
const backoff = () => new Backoff({ baseMs: 0, maxMs: 0 });

function start(count: number, options: Partial<OrderedPublisherOptions> = {}) {
  const publisher = new ByHand();
  const inOrder = new OrderedPublisher({
    publisher,
    exchange: '',
    routingKey: 'q',
    backoff: backoff(),
    ...options,
  });
  const done: string[] = [];
  const send = (name: string) =>
    void inOrder.send(Buffer.from(name)).then(
      () => done.push(name),
      () => done.push(`${name} failed`),
    );
  for (let n = 1; n <= count; n++) send(String(n));
  return { publisher, done, send };
}

test('while nothing fails, groups are under way together, and done in order', async () => {
  const { publisher, done } = start(3);
  expect(publisher.published).toEqual(['q:1', 'q:2', 'q:3']);
  await publisher.confirm('q:2');
  expect(done).toEqual([]);
  await publisher.confirm('q:1', 'q:3');
  expect(done).toEqual(['1', '2', '3']);
});

test.each(['closed', 'nacked', 'timeout', 'blocked', 'not_connected', 'unroutable'] as const)(
  'after a failure (%s) the oldest goes first, alone, and all behind it again',
  async (code) => {
    const { publisher, done, send } = start(4);
    await publisher.confirm('q:1', 'q:3');
    await publisher.fail(code, 'q:2');
    send('5');
    await publisher.fail(code, 'q:4', 'q:2');
    expect(publisher.published.slice(4)).toEqual(['q:2', 'q:2']);
    await publisher.confirm('q:2');
    expect(publisher.published.slice(6)).toEqual(['q:3', 'q:4', 'q:5']);
    await publisher.confirm('q:3', 'q:4', 'q:5');
    expect(done).toEqual(['1', '2', '3', '4', '5']);
  },
);

test('what comes of a publish from before the failure says nothing any more', async () => {
  const { publisher, done } = start(2);
  await publisher.fail('blocked', 'q:1');
  await publisher.confirm('q:2', 'q:1'); // the first copy of 2
  expect(done).toEqual(['1']);
  expect(publisher.published).toEqual(['q:1', 'q:2', 'q:1', 'q:2']);
});

test('a queue that confirms nothing does not hold up the others: all that waits for it goes elsewhere', async () => {
  const { publisher, done, send } = start(2, { fallback: { afterMs: 10_000, routingKey: 'other' } });
  await publisher.fail('timeout', 'q:1', 'q:2'); // after 1.5 s
  await publisher.fail('timeout', 'q:1'); // 3 s
  await publisher.fail('timeout', 'q:1'); // 6 s
  await publisher.confirm('other:1');
  send('3');
  await publisher.confirm('other:2', 'q:3');
  expect(publisher.published.slice(4)).toEqual(['other:1', 'other:2', 'q:3']);
  expect(done).toEqual(['1', '2', '3']);
});

test('a publisher that is stopped fails all of them', async () => {
  const { publisher, done } = start(2);
  publisher.stopped = true;
  await publisher.fail('stopped', 'q:1', 'q:2');
  expect(done).toEqual(['1 failed', '2 failed']);
});

interface Loss {
  after: number;
  taken: number;
  late: boolean;
}

/**
 * A broker as one destination sees it: a channel loses what was published on it from some message on, tells so, and
 * may hand on the part before that at any later moment.
 */
class Lossy {
  readonly stopped = false;
  readonly queue: number[] = [];
  readonly ready = () => Promise.resolve();
  readonly #losses: readonly Loss[];
  #channel: { name: number; tell: (error?: Error) => void }[] = [];
  #late: number[] = [];
  #count = 0;
  #scheduled = false;

  /** @param losses after which publish, of how many unconfirmed ones a copy arrives, and whether that is late */
  constructor(losses: readonly Loss[]) {
    this.#losses = losses;
  }

  publish(_exchange: string, _routingKey: string, content: Buffer): Promise<void> {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#settle());
    }
    return new Promise((resolve, reject) =>
      this.#channel.push({
        name: Number(content),
        tell: (error) => (error ? reject(error) : resolve()),
      }),
    );
  }

  #settle(): void {
    this.#scheduled = false;
    const channel = this.#channel;
    this.#channel = [];
    const loss = this.#losses[this.#count++];
    const failsAt = loss ? loss.after % (channel.length + 1) : channel.length;
    const names = channel.map(({ name }) => name);
    this.queue.push(...names.slice(0, failsAt));
    if (loss) {
      // Unconfirmed, and in the queue all the same: at once, or behind what a newer channel brings.
      const unknown = names.slice(failsAt, failsAt + loss.taken);
      if (loss.late) this.#late.push(...unknown);
      else this.queue.push(...unknown);
    } else this.queue.push(...this.#late.splice(0));
    for (const [n, { tell }] of channel.entries())
      tell(n < failsAt ? undefined : new BrokerError(loss?.late === true ? 'timeout' : 'closed'));
  }
}

test('whatever fails, and whenever: the first copies arrive in order, and all of them', async () => {
  const loss = fc.record({ after: fc.nat(4), taken: fc.nat(4), late: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(loss, { maxLength: 6 }), async (losses) => {
      const publisher = new Lossy(losses);
      const inOrder = new OrderedPublisher({ publisher, exchange: '', routingKey: 'q', backoff: backoff() });
      const names = Array.from({ length: 12 }, (_, n) => n);
      for (let n = 0; n < names.length; n += 4)
        await Promise.all(names.slice(n, n + 4).map((name) => inOrder.send(Buffer.from(String(name)))));
      expect([...new Set(publisher.queue)]).toEqual(names);
    }),
    { numRuns: 50 },
  );
});
