import { describe, expect, test } from 'vitest';
import type { OutgoingMessage } from './outgoing/outgoing-message.ts';
import { MemoryStorage } from './storage/memory.ts';
import { settle } from './testing/manual-clock.ts';
import { comeOnline, online, setup, type TestSetup } from './testing/setup.ts';

/** Every promise that the library hands out, and how it may be asked for. */
const PROMISES: Record<string, (made: TestSetup, message: OutgoingMessage) => Promise<unknown>> = {
  'connected()': ({ client }) => client.connected(),
  'close()': ({ client }) => client.close({ flushMs: 500 }),
  'message.accepted()': (_made, message) => message.accepted(),
  'message.reached()': (_made, message) => message.reached('delivered'),
  'message.settled()': (_made, message) => message.settled(),
};

interface State {
  /** Nothing will come of anything unless the application does something. */
  readonly closed: boolean;
  readonly reach: () => Promise<{ made: TestSetup; message: OutgoingMessage }>;
}

const never = () => new Promise<never>(() => undefined);

function withMessage(made: TestSetup) {
  return { made, message: made.client.send('bob', 1) };
}

/** A storage whose methods of these names do not answer, from now on. */
function hanging(storage: MemoryStorage, ...names: ('load' | 'write' | 'close')[]): MemoryStorage {
  for (const name of names) storage[name] = never;
  return storage;
}

const STATES: Record<string, State> = {
  'before the storage is open': {
    closed: false,
    reach: async () => Promise.resolve(withMessage(setup())),
  },
  'the storage never opens': {
    closed: false,
    reach: async () =>
      Promise.resolve(withMessage(setup({ storage: hanging(new MemoryStorage(), 'load', 'close') }))),
  },
  connecting: {
    closed: false,
    reach: async () => {
      const made = setup();
      await settle();
      return withMessage(made);
    },
  },
  'no token comes': {
    closed: false,
    reach: async () => {
      const made = setup({ token: never });
      await settle();
      return withMessage(made);
    },
  },
  online: {
    closed: false,
    reach: async () => {
      const reached = withMessage(await online());
      await settle();
      return reached;
    },
  },
  'the gateway is gone without a word': {
    closed: false,
    reach: async () => {
      const made = await online();
      made.connection.dead = true;
      return withMessage(made);
    },
  },
  waiting: {
    closed: false,
    reach: async () => {
      const made = await online();
      await made.connection.close(1006);
      return withMessage(made);
    },
  },
  'the storage hangs': {
    closed: false,
    reach: async () => {
      const storage = new MemoryStorage();
      const made = await online({ storage });
      hanging(storage, 'write', 'close');
      const reached = withMessage(made);
      await settle();
      return reached;
    },
  },
  'accepted, and no receipt': {
    closed: false,
    reach: async () => {
      const made = await online();
      const { message } = withMessage(made);
      await settle();
      await made.connection.send({ type: 'msg:A', id: message.id, at: 1 });
      return { made, message };
    },
  },
  'closed by the caller': {
    closed: true,
    reach: async () => {
      const reached = withMessage(await online());
      const closing = reached.made.client.close({ flushMs: 0 });
      await reached.made.clock.advance(1);
      await closing;
      return reached;
    },
  },
  'closed by the server': {
    closed: true,
    reach: async () => {
      const made = await online();
      const reached = withMessage(made);
      await made.connection.close(4409);
      return reached;
    },
  },
  'closed by the server, and sent after it': {
    closed: true,
    reach: async () => {
      const made = await online();
      await made.connection.close(4409);
      return withMessage(made);
    },
  },
  'closed: the storage could not be opened': {
    closed: true,
    reach: async () => {
      const storage = new MemoryStorage();
      storage.load = () => Promise.reject(new Error('locked'));
      const reached = withMessage(setup({ storage }));
      await settle();
      return reached;
    },
  },
  "closed: another user's storage": {
    closed: true,
    reach: async () => {
      const storage = new MemoryStorage();
      await storage.write([{ do: 'owner.set', user: 'mallory' }]);
      const made = setup({ storage });
      const reached = withMessage(made);
      await settle();
      await made.gateway.last.open();
      await made.gateway.last.login({ mailbox: false });
      return reached;
    },
  },
};

/** How a promise ended, once it has. */
function watch(promise: Promise<unknown>): { ended: string | undefined } {
  const watched: { ended: string | undefined } = { ended: undefined };
  promise.then(
    () => (watched.ended = 'resolved'),
    (error: unknown) => (watched.ended = (error as { code?: string }).code ?? String(error)),
  );
  return watched;
}

describe('every promise ends', () => {
  for (const [state, { closed, reach }] of Object.entries(STATES)) {
    test.each(Object.entries(PROMISES))(`${state}: %s`, async (_name, ask) => {
      const { made, message } = await reach();
      const asked = watch(ask(made, message));
      await settle();
      if (closed) expect(asked.ended).toMatch(/^(resolved|closed|send)$/);
      const closing = watch(made.client.close({ flushMs: 500 }));
      await made.clock.advance(500 + 5_000);
      expect([asked.ended, closing.ended]).toEqual([
        expect.stringMatching(/^(resolved|closed|send)$/),
        'resolved',
      ]);
      const askedAfter = watch(ask(made, message));
      await settle();
      expect(askedAfter.ended).toMatch(/^(resolved|closed|send)$/);
      expect(made.clock.pending).toBe(0);
    });
  }

  test('what is known stays known after close()', async () => {
    const made = await online();
    const message = made.client.send('bob', 1);
    await settle();
    await made.connection.send({ type: 'msg:A', id: message.id, at: 1 });
    await made.client.close();
    expect(await message.accepted()).toBe('sent');
    await expect(message.settled()).rejects.toMatchObject({ code: 'closed' });
  });

  test('after reconnect() they wait again', async () => {
    const made = await online();
    await made.connection.close(4409);
    const message = made.client.send('bob', 1, { id: 'm1' });
    await expect(message.accepted()).rejects.toMatchObject({ code: 'closed' });
    made.client.reconnect();
    const [accepted, connected] = [message.accepted(), made.client.connected()];
    const connection = await comeOnline(made);
    await connected;
    await connection.send({ type: 'msg:A', id: connection.takeIds()[0] ?? '', at: 1 });
    expect(await accepted).toBe('sent');
  });
});
