import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ClientEvent } from '../history.ts';
import type { Behaviour, ChaosUser } from '../users.ts';
import { type Draft, draftOf } from './drafts.ts';
import type { Orders } from './orders.ts';
import { HttpSender } from './http-sender.ts';
import type { Platform } from './platform.ts';
import { TestClient } from './test-client.ts';

/** A user, and what its behaviour needs. */
export interface Behaving {
  user: ChaosUser;
  orders: Orders;
  platform: Platform;
  random: SeededRandom;
  record: (event: ClientEvent) => void;
  /** Fires when clients stop sending, and those that stay come online. */
  settle: AbortSignal;
  /** What earlier runs of the process wrote down. */
  history: readonly ClientEvent[];
  /** Called with each new client of the user. */
  entered: (client: TestClient | HttpSender) => void;
}

/** Mean times, milliseconds. */
const STAY = 6_000;
const AWAY = 3_000;
/** Before the first message of a user who leaves, and between this user and the next. */
const HESITATE = 1_500;
const BETWEEN = 2_000;
/** How long a user who leaves waits for a msg:A at most, milliseconds. */
const ACCEPT_WAIT = 8_000;
const MAX_BURST = 12;

/** Behaves until it is time to settle; afterwards a user who stays is online. */
export const behave = (self: Behaving): Promise<void> =>
  self.user.http === undefined ? behaviours[self.user.behaviour](self) : sendOverHttp(self, self.user.http);

const behaviours: Record<Behaviour, (self: Behaving) => Promise<void>> = {
  stays: async (self) => {
    const client = enter(self);
    client.open('durable');
    await write(self, client, self.settle);
  },

  'comes-and-goes': async (self) => {
    const { random, settle } = self;
    const client = enter(self);
    while (!settle.aborted) {
      client.open('durable');
      const stay = AbortSignal.any([settle, AbortSignal.timeout(Math.ceil(random.wait(STAY)))]);
      await (self.user.to === undefined ? pause(Infinity, stay) : write(self, client, stay));
      await client.close(random.chance(0.5) ? 'orderly' : 'abrupt');
      await pause(random.wait(AWAY), settle);
    }
    client.open('durable');
  },

  leaves: async (self) => {
    const { user, random, settle, orders } = self;
    for (let n = 1; !settle.aborted; n++) {
      const client = enter(self, `${user.user}.${orders.run}.${n}`);
      client.leave(); // recorded at once: a user who is killed before does not come back either
      const opened = client.open('in memory');
      await Promise.race([opened.connected().catch(() => undefined), pause(Infinity, settle)]);
      await pause(random.wait(HESITATE), settle);
      if (client.online) await writeAndGo(client, () => nextDraft(self), random);
      await client.close('abrupt');
      await pause(random.wait(BETWEEN), settle);
    }
  },

  returns: async (self) => {
    const client = enter(self);
    if (self.orders.run === 1) {
      await Promise.race([client.open('durable').connected(), pause(Infinity, self.settle)]);
      await pause(self.random.wait(STAY), self.settle);
      await client.close('abrupt');
    }
    await pause(Infinity, self.settle);
    client.open('durable');
  },

  absent: async (self) => {
    const client = enter(self);
    if (self.orders.run === 1) {
      client.open('durable');
      await pause(self.random.wait(STAY), self.settle);
      await client.close('abrupt');
    }
    client.leave();
  },
};

/** A burst, and away as soon as some message of it is accepted: this client does not wait for its answers. */
async function writeAndGo(client: TestClient, next: () => Draft, random: SeededRandom): Promise<void> {
  const burst = Array.from({ length: random.integer(1, MAX_BURST) }, () => client.send(next()));
  const some = burst[random.integer(0, burst.length - 1)];
  await Promise.race([some, delay(ACCEPT_WAIT, undefined, { ref: false })]);
}

const nextDraft = ({ user, random, orders: { receivers } }: Behaving): Draft =>
  draftOf(random, { user: user.user, to: user.to ?? '', receivers });

/** Sends now and then, sometimes several at once, until told to stop. */
async function write(self: Behaving, client: TestClient, until: AbortSignal): Promise<void> {
  const { user, random, orders } = self;
  if (user.to === undefined) return;
  while (!until.aborted) {
    const burst = random.chance(0.1) ? random.integer(2, MAX_BURST) : 1;
    for (let n = 0; n < burst; n++) void client.send(nextDraft(self));
    await pause(random.wait((orders.everyMs * burst) / (user.pace ?? 1)), until);
  }
}

/** A back end: single messages side by side, or several in one request. */
async function sendOverHttp(self: Behaving, as: 'single' | 'batch'): Promise<void> {
  const { user, random, orders, settle, record, history } = self;
  const sender = new HttpSender({ user: user.user, orders, random, record });
  self.entered(sender);
  void sender.resume(history);
  const others = orders.receivers.filter((receiver) => receiver.user !== user.user);
  while (!settle.aborted) {
    const drafts = Array.from({ length: random.chance(0.3) ? random.integer(2, MAX_BURST) : 1 }, () =>
      draftOf(random, { user: user.user, to: random.pick(others).user, receivers: others }),
    );
    if (as === 'batch') void sender.send(drafts, as);
    else for (const draft of drafts) void sender.send([draft], as);
    await pause(random.wait((orders.everyMs * drafts.length) / (user.pace ?? 1)), settle);
  }
}

function enter(self: Behaving, name = self.user.user): TestClient {
  const { user, orders, platform, random, record, settle, entered } = self;
  const { device, sync = false, tabs = false } = user;
  const client = new TestClient({
    ...{ user: name, device, sync, tabs, orders, platform, random, record, settle },
  });
  entered(client);
  return client;
}

/** Resolves after the time, or at once when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined);
}
