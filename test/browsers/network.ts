import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { until } from '../harness/wait.ts';
import { SCALE } from './scale.ts';
import { ids, someone, type World } from './world.ts';

const DAY_MS = 86_400_000;

/** Networks that vanish or break in the middle of a frame, and clocks that are set. */
export function testNetwork(world: () => World): void {
  test('a page that is offline for a while loses nothing, and comes back by itself', async () => {
    const w = world();
    const [alice, bob] = [someone('alice'), someone('bob')];
    const peer = await w.peer(bob);
    const page = await w.client(alice);
    const [there, back] = [ids(`${alice}-`, 20), ids(`${bob}-`, 20)];
    w.network.cut();
    try {
      await until(async () => (await page.call('status')).state !== 'online', { what: 'the page to notice' });
      await page.call('send', bob, there);
      const sent = peer.send(alice, back);
      await Promise.all(sent.map((message) => message.reached('stored')));
      await delay(SCALE.offlineMs);
      expect(peer.got).toEqual([]);
    } finally {
      w.network.mend();
    }
    await Promise.all([w.untilHandled(bob, back), peer.untilGot(there), w.untilDelivered(there)]);
    expect(w.doubles(bob)).toEqual([]);
    expect(peer.got).toEqual(there);
  });

  test('connections that are cut in the middle of a frame lose and double nothing', async () => {
    const w = world();
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
  });

  test.each([
    ['a year ahead', 365 * DAY_MS],
    ['a day back', -DAY_MS],
  ])('a clock that is set %s causes no storm, and stops nothing', async (_, ms) => {
    const w = world();
    const [alice, bob] = [someone('alice'), someone('bob')];
    const peer = await w.peer(bob);
    const page = await w.client(alice);
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
  });
}

/** msg:R that the gateway has read. */
async function sentPackets({ stack }: World): Promise<number> {
  const [gateway] = stack.gateways;
  if (!gateway) throw new Error('the stack has a gateway');
  const metrics = await stack.metrics(gateway);
  return metrics.value('sixfold_packets_total', { direction: 'in', type: 'msg:R' });
}
