import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { signalsTotal } from './metrics.ts';
import { SignalOutbox } from './signal-outbox.ts';

beforeEach(() => {
  vi.useFakeTimers();
  signalsTotal.reset();
});
afterEach(() => vi.useRealTimers());

function fixture() {
  const published: { routingKey: string; entries: unknown[]; count: number; bytes: number }[] = [];
  const outbox = new SignalOutbox((routingKey, content, count) =>
    published.push({
      routingKey,
      entries: JSON.parse(content.toString()) as unknown[],
      count,
      bytes: content.length,
    }),
  );
  return { outbox, published };
}

describe('SignalOutbox', () => {
  test('gathers signals for a moment: one AMQP message for each destination', () => {
    const { outbox, published } = fixture();
    outbox.add('one', '1', 1);
    outbox.add('two', '2', 5);
    outbox.add('one', '3', 2);
    expect(published).toEqual([]);
    vi.runAllTimers();
    expect(published).toMatchObject([
      { routingKey: 'one', entries: [1, 3], count: 3 },
      { routingKey: 'two', entries: [2], count: 5 },
    ]);
    outbox.add('one', '4', 1);
    vi.runAllTimers();
    expect(published.at(-1)).toMatchObject({ entries: [4], count: 1 });
  });

  test('publishes small AMQP messages, and drops what is too much for one moment', async () => {
    const { outbox, published } = fixture();
    const text = JSON.stringify('x'.repeat(1_000));
    for (let n = 0; n < 10_000; n++) outbox.add(`${n % 100}`, text, 1);
    vi.runAllTimers();
    const sent = published.reduce((sum, { count }) => sum + count, 0);
    const { values } = await signalsTotal.get();
    expect(sent + (values.find(({ labels }) => labels.outcome === 'dropped')?.value ?? 0)).toBe(10_000);
    expect(sent * text.length).toBeLessThanOrEqual(1024 * 1024);
    for (const { bytes } of published) expect(bytes).toBeLessThan(17 * 1024);
  });
});
