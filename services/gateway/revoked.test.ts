import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GatewayFixture } from './testing/gateway-fixture.ts';

/** What a gateway does with `revoked` from routing (PROTOCOL: revoked). */

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

async function loggedIn() {
  const alice = fixture.login('alice');
  await vi.advanceTimersByTimeAsync(1);
  const { session = '', since = 0 } = fixture.of('session-up').at(-1) ?? {};
  fixture.deliver({ kind: 'registered', session, mail: false });
  await vi.advanceTimersByTimeAsync(1);
  const known = fixture.gateway.sessions.get(session);
  if (!known) throw new Error('it is not logged in');
  return { ...alice, session, since, known };
}

const BYE = { type: 'bye', reason: 'revoked' };

test('a session that is announced again with a revoked token ends', async () => {
  const alice = await loggedIn();
  fixture.deliver({ kind: 'revoked', session: alice.session });
  expect(alice.packets.at(-1)).toEqual(BYE);
  expect(fixture.gateway.sessions.size).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(fixture.of('session-down')).toMatchObject([{ session: alice.session }]);
});

test('a revocation ends a session, whatever its token', async () => {
  const alice = await loggedIn();
  alice.known.issuedAt = 2e9;
  fixture.deliver({ kind: 'revoked', session: alice.session, at: alice.since - 1 });
  expect(alice.packets.at(-1)).toEqual(BYE);
});

test('one that comes again spares a session that began after it with a fresh token', async () => {
  const alice = await loggedIn();
  const again = (at: number) => fixture.deliver({ kind: 'revoked', session: alice.session, at, again: true });
  alice.known.issuedAt = Math.floor(alice.since / 1_000);
  again(alice.since - 1);
  expect(alice.types()).toEqual(['login:A']);
  again(alice.since);
  expect(alice.packets.at(-1)).toEqual(BYE);
});

test('one that comes again ends a session whose token is older, or does not say', async () => {
  for (const issuedAt of [undefined, 1]) {
    const alice = await loggedIn();
    alice.known.issuedAt = issuedAt;
    fixture.deliver({ kind: 'revoked', session: alice.session, at: alice.since - 1, again: true });
    expect(alice.packets.at(-1)).toEqual(BYE);
  }
});
