import { expect, test } from 'vitest';
import { ids, someone, type World } from './world.ts';

/** The package as it is, and in one file, under a policy without `unsafe-eval`: both send and receive. */
export function testLoading(world: () => World): void {
  test.each(['as modules', 'as one file'])('the client works %s, under a strict policy', async (how) => {
    const w = world();
    const [alice, bob] = [someone('alice'), someone('bob')];
    const peer = await w.peer(bob);
    const [there, back] = [ids(`${alice}-`, 5), ids(`${bob}-`, 5)];
    const page = await w.client(alice, 'memory', how === 'as modules' ? undefined : w.site.bundled);
    await page.call('send', bob, there);
    peer.send(alice, back);
    await w.untilHandled(bob, back);
    await w.untilDelivered(there);
    expect(w.handled(bob).map(({ id }) => id)).toEqual(back);
    expect(peer.got).toEqual(there);
    expect(await page.call('allowsEval')).toBe(false);
    await page.call('close');
  });
}
