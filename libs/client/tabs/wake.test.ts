import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock, settle } from '../testing/manual-clock.ts';
import { comeOnline, online, setup } from '../testing/setup.ts';
import { wakeOnPageEvents } from './wake.ts';

class Page extends EventTarget {
  hidden = false;
}

let page: Page;

beforeEach(() => {
  page = new Page();
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
});
afterEach(() => vi.unstubAllGlobals());

const fire = async (type: string, fields: object = {}) => {
  page.dispatchEvent(Object.assign(new Event(type), fields));
  await settle();
};

const EVENTS: [string, object][] = [
  ['online', {}],
  ['visibilitychange', {}],
  ['resume', {}],
  ['pageshow', { persisted: true }],
];

test.each(EVENTS)('%s asks a dead connection at once, and replaces it', async (type, fields) => {
  const { client, clock, connection, gateway } = await online();
  onTestFinished(wakeOnPageEvents(client));
  connection.dead = true;
  await fire(type, fields);
  await clock.advance(3_000);
  expect(gateway.connections).toHaveLength(2);
  await comeOnline({ gateway });
  expect(client.status.state).toBe('online');
});

test.each(EVENTS)('%s ends the pause before the next try', async (type, fields) => {
  const { client, gateway } = setup({ tuning: { reconnect: { baseMs: 30_000, maxMs: 30_000 } } });
  onTestFinished(wakeOnPageEvents(client));
  await settle();
  await gateway.last.close(1006);
  expect(client.status).toMatchObject({ state: 'waiting', retryInMs: 30_000 });
  await fire(type, fields);
  expect(gateway.connections).toHaveLength(2);
});

test('a page that is hidden or loaded, and one that has ended it, asks nothing', async () => {
  const { client, connection } = await online();
  const end = wakeOnPageEvents(client);
  page.hidden = true;
  await fire('visibilitychange');
  await fire('pageshow', { persisted: false });
  end();
  page.hidden = false;
  for (const [type, fields] of EVENTS) await fire(type, fields);
  expect(connection.received).toEqual([]);
});

test('a client that the server has closed stays closed', async () => {
  const { client, connection, gateway } = await online();
  onTestFinished(wakeOnPageEvents(client));
  await connection.close(4409);
  for (const [type, fields] of EVENTS) await fire(type, fields);
  expect(client.status).toMatchObject({ state: 'closed', reason: 'replaced' });
  expect(gateway.connections).toHaveLength(1);
});

/** As a browser does with pages that are long in the background: timers fire once a minute. */
class ThrottledClock extends ManualClock {
  override setTimeout(run: () => void, ms: number): number {
    const minute = 60_000;
    const due = Math.ceil((this.now() + ms) / minute) * minute;
    return super.setTimeout(run, due - this.now());
  }
}

test('timers that fire once a minute keep the session, and send nothing in a storm', async () => {
  const tuning = { pingIntervalMs: 25_000, pongTimeoutMs: 10_000 };
  const { client, clock, connection, gateway } = await online({ clock: new ThrottledClock(), tuning });
  client.send('bob', 1, { id: 'm1' });
  await settle();
  connection.takeIds();
  for (let minute = 0; minute < 60; minute++) {
    await clock.advance(60_000);
    const [pings, resent] = [connection.takeAll('ping').length, connection.takeIds().length];
    expect(pings).toBeLessThanOrEqual(2);
    expect(resent).toBeLessThanOrEqual(1);
    if (pings > 0) await connection.send({ type: 'pong' });
  }
  expect(client.status.state).toBe('online');
  expect(gateway.connections).toHaveLength(1);
});
