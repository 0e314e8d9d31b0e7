import { describe, expect, test } from 'vitest';
import type { Client } from '../client.ts';
import { MemoryStorage } from '../storage/memory.ts';
import type { FakeConnection } from '../testing/fake-gateway.ts';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';

const msgA = (id: string) => ({ type: 'msg:A', id, at: 1 }) as const;
const ackN = (id: string) => ({ type: 'ack:N', id, to: 'bob', state: 'delivered', at: 2 }) as const;
const refusal = (code: string, id: string) =>
  ({ type: 'error', code, message: '', re: { type: 'msg:R', id } }) as const;

async function sendAll(client: Client, ...ids: string[]): Promise<void> {
  for (const id of ids) client.send('bob', id, { id });
  await settle();
}

const acceptAll = async (connection: FakeConnection, ...ids: string[]) => connection.send(...ids.map(msgA));

describe('PROTOCOL, what a client must do, 1: the outbox', () => {
  /** A storage that writes when it is told to. */
  function slowStorage() {
    const storage = new MemoryStorage();
    const write = storage.write.bind(storage);
    const slow: { storage: MemoryStorage; written: () => void } = { storage, written: () => undefined };
    storage.write = async (changes) => {
      if (changes.some((change) => change.do === 'outbox.put')) {
        await new Promise<void>((resolve) => (slow.written = resolve));
      }
      await write(changes);
    };
    return slow;
  }

  test('a message is in storage before it is sent', async () => {
    const slow = slowStorage();
    const { client, connection } = await online({ storage: slow.storage });
    await sendAll(client, 'm1');
    expect(connection.takeIds()).toEqual([]);
    slow.written();
    await settle();
    expect(connection.takeIds()).toEqual(['m1']);
  });

  test('also one that is written while the connection comes', async () => {
    const slow = slowStorage();
    const made = setup({ storage: slow.storage });
    await sendAll(made.client, 'm1');
    const connection = await comeOnline(made);
    expect(connection.takeIds()).toEqual([]);
    slow.written();
    await settle();
    expect(connection.takeIds()).toEqual(['m1']);
  });

  test('a message that is given up before it is written is never sent', async () => {
    const slow = slowStorage();
    const { client, clock, connection } = await online({ storage: slow.storage });
    const message = client.send('bob', 1, { id: 'm1' });
    await settle();
    message.cancel();
    slow.written();
    await clock.advance(10_000);
    expect(connection.takeIds()).toEqual([]);
    expect((await slow.storage.load()).outbox).toEqual([]);
  });

  test('survives a restart, goes out before what is new, and is known as an object again', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage });
    await sendAll(first.client, 'm1', 'm2', 'm3');
    await acceptAll(first.connection, 'm1', 'm2');
    await first.connection.send(ackN('m1'));
    const second = setup({ storage: storage.clone() });
    const early = second.client.send('bob', 'm4', { id: 'm4' });
    const connection = await comeOnline(second);
    expect(connection.takeAll('msg:R').map(({ id, body }) => [id, body])).toEqual([
      ['m3', 'm3'],
      ['m4', 'm4'],
    ]);
    const states = second.client.outbox().map(({ id, state, to }) => `${id} ${state} ${String(to)}`);
    expect(states).toEqual(['m2 sent bob', 'm3 sending bob', 'm4 sending bob']);
    expect(second.client.outbox()[2]).toBe(early);
    await acceptAll(connection, 'm3', 'm4');
    await second.clock.advance(6_300); // m2 had its msg:A: its timer began with the login
    expect(connection.takeAll('msg:R').map(({ id, body }) => [id, body])).toContainEqual(['m2', 'm2']);
  });

  test('what was accepted before a restart can no longer fail', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage });
    await sendAll(first.client, 'm1');
    await acceptAll(first.connection, 'm1');
    const second = setup({ storage: storage.clone() });
    await settle();
    expect(second.client.outbox()[0]?.cancel()).toBe(false);
    expect(second.client.outbox()[0]?.state).toBe('sent');
  });

  test('a deadline goes on running over a restart', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage });
    first.client.send('bob', 1, { id: 'm1', deadlineMs: 10_000 });
    await first.clock.advance(9_000);
    const clock = new ManualClock();
    await clock.advance(9_000);
    const second = setup({ storage: storage.clone(), clock });
    const failed: string[] = [];
    second.client.onOutgoing(({ id, state, reason }) => failed.push(`${id} ${state} ${reason ?? ''}`));
    await second.clock.advance(1_100);
    expect(failed).toEqual(['m1 failed deadline']);
  });

  test('sending again under an id that the last run left is the same message', async () => {
    const storage = new MemoryStorage();
    const first = await online({ storage });
    await sendAll(first.client, 'm1', 'm2');
    const second = setup({ storage: storage.clone() });
    const same = second.client.send('bob', 'm1', { id: 'm1' });
    const other = second.client.send('bob', 'another', { id: 'm2' });
    const connection = await comeOnline(second);
    expect(connection.takeIds()).toEqual(['m1', 'm2']);
    expect(second.client.outbox()[0]).toBe(same);
    expect(other).toMatchObject({ state: 'failed', reason: 'id_in_use' });
    expect(other.retry()).toBe(false);
  });
});

describe('PROTOCOL, what a client must do, 2: the connection came back', () => {
  test('what has no msg:A is sent again at once, same ids, original order, not before login:A', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1', 'm2', 'm3', 'm4');
    await acceptAll(connection, 'm1', 'm3');
    await connection.send(ackN('m2'));
    await connection.close(1006);
    await sendAll(client, 'm5');
    await clock.advance(500);
    const next = gateway.last;
    expect(next).not.toBe(connection);
    await next.open();
    expect(next.takeIds()).toEqual([]);
    await next.login();
    expect(next.takeIds()).toEqual(['m4', 'm5']);
  });

  test('what has its msg:A waits for its own timer, and not for a new one', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1');
    await acceptAll(connection, 'm1');
    await clock.advance(4_000);
    await connection.close(1006);
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual([]);
    await clock.advance(1_700); // 6.2 s after it was sent, of 6.25 s
    expect(next.takeIds()).toEqual([]);
    await clock.advance(100);
    expect(next.takeIds()).toEqual(['m1']);
  });

  test('its timeout goes on growing, however often the connection comes back', async () => {
    const made = await online();
    await sendAll(made.client, 'm1');
    await acceptAll(made.connection, 'm1');
    const sentAt: number[] = [];
    let { connection } = made;
    connection.takeIds();
    for (let second = 0; second < 60; second++) {
      await made.clock.advance(500);
      sentAt.push(...connection.takeIds().map(() => second));
      if (second % 5 !== 4) await made.clock.advance(500);
      else {
        await connection.close(1006);
        made.client.reconnect();
        connection = await comeOnline(made);
        await made.clock.advance(500);
      }
    }
    expect(sentAt.length).toBeLessThanOrEqual(3); // 6.25 s, 12.5 s and 25 s after one another
    expect(sentAt.length).toBeGreaterThanOrEqual(2);
  });

  test('its receipt may be in the mailbox, which is read first, however late its timer is', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1', 'm2', 'm3');
    await acceptAll(connection, 'm1', 'm2', 'm3');
    await connection.close(1006);
    await clock.advance(100_000);
    client.reconnect();
    await settle();
    await gateway.last.open();
    await gateway.last.login({ mailbox: false });
    const next = gateway.last;
    await clock.advance(5_000);
    expect(next.takeIds()).toEqual([]);
    const receipt = { key: 'r1', id: 'm2', to: 'bob', state: 'delivered', at: 2 };
    await next.mailbox({ receipts: [receipt], more: true });
    expect(next.takeIds()).toEqual([]);
    await next.mailbox();
    await clock.advance(100);
    expect(next.takeIds()).toEqual(['m1', 'm3']);
  });

  test('a mailbox that does not answer does not keep them for ever', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1');
    await acceptAll(connection, 'm1');
    await connection.close(1006);
    await clock.advance(500);
    await gateway.last.open();
    await gateway.last.login({ mailbox: false });
    await clock.advance(9_900);
    expect(gateway.last.takeIds()).toEqual([]);
    await clock.advance(200);
    expect(gateway.last.takeIds()).toEqual(['m1']);
  });

  test('an accepted one whose copy was refused holds nothing back on the next connection', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1');
    await acceptAll(connection, 'm1');
    connection.takeIds();
    await clock.advance(6_300);
    expect(connection.takeIds()).toEqual(['m1']);
    await connection.send(refusal('unavailable', 'm1'));
    await connection.close(1006);
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    await sendAll(client, 'm2');
    expect(next.takeIds()).toContain('m2');
  });

  test('nothing is sent before the first login:A, nor after bye', async () => {
    const { client, gateway } = setup();
    await sendAll(client, 'm1');
    await gateway.last.open();
    expect(gateway.last.takeIds()).toEqual([]);
    await gateway.last.login();
    expect(gateway.last.takeIds()).toEqual(['m1']);
    await gateway.last.send({ type: 'bye', reason: 'draining', reconnectAfterMs: 100 });
    await sendAll(client, 'm2');
    expect(gateway.last.takeIds()).toEqual([]);
  });
});

describe('PROTOCOL, what a client must do, 2: refused for now', () => {
  test.each(['unavailable', 'rate_limited', 'window_full'])(
    '%s: sent again after a pause, and nothing newer before it is accepted',
    async (code) => {
      const { client, clock, connection } = await online();
      await sendAll(client, 'm1', 'm2', 'm3');
      connection.takeIds();
      await acceptAll(connection, 'm1', 'm3');
      await connection.send(refusal(code, 'm2'));
      await sendAll(client, 'm4');
      await clock.advance(199);
      expect(connection.takeIds()).toEqual([]);
      await clock.advance(1);
      expect(connection.takeIds()).toEqual(['m2']);
      await clock.advance(1_000);
      expect(connection.takeIds()).toEqual([]);
      await acceptAll(connection, 'm2');
      expect(connection.takeIds()).toEqual(['m4']);
      expect(client.outbox().map(({ state }) => state)).toEqual(['sent', 'sent', 'sent', 'sending']);
    },
  );

  test('when a whole pipeline is refused, it goes out again one by one, in order', async () => {
    const { client, clock, connection } = await online();
    await sendAll(client, 'm1', 'm2', 'm3', 'm4');
    connection.takeIds();
    await connection.send(
      refusal('unavailable', 'm2'),
      refusal('unavailable', 'm3'),
      refusal('unavailable', 'm4'),
    );
    await acceptAll(connection, 'm1');
    await clock.advance(200);
    const order: string[] = [];
    for (let round = 0; round < 3; round++) {
      const ids = connection.takeIds();
      order.push(...ids);
      expect(ids.length).toBe(1);
      await acceptAll(connection, ...ids);
    }
    expect(order).toEqual(['m2', 'm3', 'm4']);
    await sendAll(client, 'm5', 'm6');
    expect(connection.takeIds()).toEqual(['m5', 'm6']);
  });

  test('the pause doubles while it goes on, and is short again after an acceptance', async () => {
    const { client, clock, connection } = await online();
    await sendAll(client, 'm1');
    for (const pause of [200, 400, 800, 1600]) {
      expect(connection.takeIds()).toEqual(['m1']);
      await connection.send(refusal('unavailable', 'm1'));
      await clock.advance(pause - 1);
      expect(connection.takeIds()).toEqual([]);
      await clock.advance(1);
    }
    await acceptAll(connection, 'm1');
    await sendAll(client, 'm2');
    connection.takeIds();
    await connection.send(refusal('unavailable', 'm2'));
    await clock.advance(200);
    expect(connection.takeIds()).toEqual(['m2']);
  });

  test('a window that is refused over some time makes one pause, not a longer one for each', async () => {
    const { client, clock, connection } = await online();
    const ids = Array.from({ length: 50 }, (_, index) => `m${index}`);
    await sendAll(client, ...ids);
    connection.takeIds();
    for (const id of ids) {
      await connection.send(refusal('unavailable', id));
      await clock.advance(10);
    }
    expect(connection.takeIds()).toEqual(['m0']);
    await connection.send(refusal('unavailable', 'm0'));
    await clock.advance(400);
    expect(connection.takeIds()).toEqual(['m0']);
  });

  test('giving up the refused message lets the newer ones go', async () => {
    const { client, clock, connection } = await online();
    const first = client.send('bob', 1, { id: 'm1' });
    await settle();
    connection.takeIds();
    await connection.send(refusal('unavailable', 'm1'));
    await sendAll(client, 'm2');
    first.cancel();
    await clock.advance(200);
    expect(connection.takeIds()).toEqual(['m2']);
  });

  test('the connection coming back ends the pause, not the order', async () => {
    const { client, clock, connection, gateway } = await online({
      tuning: { refused: { baseMs: 60_000, maxMs: 60_000 } },
    });
    await sendAll(client, 'm1', 'm2');
    await connection.send(refusal('unavailable', 'm1'));
    await connection.close(1006);
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual(['m1']);
    await acceptAll(next, 'm1');
    expect(next.takeIds()).toEqual(['m2']);
  });

  test('an acceptance that comes after all counts', async () => {
    const { client, clock, connection } = await online();
    await sendAll(client, 'm1');
    connection.takeIds();
    await connection.send(refusal('unavailable', 'm1'), msgA('m1'));
    await sendAll(client, 'm2');
    expect(connection.takeIds()).toEqual(['m2']);
    await clock.advance(1_000);
    expect(connection.takeIds()).toEqual([]);
    await clock.advance(6_000);
    expect(connection.takeIds()).toEqual(['m1', 'm2']); // still without ack:N
  });
});

describe('PROTOCOL, what a client must do, 2: no ack:N in time', () => {
  test('the timeout doubles from 5 s to 60 s, with jitter', async () => {
    const { client, clock, connection } = await online();
    await sendAll(client, 'm1');
    const gaps: number[] = [];
    let last = clock.now();
    connection.takeIds();
    while (gaps.length < 6) {
      await clock.advance(50);
      if (connection.takeIds().length === 0) continue;
      gaps.push(clock.now() - last);
      last = clock.now();
      await acceptAll(connection, 'm1');
    }
    // The jitter is at its longest in these tests: a quarter more.
    expect(gaps).toEqual([6_250, 12_500, 25_000, 50_000, 75_000, 75_000]);
  });

  test('begins anew on a new connection', async () => {
    const { client, clock, connection, gateway } = await online();
    await sendAll(client, 'm1');
    await clock.advance(19_000);
    expect(connection.takeIds().length).toBe(3);
    await connection.close(1006);
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    expect(next.takeIds()).toEqual(['m1']);
    await clock.advance(6_300);
    expect(next.takeIds()).toEqual(['m1']);
  });

  test('several that are overdue go in the original order', async () => {
    const { client, clock, connection } = await online();
    const ids = Array.from({ length: 20 }, (_, index) => `m${index}`);
    for (const id of ids) {
      await sendAll(client, id);
      await clock.advance(1);
    }
    connection.takeIds();
    await clock.advance(6_400);
    expect(connection.takeIds()).toEqual(ids);
  });
});

describe('the limits of the session', () => {
  test('no more than the send window without msg:A', async () => {
    const { client, connection } = await online({}, { limits: { sendWindow: 3 } });
    await sendAll(client, 'm1', 'm2', 'm3', 'm4', 'm5');
    expect(connection.takeIds()).toEqual(['m1', 'm2', 'm3']);
    await acceptAll(connection, 'm2');
    expect(connection.takeIds()).toEqual(['m4']);
    await connection.send(ackN('m1'));
    expect(connection.takeIds()).toEqual(['m5']);
  });

  test('a full window does not keep an overdue message of it from being sent again', async () => {
    const { client, clock, connection } = await online({}, { limits: { sendWindow: 2 } });
    await sendAll(client, 'm1', 'm2', 'm3');
    expect(connection.takeIds()).toEqual(['m1', 'm2']);
    await clock.advance(6_300);
    expect(connection.takeIds()).toEqual(['m1', 'm2']);
  });

  test('the window is as large as before after many connections', async () => {
    const made = await online({}, { limits: { sendWindow: 2 } });
    let { connection } = made;
    await sendAll(made.client, 'm1', 'm2', 'm3');
    for (let round = 0; round < 3; round++) {
      expect(connection.takeIds()).toEqual(['m1', 'm2']);
      await connection.close(1006);
      await made.clock.advance(500 * 2 ** round);
      connection = await comeOnline(made, { limits: { sendWindow: 2 } });
    }
    await acceptAll(connection, 'm1', 'm2');
    expect(connection.takeIds()).toEqual(['m1', 'm2', 'm3']);
  });

  test('no more than the rate', async () => {
    const { client, clock, connection } = await online({}, { limits: { sendWindow: 1e6, ratePerS: 100 } });
    await sendAll(client, ...Array.from({ length: 1000 }, (_, index) => `m${index}`));
    const first = connection.takeIds().length;
    expect(first).toBeLessThanOrEqual(100);
    expect(first).toBeGreaterThan(90);
    await clock.advance(2_000);
    const then = connection.takeIds().length;
    expect(then).toBeLessThanOrEqual(200);
    expect(then).toBeGreaterThan(180);
  });
});
