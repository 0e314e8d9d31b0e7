import { describe, expect, test } from 'vitest';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';

const message = (n: number) => ({ key: `k${n}`, id: `m${n}`, from: 'bob', body: n, at: n });
const receipt = (n: number, state = 'delivered') => ({ key: `r${n}`, id: `o${n}`, to: 'bob', state, at: n });
const refusal = (type: string, code = 'unavailable') => ({ type: 'error', code, message: '', re: { type } });

async function pulling(handler: (id: string) => unknown = () => undefined) {
  const made = setup();
  made.client.onMessage(({ id }) => handler(id));
  const connection = await comeOnline(made, { mailbox: false });
  return { ...made, connection };
}

describe('PROTOCOL, what a client must do, 5: the mailbox', () => {
  test('is asked for after every login, delivered, confirmed with all keys, and asked again while there is more', async () => {
    const handed: string[] = [];
    const { connection } = await pulling((id) => handed.push(id));
    expect(connection.take('offline:R')).toEqual({ type: 'offline:R', limit: 100 });
    await connection.mailbox({ messages: [message(1), message(2)], receipts: [receipt(1)], more: true });
    expect(handed).toEqual(['m1', 'm2']);
    // First the confirmation, then the next question.
    expect(connection.received.map(({ type }) => type)).toEqual(['offline:A', 'offline:R']);
    expect(connection.take('offline:A').keys.sort()).toEqual(['k1', 'k2', 'r1']);
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(3)] });
    expect(connection.take('offline:A').keys).toEqual(['k3']);
    expect(connection.received).toEqual([]);
  });

  test('is asked for again after a reconnect', async () => {
    const { connection, clock, gateway } = await pulling();
    connection.take('offline:R');
    await connection.close(1006);
    await clock.advance(500);
    await comeOnline({ gateway }); // takes the offline:R
  });

  test('an empty one needs no confirmation', async () => {
    const { connection } = await pulling();
    connection.take('offline:R');
    await connection.mailbox();
    expect(connection.received).toEqual([]);
  });

  test('is not confirmed before the application has it', async () => {
    let end: () => void = () => undefined;
    const { connection } = await pulling(() => new Promise<void>((resolve) => (end = resolve)));
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)], more: true });
    expect(connection.received).toEqual([]);
    end();
    await settle();
    expect(connection.received.map(({ type }) => type)).toEqual(['offline:A', 'offline:R']);
  });

  test('a batch of an earlier connection is not confirmed on the next', async () => {
    let end: () => void = () => undefined;
    const { connection, clock, gateway } = await pulling(
      () => new Promise<void>((resolve) => (end = resolve)),
    );
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)] });
    await connection.close(1006);
    await clock.advance(500);
    const next = await comeOnline({ gateway });
    end();
    await settle();
    expect(next.received).toEqual([]);
  });

  test('more than 500 keys are confirmed in parts', async () => {
    const { connection } = await pulling();
    connection.take('offline:R');
    await connection.mailbox({ messages: Array.from({ length: 501 }, (_, n) => message(n)) });
    expect(connection.takeAll('offline:A').map(({ keys }) => keys.length)).toEqual([500, 1]);
  });
});

describe('the hint', () => {
  test('asks for the mailbox', async () => {
    const { connection } = await online();
    await connection.mailbox({ more: true });
    connection.take('offline:R');
  });

  test('while the mailbox is read asks once more after it, and not beside it', async () => {
    const { connection } = await pulling();
    connection.take('offline:R');
    await connection.mailbox({ more: true });
    expect(connection.received).toEqual([]);
    await connection.mailbox({ messages: [message(1)] });
    expect(connection.received.map(({ type }) => type)).toEqual(['offline:A', 'offline:R']);
  });

  test('while a batch is with the application waits for its confirmation', async () => {
    let end: () => void = () => undefined;
    const { connection } = await pulling(() => new Promise<void>((resolve) => (end = resolve)));
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)] });
    await connection.mailbox({ more: true });
    expect(connection.received).toEqual([]);
    end();
    await settle();
    expect(connection.received.map(({ type }) => type)).toEqual(['offline:A', 'offline:R']);
  });
});

describe('a mailbox that cannot be read', () => {
  test('is asked again when it is not answered', async () => {
    const { connection, clock } = await pulling();
    connection.take('offline:R');
    await clock.advance(9_999);
    expect(connection.received).toEqual([]);
    await clock.advance(1);
    connection.take('offline:R');
  });

  test('is asked again with backoff when it is refused', async () => {
    const { connection, clock } = await pulling();
    for (const pause of [2_000, 4_000, 8_000]) {
      connection.take('offline:R');
      await connection.send(refusal('offline:R'));
      await clock.advance(pause - 1);
      expect(connection.received).toEqual([]);
      await clock.advance(1);
    }
    connection.take('offline:R');
  });

  test('is not asked again after a permanent refusal', async () => {
    const { connection, clock, errors } = await pulling();
    connection.take('offline:R');
    await connection.send(refusal('offline:R', 'bad_packet'));
    await clock.advance(60_000);
    expect(connection.received).toEqual([]);
    expect(errors).toMatchObject([{ serverCode: 'bad_packet' }]);
  });

  test('a refused offline:A is not sent again; the entries come again and are confirmed then', async () => {
    const handed: string[] = [];
    const { connection, clock } = await pulling((id) => handed.push(id));
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)] });
    connection.take('offline:A');
    await connection.send(refusal('offline:A'));
    expect(connection.received).toEqual([]);
    await clock.advance(2_000);
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)] });
    expect(connection.take('offline:A').keys).toEqual(['k1']);
    expect(handed).toEqual(['m1']);
  });

  test('what the handler could not take is not confirmed, and asked for again after a while, not at once', async () => {
    let broken = true;
    const { connection, clock } = await pulling((id) => {
      if (broken && id === 'm1') throw new Error('boom');
    });
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1), message(2)], more: true });
    expect(connection.take('offline:A').keys).toEqual(['k2']);
    expect(connection.received).toEqual([]);
    await clock.advance(1_999);
    expect(connection.received).toEqual([]);
    await clock.advance(1);
    expect(connection.take('offline:R').limit).toBe(500); // look beyond what is stuck
    broken = false;
    await connection.mailbox({ messages: [message(1)] });
    expect(connection.take('offline:A').keys).toEqual(['k1']);
  });

  test('without a handler messages stay in the mailbox, and receipts do not', async () => {
    const { client, connection, clock } = await online({}, { mailbox: false });
    const receipts: string[] = [];
    client.onReceipt(({ id }) => receipts.push(id));
    connection.take('offline:R');
    await connection.mailbox({ messages: [message(1)], receipts: [receipt(1)], more: true });
    expect(connection.take('offline:A').keys).toEqual(['r1']);
    expect(receipts).toEqual(['o1']);
    await clock.advance(100_000);
    expect(connection.received).toEqual([]);
    client.onMessage(() => undefined);
    await settle();
    connection.take('offline:R');
  });
});

describe('an answer that comes twice, as after a failure of the broker', () => {
  const page = (from: number, more: boolean) => ({
    messages: Array.from({ length: 3 }, (_, n) => message(from + n)),
    more,
  });

  test.each([
    ['at once', 0],
    ['a page later', 1],
  ])(
    '%s: nothing is delivered twice, one question is open at a time, all of it is read',
    async (_when, late) => {
      const handed: string[] = [];
      const { connection } = await pulling((id) => handed.push(id));
      for (const [n, from] of [1, 4, 7, 10].entries()) {
        expect(connection.takeAll('offline:R').length, `questions before page ${n}`).toBe(1);
        await connection.mailbox(page(from, from < 10));
        if (n >= late) await connection.mailbox(page(from - 3 * late, from - 3 * late < 10));
        if (n < 3) expect(connection.received.filter(({ type }) => type === 'offline:R').length).toBe(1);
      }
      expect(connection.takeAll('offline:R')).toEqual([]);
      expect(handed).toEqual(Array.from({ length: 12 }, (_, n) => `m${n + 1}`));
      const keys = new Set(connection.takeAll('offline:A').flatMap((packet) => packet.keys));
      expect(keys.size).toBe(12);
    },
  );

  test('does not count as the answer to the next question, which is still waited for', async () => {
    const { connection, clock } = await pulling();
    connection.take('offline:R');
    await connection.mailbox(page(1, true));
    connection.take('offline:R');
    await connection.mailbox(page(1, true));
    await clock.advance(9_999);
    expect(connection.takeAll('offline:R')).toEqual([]);
    await clock.advance(1);
    connection.take('offline:R');
  });

  test('an empty one does no harm', async () => {
    const { connection } = await pulling();
    connection.take('offline:R');
    await connection.mailbox();
    await connection.mailbox();
    expect(connection.received).toEqual([]);
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox(page(1, false));
    expect(connection.take('offline:A').keys.length).toBe(3);
  });
});

describe('receipts', () => {
  test('for messages of an earlier run go to the receipt handler, and are confirmed when it is through', async () => {
    const { client, connection } = await online({}, { mailbox: false });
    let end: () => void = () => undefined;
    const receipts: unknown[] = [];
    client.onReceipt((item) => {
      receipts.push(item);
      return new Promise<void>((resolve) => (end = resolve));
    });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [{ ...receipt(1, 'rejected'), reason: 'expired' }] });
    expect(receipts).toEqual([{ id: 'o1', to: 'bob', state: 'rejected', at: 1, reason: 'expired' }]);
    expect(connection.received).toEqual([]);
    end();
    await settle();
    expect(connection.take('offline:A').keys).toEqual(['r1']);
  });

  test('that the handler could not take are not confirmed', async () => {
    const { client, connection, clock, errors } = await online({}, { mailbox: false });
    client.onMessage(() => undefined);
    client.onReceipt(() => {
      throw new Error('boom');
    });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [receipt(1)] });
    expect(connection.received).toEqual([]);
    expect(errors).toMatchObject([{ code: 'handler' }]);
    await clock.advance(2_000);
    connection.take('offline:R');
  });

  test('from the mailbox end an outbox entry as ack:N does', async () => {
    const { client, connection, storage } = await online();
    const sent = client.send('bob', 1, { id: 'o1' });
    await settle();
    await connection.mailbox({ more: true });
    connection.take('offline:R');
    await connection.mailbox({ receipts: [receipt(1, 'stored')] });
    expect(sent.state).toBe('stored');
    expect((await storage.load()).outbox).toEqual([]);
  });

  test('a repeated one is no news', async () => {
    const { client, connection } = await online();
    const receipts: unknown[] = [];
    client.onReceipt((item) => receipts.push(item));
    client.send('bob', 1, { id: 'o1' });
    await settle();
    const ackN = { ...receipt(1), type: 'ack:N' };
    await connection.send(ackN, ackN);
    await connection.mailbox({ receipts: [receipt(1)] });
    expect(connection.take('offline:A').keys).toEqual(['r1']);
    expect(receipts).toEqual([]);
  });
});
