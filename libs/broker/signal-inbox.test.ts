import { beforeEach, describe, expect, test } from 'vitest';
import { nextTurn } from '#libs/runtime/turn.ts';
import { signalsTotal } from './metrics.ts';
import { MAX_AGE_MS, MAX_WAITING_BYTES, SignalInbox } from './signal-inbox.ts';

const KIB = 1024;

beforeEach(() => signalsTotal.reset());

async function dropped(): Promise<number> {
  const { values } = await signalsTotal.get();
  return values.find(({ labels }) => labels.outcome === 'dropped')?.value ?? 0;
}

/** An inbox that handles when the test says so, and a clock that the test moves. */
function fixture() {
  const handled: string[][] = [];
  const pauses: number[] = [];
  const clock = { now: 0, tookMs: 0, fails: false };
  const waiting: (() => void)[] = [];
  const inbox = new SignalInbox({
    handle: (contents) => {
      handled.push(contents.map((content) => content.toString().trim()));
      clock.now += clock.tookMs;
      if (clock.fails) throw new Error('the database is away');
    },
    now: () => clock.now,
    pause: (ms) => {
      pauses.push(ms);
      return new Promise((resolve) => waiting.push(resolve));
    },
  });
  const receive = (text: string, bytes = 0) =>
    inbox.receive({ content: Buffer.from(text.padEnd(bytes)), count: 2 });
  /** The pause is over. */
  const goOn = async () => {
    await nextTurn();
    waiting.shift()?.();
    await nextTurn();
  };
  return { clock, handled, pauses, receive, goOn };
}

describe('SignalInbox', () => {
  test('handles what comes first at once, and the rest together after a pause of twice the time', async () => {
    const { clock, handled, pauses, receive, goOn } = fixture();
    clock.tookMs = 3;
    for (const text of ['a', 'b', 'c']) receive(text);
    expect(handled).toEqual([['a']]);
    await nextTurn();
    expect(pauses).toEqual([6]);
    await goOn();
    expect(handled).toEqual([['a'], ['b', 'c']]);
  });

  test('handles a bounded part of a flood without a pause', async () => {
    const { handled, receive, goOn } = fixture();
    receive('first');
    for (let n = 0; n < 10; n++) receive(`${n}`, 32 * KIB);
    await goOn();
    expect(handled.at(-1)).toEqual(['0', '1']);
  });

  test('drops the oldest when too much waits, and counts it', async () => {
    const { handled, receive, goOn } = fixture();
    receive('first');
    const fit = MAX_WAITING_BYTES / (64 * KIB);
    for (let n = 0; n < fit + 5; n++) receive(`${n}`, 64 * KIB);
    expect(await dropped()).toBe(2 * 5);
    await goOn();
    expect(handled.at(-1)).toEqual(['5']);
  });

  test('drops what has waited for too long', async () => {
    const { clock, handled, receive, goOn } = fixture();
    receive('first');
    receive('old');
    clock.now += MAX_AGE_MS + 1;
    receive('new');
    await goOn();
    expect(handled.at(-1)).toEqual(['new']);
    expect(await dropped()).toBe(2);
  });

  test('drops what cannot be handled, and goes on', async () => {
    const { clock, handled, receive, goOn } = fixture();
    clock.fails = true;
    receive('first');
    await nextTurn();
    expect(await dropped()).toBe(2);
    clock.fails = false;
    receive('second');
    await goOn();
    expect(handled.at(-1)).toEqual(['second']);
    expect(await dropped()).toBe(2);
  });
});
