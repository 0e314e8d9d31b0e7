import { SeededRandom } from '../../testkit/seeded-random.ts';
import type { ClientEvent } from '../history.ts';
import { type ChaosUser, staysToTheEnd } from '../users.ts';
import { type Behaving, behave } from './behaviour.ts';
import { Counter } from './counter.ts';
import type { HttpSender } from './http-sender.ts';
import type { Orders } from './orders.ts';
import type { Platform } from './platform.ts';
import type { TestClient } from './test-client.ts';

/** Where the clients write, and whom they report to. */
interface Channel {
  /** What earlier runs wrote down. */
  history: readonly ClientEvent[];
  /** Writes an event down, before it returns. */
  write: (event: ClientEvent) => void;
  report: (counter: Counter) => void;
  /** Calls `beat` every `REPORT_MS`. @returns ends it */
  beats: (beat: () => void) => () => void;
}

/** Clients that run. */
interface Running {
  /** They send nothing more, and come back if they ever will. */
  settle(): void;
  /** Closes them in good order. */
  end(): Promise<void>;
}

/** Lets the users of these orders behave. */
export function runClients(
  orders: Orders,
  platform: Platform,
  { history, write, report, beats }: Channel,
): Running {
  const counter = new Counter();
  const settle = new AbortController();
  /** The latest client of each user. */
  const clients = new Map<ChaosUser, TestClient | HttpSender>();
  const record = (event: ClientEvent) => {
    write(event);
    counter.count(event);
  };
  const shared: Omit<Behaving, 'user' | 'random' | 'entered'> = {
    ...{ orders, platform, history, record },
    settle: settle.signal,
  };
  const behaving = orders.users.map((user, n) => {
    const random = new SeededRandom(orders.seed * 1_000 + n);
    return behave({ ...shared, user, random, entered: (client) => clients.set(user, client) });
  });
  const settled = Promise.all(behaving).then(() => (counter.settled = true));

  /** Users who were connected at some moment. */
  const arrived = new Set<ChaosUser>();
  const endReports = beats(() => {
    const staying = [...clients].filter(([user]) => staysToTheEnd(user));
    for (const [user, client] of staying) if (client.online) arrived.add(user);
    counter.waiting = staying.reduce((sum, [, client]) => sum + client.waiting, 0);
    counter.offline = staying.filter(([, client]) => !client.online).length;
    counter.arrived = staying.every(([user]) => arrived.has(user));
    report(counter);
  });

  return {
    settle: () => settle.abort(),
    async end() {
      settle.abort();
      await settled;
      await Promise.all([...clients.values()].map((client) => client.close('orderly')));
      endReports();
    },
  };
}
