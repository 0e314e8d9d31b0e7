import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SCALE } from './scale.ts';
import { ids, someone, type World } from './world.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A page whose connection was lost without a word: at an event of the page it looks, and connects again. */
export async function wakeUp(w: World): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const peer = await w.peer(bob);
  const page = await w.page();
  const options = await w.options(alice, 'indexeddb');
  // Nothing else would notice.
  const tuning = { ...options.tuning, pingIntervalMs: HOUR_MS, lookTimeoutMs: 500 };
  await page.call('start', { ...options, tuning, tabs: true });
  await w.online(page);
  w.network.lose();
  const back = ids(`${bob}-`, 3);
  peer.send(alice, back);
  await page.tab.evaluate("dispatchEvent(new Event('online'))");
  await w.untilHandled(bob, back);
  expect(w.doubles(bob)).toEqual([]);
}

async function cutInMidFrame(w: World): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const peer = await w.peer(bob);
  const page = await w.client(alice);
  const [there, back] = [ids(`${alice}-`, SCALE.cutMessages), ids(`${bob}-`, SCALE.cutMessages)];
  await page.call('send', bob, there, 5);
  for (const [n, id] of back.entries()) {
    peer.send(alice, [id]);
    if (n % 10 === 0) w.network.breakAfter(50 + ((n * 37) % 400));
    await delay(5);
  }
  await Promise.all([w.untilHandled(bob, back), peer.untilGot(there), w.untilDelivered(there)]);
  expect(w.doubles(bob)).toEqual([]);
  expect([...peer.got].sort()).toEqual([...there].sort());
}

/** The clock is set in mid-send: no storm, and nothing stops; afterwards a connection is lost without a word. */
export async function setClock(w: World, ms: number): Promise<void> {
  const [alice, bob] = [someone('alice'), someone('bob')];
  const peer = await w.peer(bob);
  const page = await w.page();
  const options = await w.options(alice, 'memory');
  const tuning = { ...options.tuning, pingIntervalMs: 1_000, pongTimeoutMs: 1_000 };
  await page.call('start', { ...options, tuning });
  await w.online(page);
  const there = ids(`${alice}-`, 60);
  const before = await sentPackets(w);
  await page.call('send', bob, there, 20);
  await peer.untilGot(there.slice(0, 10));
  await page.call('moveClock', ms);
  await Promise.all([peer.untilGot(there), w.untilDelivered(there)]);
  const back = ids(`${bob}-`, 10);
  peer.send(alice, back);
  await w.untilHandled(bob, back);
  expect(w.doubles(bob)).toEqual([]);
  expect(peer.got).toEqual(there);
  // Each once; a few more may be sent again where the machine was busy.
  expect((await sentPackets(w)) - before - back.length).toBeLessThan(2 * there.length);
  w.network.lose();
  const last = ids(`${alice}-last-`, 3);
  await page.call('send', bob, last);
  await w.untilDelivered(last);
}

/** Networks that vanish or break in the middle of a frame, and clocks that are set. */
export function testNetwork(world: () => World): void {
  test('a page that wakes up looks at its connection, and replaces one that is lost', () => wakeUp(world()));

  test('connections that are cut in the middle of a frame lose and double nothing', () =>
    cutInMidFrame(world()));

  test.each([
    ['a year ahead', 365 * DAY_MS],
    ['a day back', -DAY_MS],
  ])('a clock that is set %s causes no storm, and stops nothing', (_, ms) => setClock(world(), ms));
}

/** msg:R that the gateway has read. */
async function sentPackets({ stack }: World): Promise<number> {
  const [gateway] = stack.gateways;
  if (!gateway) throw new Error('the stack has a gateway');
  const metrics = await stack.metrics(gateway);
  return metrics.value('sixfold_packets_total', { direction: 'in', type: 'msg:R' });
}
