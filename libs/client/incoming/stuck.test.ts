import { describe, expect, test } from 'vitest';
import { Skip } from '../errors.ts';
import { MemoryStorage } from '../storage/memory.ts';
import type { FakeConnection } from '../testing/fake-gateway.ts';
import { settle } from '../testing/manual-clock.ts';
import { comeOnline, setup } from '../testing/setup.ts';
import type { MessageHandler } from './message.ts';

interface Entry {
  readonly key: string;
  readonly id: string;
  readonly from: string;
  readonly body: unknown;
  readonly at: number;
}

const entry = (n: number, from = 'bob'): Entry => ({ key: `k${n}`, id: `m${n}`, from, body: n, at: n });
const entries = (from: number, to: number, sender?: string) =>
  Array.from({ length: to - from }, (_, n) => entry(from + n, sender));

/** A mailbox as the server keeps it: the oldest entries first, until they are confirmed. */
class Mailbox {
  entries: Entry[];
  /** As many fit into one answer. */
  readonly pageSize: number;

  constructor(content: Entry[], pageSize = 500) {
    this.entries = content;
    this.pageSize = pageSize;
  }

  /** Takes what was confirmed, and answers what was asked, as long as something comes. */
  async serve(connection: FakeConnection): Promise<void> {
    for (let round = 0; round < 100; round++) {
      const keys = new Set(connection.takeAll('offline:A').flatMap((packet) => packet.keys));
      this.entries = this.entries.filter(({ key }) => !keys.has(key));
      const [asked] = connection.takeAll('offline:R');
      if (asked) {
        const messages = this.entries.slice(0, Math.min(asked.limit ?? 100, this.pageSize));
        await connection.mailbox({ messages, more: messages.length < this.entries.length });
      } else if (keys.size === 0) return;
      await settle();
    }
    throw new Error('the client asks without end');
  }
}

async function reading(
  content: Entry[],
  handler: MessageHandler,
  options: Parameters<typeof setup>[0] & { pageSize?: number } = {},
) {
  const made = setup(options);
  made.client.onMessage(handler);
  const connection = await comeOnline(made, { mailbox: false });
  connection.received.unshift({ type: 'offline:R', limit: 100 });
  const mailbox = new Mailbox(content, options.pageSize);
  const live = { connection };
  const pass = async (ms: number, stepMs = 500) => {
    for (let at = 0; at < ms; at += stepMs) {
      await mailbox.serve(live.connection);
      await made.clock.advance(stepMs);
    }
    await mailbox.serve(live.connection);
  };
  return { ...made, live, mailbox, pass };
}

const never = () => new Promise<never>(() => undefined);
const codes = (errors: { code: string }[]) => [...new Set(errors.map(({ code }) => code))];

describe('a handler that never returns', () => {
  test('each entry is confirmed as its own handler ends', async () => {
    const { mailbox, live } = await reading([entry(1), entry(2, 'carol')], ({ from }) =>
      from === 'bob' ? never() : undefined,
    );
    await mailbox.serve(live.connection);
    expect(mailbox.entries.map(({ key }) => key)).toEqual(['k1']);
  });

  test('holds up its own sender only, is reported once, and the mailbox is read on', async () => {
    const handed: string[] = [];
    const content = [...entries(0, 300), ...entries(300, 1_000, 'carol')];
    const { mailbox, pass, errors } = await reading(content, ({ id, from }) => {
      handed.push(id);
      return from === 'bob' ? never() : undefined;
    });
    await pass(20_000);
    expect(handed.length).toBe(701); // one of bob's, all of carol's
    expect(mailbox.entries.every(({ from }) => from === 'bob')).toBe(true);
    expect(errors.filter(({ code }) => code === 'slow_handler').length).toBe(1);
    expect(errors[0]?.message).toContain('5000 ms');
  });

  test('also after a reconnect', async () => {
    const handed: string[] = [];
    const made = await reading([entry(1), entry(2)], ({ id, from }) => {
      handed.push(id);
      return from === 'bob' ? never() : undefined;
    });
    await made.pass(6_000);
    await made.live.connection.close(1006);
    await made.clock.advance(500);
    made.live.connection = await comeOnline(made, { mailbox: false });
    made.live.connection.received.unshift({ type: 'offline:R', limit: 100 });
    made.mailbox.entries.push(entry(3, 'carol'));
    await made.pass(1_000);
    expect(handed).toEqual(['m1', 'm3']);
    expect(made.mailbox.entries.map(({ id }) => id)).toEqual(['m1', 'm2']);
  });

  test('and returns after all: what waited behind it comes at once, in order', async () => {
    const handed: string[] = [];
    let end: () => void = () => undefined;
    const { mailbox, pass } = await reading(entries(1, 50), ({ id }) => {
      handed.push(id);
      return id === 'm1' ? new Promise<void>((resolve) => (end = resolve)) : undefined;
    });
    await pass(8_000);
    expect(handed).toEqual(['m1']);
    end();
    await settle();
    await pass(0);
    expect(handed).toEqual(entries(1, 50).map(({ id }) => id));
    expect(mailbox.entries).toEqual([]);
  });

  test('for everybody: bounded, and all of it is still somewhere', async () => {
    const storage = new MemoryStorage();
    const content = Array.from({ length: 300 }, (_, n) => entry(n, `user-${n}`));
    const { mailbox, pass } = await reading(content, never, {
      storage,
      tuning: { maxHeld: 50, maxPutAside: 20 },
    });
    await pass(30_000);
    const { inbox } = await storage.load();
    expect(inbox.length).toBeLessThanOrEqual(70);
    const somewhere = new Set([...mailbox.entries, ...inbox].map(({ id }) => id));
    expect(somewhere.size).toBe(300);
  });
});

const boom = (): never => {
  throw new Error('boom');
};

describe('messages that the handler fails on fill the head of the mailbox', () => {
  test.each([
    ['500 of them', 500, 500],
    ['a few large ones that fill a page', 8, 4],
    ['more than a page', 900, 500],
  ])(
    '%s: others are delivered; what failed is tried again, ever more rarely',
    async (_what, many, pageSize) => {
      const handed = new Set<string>();
      const failures = new Map<string, number>();
      const content = [...entries(0, many), ...entries(many, many + 20, 'carol')];
      const { clock, pass, mailbox, errors } = await reading(
        content,
        ({ id, from }) => {
          if (from !== 'bob') return handed.add(id);
          failures.set(id, (failures.get(id) ?? 0) + 1);
          return boom();
        },
        { pageSize },
      );
      await pass(40_000);
      expect(handed.size).toBe(20);
      expect(mailbox.entries.filter(({ from }) => from === 'carol')).toEqual([]);
      expect(Math.max(...failures.values())).toBeLessThanOrEqual(4);
      expect(failures.size).toBe(many);
      expect(codes(errors)).toEqual(['handler', 'put_aside']);
      await clock.advance(60_000);
      expect(Math.max(...failures.values())).toBeLessThanOrEqual(5);
    },
  );

  test('what was put aside is delivered by the next run, marked, and only then gone from the storage', async () => {
    const storage = new MemoryStorage();
    const { pass, mailbox } = await reading(
      [...entries(0, 500), entry(500, 'carol')],
      ({ from }) => (from === 'bob' ? boom() : undefined),
      { storage },
    );
    await pass(20_000);
    const { inbox } = await storage.load();
    expect(inbox.length).toBeGreaterThan(0);
    expect([...inbox, ...mailbox.entries].map(({ id }) => id)).toEqual(entries(0, 500).map(({ id }) => id));
    const next = setup({ storage: storage.clone() });
    const handed: string[] = [];
    next.client.onMessage(({ id, again }) => handed.push(`${id} ${String(again)}`));
    await settle();
    expect(handed).toEqual(inbox.map(({ id }) => `${id} true`));
    expect((await next.storage.load()).inbox).toEqual([]);
  });

  test('it is delivered in this run, too, once the handler can; with the number of failures', async () => {
    let broken = true;
    const handed = new Map<string, number | undefined>();
    const { pass, mailbox, storage } = await reading(entries(0, 501), ({ id, failures }) => {
      if (broken && id !== 'm500') boom();
      handed.set(id, failures);
    });
    await pass(20_000);
    expect([...handed]).toEqual([['m500', undefined]]);
    broken = false;
    await pass(200_000, 5_000);
    expect(handed.size).toBe(501);
    expect(handed.get('m7')).toBeGreaterThanOrEqual(2);
    expect(mailbox.entries).toEqual([]);
    expect((await storage.load()).inbox).toEqual([]);
  });

  test('no more than maxPutAside: the rest is left to the server, and that is told', async () => {
    const { pass, mailbox, storage, errors } = await reading(entries(0, 700), boom, {
      tuning: { maxPutAside: 100 },
    });
    await pass(120_000);
    expect((await storage.load()).inbox.length).toBe(100);
    expect(mailbox.entries.length).toBe(600);
    expect(codes(errors)).toEqual(['handler', 'put_aside', 'mailbox_blocked']);
  });

  test('a few are left to the server: nothing is confirmed that the application does not have', async () => {
    const { pass, mailbox, storage } = await reading(
      [...entries(0, 5), ...entries(5, 400, 'carol')],
      ({ from }) => (from === 'bob' ? boom() : undefined),
    );
    await pass(60_000);
    expect(mailbox.entries.map(({ id }) => id)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    expect((await storage.load()).inbox).toEqual([]);
  });

  test('what comes from the storage and fails is neither lost nor confirmed twice', async () => {
    const storage = new MemoryStorage();
    const first = await reading(
      [...entries(0, 500), entry(500, 'carol')],
      ({ from }) => (from === 'bob' ? boom() : undefined),
      { storage },
    );
    await first.pass(20_000);
    const kept = (await storage.load()).inbox.length;
    let broken = true;
    const handed: string[] = [];
    const second = await reading(
      [],
      ({ id }) => {
        if (broken) boom();
        handed.push(id);
      },
      { storage: storage.clone() },
    );
    await second.pass(10_000);
    broken = false;
    await second.clock.advance(100_000);
    expect(handed.length).toBe(kept);
    expect((await second.storage.load()).inbox).toEqual([]);
  });
});

describe('a new handler', () => {
  test('gets at once what the old one failed on', async () => {
    const made = setup();
    const remove = made.client.onMessage(boom);
    const connection = await comeOnline(made, { mailbox: false });
    await connection.mailbox({ messages: [entry(1)] });
    remove();
    const handed: string[] = [];
    made.client.onMessage(({ id }) => void handed.push(id));
    await settle();
    connection.takeAll('offline:R');
    await connection.mailbox({ messages: [entry(1)] });
    expect(handed).toEqual(['m1']);
  });
});

const thenable = (then: unknown) => ({ then });

/** Whatever a handler does. `handled`: the message is confirmed. */
const handlers: { does: string; handler: MessageHandler; handled: boolean; code?: string }[] = [
  { does: 'returns nothing', handler: () => undefined, handled: true },
  { does: 'returns nonsense', handler: () => ({ ok: false, then: 'soon' }), handled: true },
  { does: 'returns false', handler: () => false, handled: true },
  { does: 'answers late', handler: () => new Promise((resolve) => setImmediate(resolve)), handled: true },
  {
    does: 'answers twice',
    handler: () =>
      thenable((yes: () => void, no: (error: unknown) => void) => {
        yes();
        no(new Error('and no'));
      }),
    handled: true,
  },
  { does: 'throws', handler: boom, handled: false, code: 'handler' },
  {
    does: 'throws nothing',
    handler: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- that is what is tried
      throw undefined;
    },
    handled: false,
    code: 'handler',
  },
  { does: 'rejects', handler: () => Promise.reject(new Error('no')), handled: false, code: 'handler' },
  { does: 'returns a promise that throws', handler: () => thenable(boom), handled: false, code: 'handler' },
  {
    does: 'returns what throws when it is looked at',
    handler: () => Object.defineProperty({}, 'then', { get: boom, enumerable: true }),
    handled: false,
    code: 'handler',
  },
  {
    does: 'gives it up',
    handler: () => {
      throw new Skip('not for me');
    },
    handled: true,
    code: 'skipped',
  },
  { does: 'gives it up late', handler: () => Promise.reject(new Skip()), handled: true, code: 'skipped' },
  { does: 'never returns', handler: never, handled: false, code: 'slow_handler' },
];

describe('whatever a message handler does', () => {
  test.each(handlers)('$does: live', async ({ handler, handled, code }) => {
    const made = setup();
    const others: string[] = [];
    made.client.onMessage((message) => (message.from === 'bob' ? handler(message) : others.push(message.id)));
    const connection = await comeOnline(made);
    const live = { ...entry(1), type: 'msg:N' };
    await connection.send(live, { ...live, from: 'carol', id: 'o1' });
    await made.clock.advance(6_000);
    const answered = connection.takeAll('ack:R').map(({ from }) => from);
    expect(answered.sort()).toEqual(handled ? ['bob', 'carol'] : ['carol']);
    expect(others).toEqual(['o1']);
    expect(codes(made.errors)).toEqual(code === undefined ? [] : [code]);
    expect(await made.storage.seen([{ from: 'bob', id: 'm1' }])).toEqual([handled]);
  });

  test.each(handlers)('$does: from the mailbox', async ({ handler, handled, code }) => {
    const { mailbox, pass, errors } = await reading([entry(1), entry(2, 'carol')], (message) =>
      message.from === 'bob' ? handler(message) : undefined,
    );
    await pass(6_000);
    expect(mailbox.entries.map(({ id }) => id)).toEqual(handled ? [] : ['m1']);
    expect(codes(errors)).toEqual(code === undefined ? [] : [code]);
  });

  test.each(handlers)('$does: a receipt', async ({ handler, handled, code }) => {
    const made = setup();
    const others: string[] = [];
    made.client.onReceipt((receipt) => (receipt.to === 'bob' ? handler(entry(1)) : others.push(receipt.id)));
    made.client.onMessage(() => undefined);
    const connection = await comeOnline(made, { mailbox: false });
    const receipt = (n: number, to: string) => ({ key: `r${n}`, id: `o${n}`, to, state: 'delivered', at: n });
    await connection.mailbox({ receipts: [receipt(1, 'bob'), receipt(2, 'carol')] });
    await made.clock.advance(6_000);
    const keys = connection.takeAll('offline:A').flatMap((packet) => packet.keys);
    expect(keys.sort()).toEqual(handled ? ['r1', 'r2'] : ['r2']);
    expect(others).toEqual(['o2']);
    expect(codes(made.errors)).toEqual(code === undefined ? [] : [code]);
  });
});

describe('receipts that the handler fails on', () => {
  test('fill the head of the mailbox: given up after some tries, and others are told', async () => {
    const receipt = (n: number, to = 'bob') => ({ key: `r${n}`, id: `o${n}`, to, state: 'delivered', at: n });
    let waiting = [...Array.from({ length: 500 }, (_, n) => receipt(n)), receipt(500, 'carol')];
    const made = setup();
    const told: string[] = [];
    made.client.onMessage(() => undefined);
    made.client.onReceipt(({ to, id }) => (to === 'bob' ? boom() : told.push(id)));
    const connection = await comeOnline(made, { mailbox: false });
    for (let at = 0; at < 20_000; at += 500) {
      const [asked] = connection.takeAll('offline:R');
      const receipts = waiting.slice(0, asked?.limit);
      if (asked) await connection.mailbox({ receipts, more: receipts.length < waiting.length });
      const keys = new Set(connection.takeAll('offline:A').flatMap((packet) => packet.keys));
      waiting = waiting.filter(({ key }) => !keys.has(key));
      await made.clock.advance(500);
    }
    expect(told).toEqual(['o500']);
    expect(waiting.length).toBeLessThan(500);
    expect(codes(made.errors)).toEqual(['handler', 'skipped', 'put_aside']);
  });
});

describe('whatever an event listener does', () => {
  test.each([
    ['throws', boom],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['never returns', never],
    ['returns nonsense', () => ({ then: 1 })],
    ['returns a promise that throws', () => thenable(boom)],
  ])('%s: the others hear of it, and the program goes on', async (what, listener) => {
    const made = setup();
    const heard: string[] = [];
    made.client.onStatus(listener);
    made.client.onOutgoing(listener);
    made.client.onStatus(({ state }) => void heard.push(state));
    made.client.onMessage(() => undefined);
    const connection = await comeOnline(made);
    const message = made.client.send('bob', 1, { id: 'm1' });
    message.onState(listener);
    await settle();
    await connection.send({ type: 'msg:A', id: 'm1', at: 1 });
    expect(message.state).toBe('sent');
    expect(heard).toContain('online');
    expect(codes(made.errors)).toEqual(/throws|rejects/.test(what) ? ['listener'] : []);
  });
});
