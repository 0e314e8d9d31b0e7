import { expect, test } from 'vitest';
import { AdminError } from '../admin/errors.ts';
import { isToken } from './access/gate.ts';
import { readConsoleConfig } from './config.ts';
import { answerTo } from './errors.ts';
import { OneAtATime, Running } from './running.ts';
import { shownStep } from './trace/logs.ts';

const TOKEN = 't'.repeat(32);

test('a token is right as a whole only', () => {
  expect(isToken(TOKEN, TOKEN)).toBe(true);
  for (const wrong of ['', 't', TOKEN.slice(1), `${TOKEN}t`, 'é'.repeat(32)])
    expect(isToken(wrong, TOKEN)).toBe(false);
});

test('without a token of its own, or with a short one, it does not start', () => {
  expect(readConsoleConfig({ CONSOLE_TOKEN: TOKEN })).toMatchObject({ CONSOLE_HOST: '127.0.0.1' });
  expect(() => readConsoleConfig({})).toThrow('CONSOLE_TOKEN must be set');
  expect(() => readConsoleConfig({ CONSOLE_TOKEN: 'short' })).toThrow('at least 32');
  expect(() => readConsoleConfig({ CONSOLE_TOKEN: TOKEN, METRICS_URLS: 'x' })).toThrow('METRICS_URLS');
});

test('errors say what to do; the text of a bug stays in the log', () => {
  const { status, answer } = answerTo(new AdminError('broker_unreachable', 'the broker: refused'));
  expect([status, answer.message]).toEqual([503, 'the broker: refused']);
  expect(answer.advice).toMatch(/AMQP_URL/);
  expect(answerTo(new Error('postgres://user:password@host')).answer).toMatchObject({
    code: 'failed',
    message: 'an unexpected error',
  });
});

test('a step shows short plain values only', () => {
  const more = { gateway: 'g1', reason: 'no_session', n: 2, body: { secret: 1 }, long: 'x'.repeat(201) };
  expect(shownStep({ t: 1, service: 'gateway', pid: 5, step: 'msg:N', more })).toEqual({
    ...{ t: 1, who: 'g1', step: 'msg:N' },
    details: { reason: 'no_session', n: 2 },
  });
});

test('tasks go one after the other, also after a failure; a close waits for those under way', async () => {
  const [inTurn, running, order] = [new OneAtATime(), new Running(), [] as string[]];
  const gate = Promise.withResolvers<undefined>();
  const first = inTurn.run(async () => {
    await gate.promise;
    order.push('first');
    throw new Error('it fails');
  });
  const second = running.add(inTurn.run(() => Promise.resolve(order.push('second'))));
  const closed = running.close().then(() => order.push('closed'));
  gate.resolve(undefined);
  await expect(first).rejects.toThrow('it fails');
  await second;
  await closed;
  expect(order).toEqual(['first', 'second', 'closed']);
  expect(running.closed).toBe(true);
});
