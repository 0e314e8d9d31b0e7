import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { DeadLetters } from '#libs/broker/dead-letters.ts';
import { Delivery, type DeliverySource } from '#libs/broker/delivery.ts';
import type { Gateway } from './gateway.ts';
import { GatewayConsumer } from './gateway-consumer.ts';

const MAX_UNSETTLED_BYTES = 2 * 1024 * 1024;
const BODY = JSON.stringify('x'.repeat(64 * 1024));

/** The gateway's queue, as long as its incarnation lasts. */
class Queue implements DeliverySource {
  readonly queue = 'sixfold.gateway.g.1';
  closed = false;
  closing = false;
  unfinished = 0;
  acknowledged = 0;
  started() {
    this.unfinished++;
  }
  ack() {
    this.acknowledged++;
  }
  finished() {
    this.unfinished--;
  }
}

/** A gateway whose way to `sixfold.returned` takes things and never confirms them. */
function stalled() {
  const asked: string[] = [];
  const gateway = {
    config: { GATEWAY_PREFETCH: 1_000, MAX_UNSETTLED_BYTES },
    sessions: new Map(),
    log: pino({ level: 'silent' }),
    returnToMailbox: () => undefined,
    questions: { lost: () => undefined },
    tokens: { forgetAll: () => undefined },
    publishers: { forgetReturned: () => asked.push('forget returned') },
  } as unknown as Gateway;
  const consumer = new GatewayConsumer(gateway, undefined as unknown as DeadLetters, {
    resetConsuming: () => asked.push('renew'),
    pauseConsuming: (paused) => asked.push(paused ? 'pause' : 'go on'),
  });
  let count = 0;
  const receive = (queue: Queue) => {
    const entry = {
      kind: 'message',
      session: 'nobody',
      from: 'a',
      id: `m${count}`,
      to: 'b',
      body: BODY,
      at: 1,
    };
    const content = Buffer.from(JSON.stringify([entry]));
    const fields = { deliveryTag: ++count, redelivered: false } as never;
    consumer.receive(new Delivery(queue, { fields, content } as never), content);
  };
  return { consumer, receive, asked };
}

test('while `sixfold.returned` confirms nothing, what is held is bounded: then the broker has it for the heirs', () => {
  const { consumer, receive, asked } = stalled();
  const queue = new Queue();
  for (let n = 0; n < 200; n++) receive(queue);
  expect(consumer.unsettledBytes).toBeLessThanOrEqual(MAX_UNSETTLED_BYTES);
  expect(queue.unfinished * BODY.length).toBeLessThanOrEqual(MAX_UNSETTLED_BYTES);
  expect(queue.acknowledged).toBe(0);
  expect(asked).toEqual(['pause', 'renew']);
  consumer.incarnationEnded(false);
  expect([consumer.unsettledBytes, asked.at(-1)]).toEqual([0, 'forget returned']);
  const next = new Queue();
  receive(next);
  expect(next.unfinished).toBe(1);
});
