import { describe, expect, test } from 'vitest';
import type { FakeConnection } from '../testing/fake-gateway.ts';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, setup } from '../testing/setup.ts';

const live = (n: number, from = 'bob') => ({ type: 'msg:N', id: `m${n}`, from, body: n, at: n });
const entry = (n: number, from = 'bob') => ({ key: `k${n}`, id: `m${n}`, from, body: n, at: n });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const names = (from: number, to: number) => range(from, to).map((n) => `m${n}`);

/** A client that has logged in, and whose mailbox has not answered. */
async function loggedIn(options: Parameters<typeof setup>[0] = {}, withHandler = true) {
  const made = setup(options);
  const handed: string[] = [];
  const listen = () => made.client.onMessage(({ id }) => void handed.push(id));
  if (withHandler) listen();
  const connection = await comeOnline(made, { mailbox: false });
  return { ...made, connection, handed, listen };
}

const answered = (connection: FakeConnection) => connection.takeAll('ack:R').map(({ id }) => id);

describe('a receiver comes back while its sender goes on', () => {
  test('the mailbox first, page by page, then what came live, in order; all of it confirmed', async () => {
    const { connection, handed } = await loggedIn();
    await connection.send(live(200), live(201));
    await connection.mailbox({ messages: range(0, 100).map((n) => entry(n)), more: true });
    await connection.send(live(202));
    expect(handed).toEqual(names(0, 100));
    expect(answered(connection)).toEqual([]);
    await connection.mailbox({ messages: range(100, 200).map((n) => entry(n)) });
    expect(handed).toEqual(names(0, 203));
    expect(answered(connection)).toEqual(names(200, 203));
    expect(connection.takeAll('offline:A').flatMap(({ keys }) => keys).length).toBe(200);
    await connection.send(live(203));
    expect(handed.at(-1)).toBe('m203');
  });

  test('without waiting for the handlers of the last page to end, other senders apart', async () => {
    const made = setup();
    const handed: string[] = [];
    let end: () => void = () => undefined;
    made.client.onMessage(({ id, from }) => {
      handed.push(id);
      return from === 'bob' ? new Promise<void>((resolve) => (end = resolve)) : undefined;
    });
    const connection = await comeOnline(made, { mailbox: false });
    await connection.send(live(2), live(3, 'carol'));
    await connection.mailbox({ messages: [entry(1)] });
    expect(handed).toEqual(['m1', 'm3']);
    end();
    await settle();
    expect(handed).toEqual(['m1', 'm3', 'm2']);
  });

  test('a mailbox that does not answer: delivered all the same, and answered in time', async () => {
    const { connection, clock, handed } = await loggedIn();
    await connection.send(live(1), live(2));
    await clock.advance(4_900);
    expect(handed).toEqual([]);
    await clock.advance(100); // half of ackTimeoutMs
    expect(handed).toEqual(['m1', 'm2']);
    expect(answered(connection)).toEqual(['m1', 'm2']);
    await connection.send(live(3));
    expect(answered(connection)).toEqual(['m3']);
  });

  test('no more than a bounded number is held', async () => {
    const { connection, handed } = await loggedIn({ tuning: { maxHeld: 3 } });
    await connection.send(live(1), live(2), live(3));
    expect(handed).toEqual([]);
    await connection.send(live(4));
    expect(handed.slice(0, 3)).toEqual(['m1', 'm2', 'm3']); // m4 is more than maxHeld: the server keeps it
  });

  test('a session that is about to end: what waits is delivered in its time, or by the next', async () => {
    const { connection, clock, handed } = await loggedIn();
    await connection.send(live(1), { type: 'bye', reason: 'draining', reconnectAfterMs: 60_000 }, live(2));
    await clock.advance(5_000);
    expect(handed).toEqual(['m1', 'm2']);
    expect(answered(connection)).toEqual(['m1', 'm2']);
  });

  test('what the server took back meanwhile does not overtake what is older', async () => {
    const { connection, handed } = await loggedIn();
    await connection.send(live(5), live(6), live(1, 'carol'));
    await connection.mailbox({ messages: [entry(4), entry(7)], more: true });
    expect(handed).toEqual(['m4', 'm5', 'm6', 'm7']);
    await connection.mailbox();
    expect(handed).toEqual(['m4', 'm5', 'm6', 'm7', 'm1']);
  });

  test('a hint during the last page: the mailbox is not empty yet', async () => {
    const { connection, handed } = await loggedIn();
    await connection.send(live(9));
    await connection.mailbox({ more: true }); // something was stored
    await connection.mailbox({ messages: [entry(1)] });
    expect(handed).toEqual(['m1']);
    await connection.mailbox({ messages: [entry(2)] });
    expect(handed).toEqual(['m1', 'm2', 'm9']);
  });

  test('the same at the next login', async () => {
    const made = await loggedIn();
    await made.connection.mailbox();
    await made.connection.send(live(1));
    await made.connection.close(1006);
    await made.clock.advance(500);
    const next = await comeOnline(made, { mailbox: false });
    await next.send(live(3));
    expect(made.handed).toEqual(['m1']);
    await next.mailbox({ messages: [entry(2)] });
    expect(made.handed).toEqual(['m1', 'm2', 'm3']);
  });

  test('what was held when the connection ended is left to the server', async () => {
    const made = await loggedIn();
    await made.connection.send(live(2));
    await made.connection.close(1006);
    await made.clock.advance(500);
    const next = await comeOnline(made, { mailbox: false });
    await next.mailbox({ messages: [entry(1), entry(2)] });
    expect(made.handed).toEqual(['m1', 'm2']);
    expect(answered(next)).toEqual([]);
  });

  test('messages that the handler fails on do not keep the live ones back', async () => {
    const made = setup();
    const handed: string[] = [];
    made.client.onMessage(({ id }) => {
      if (id === 'm1') throw new Error('boom');
      handed.push(id);
    });
    const connection = await comeOnline(made, { mailbox: false });
    await connection.send(live(3));
    await connection.mailbox({ messages: [entry(1), entry(2)] });
    expect(handed).toEqual(['m2', 'm3']);
  });
});

describe('a handler that is set late', () => {
  test('gets the mailbox first, too', async () => {
    const { connection, handed, listen } = await loggedIn({}, false);
    await connection.mailbox({ messages: [entry(1), entry(2)] });
    await connection.send(live(3));
    listen();
    await settle();
    expect(handed).toEqual([]);
    await connection.mailbox({ messages: [entry(1), entry(2)] });
    expect(handed).toEqual(['m1', 'm2', 'm3']);
  });

  test('much later: the live ones went to the mailbox meanwhile; delivered once, in order', async () => {
    const { client, connection, clock, handed } = await loggedIn({}, false);
    await connection.mailbox({ messages: [entry(1)] });
    await connection.send(live(2), live(3));
    await clock.advance(11_000);
    await connection.mailbox({ more: true });
    client.onMessage(({ id }) => void handed.push(id));
    await settle();
    expect(handed).toEqual([]);
    await connection.mailbox({ messages: [entry(1), entry(2), entry(3)] });
    expect(handed).toEqual(['m1', 'm2', 'm3']);
    expect(connection.takeAll('offline:A').flatMap(({ keys }) => keys)).toEqual(['k1', 'k2', 'k3']);
  });

  test('much later, and the mailbox does not answer: the live ones do not wait for ever', async () => {
    const { connection, clock, handed, listen } = await loggedIn({}, false);
    await connection.mailbox({ messages: [entry(1)] });
    await connection.send(live(2));
    await clock.advance(11_000);
    listen();
    await clock.advance(5_000);
    expect(handed).toEqual(['m2']);
  });

  test('no more than a bounded number waits for it', async () => {
    const { connection, handed, listen } = await loggedIn({ tuning: { maxHeld: 3 } }, false);
    await connection.mailbox();
    await connection.send(...range(1, 10).map((n) => live(n)));
    listen();
    await settle();
    expect(handed).toEqual(['m1', 'm2', 'm3']);
  });
});
