import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GatewayFixture } from './testing/gateway-fixture.ts';

/** What a gateway does with `logged-out` from routing: a device is no longer a synced one (PROTOCOL: sync). */

let fixture: GatewayFixture;

beforeEach(async () => {
  vi.useFakeTimers();
  fixture = new GatewayFixture();
  await fixture.connect();
  await vi.advanceTimersByTimeAsync(1);
  fixture.grant();
});

afterEach(() => {
  fixture.incarnation.close();
  vi.runOnlyPendingTimers();
  vi.useRealTimers();
});

test.each([
  [true as const, ['login:A', 'logout:A'], 0],
  [undefined, ['login:A'], 1],
])('a session that is synced (%s) ends, another one hears of nothing', async (sync, types, sessions) => {
  const alice = fixture.login('alice');
  await vi.advanceTimersByTimeAsync(1);
  const { session = '' } = fixture.of('session-up').at(-1) ?? {};
  fixture.deliver({ kind: 'registered', session, mail: false, sync });
  await vi.advanceTimersByTimeAsync(1);
  fixture.deliver({ kind: 'logged-out', session });
  expect(alice.types()).toEqual(types);
  expect(fixture.gateway.sessions.size).toBe(sessions);
});
