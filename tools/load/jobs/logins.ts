import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../../stack/token.ts';
import { inParallel, logIn, type Target } from '../clients/log-in.ts';
import { Samples } from '../clients/samples.ts';
import type { LoadSocket } from '../clients/socket.ts';

/** Users who log in and then do nothing. */

export interface LoginsOrder extends Target {
  /** Before the number of each user. */
  tag: string;
  count: number;
  /** Logins under way at a time. */
  atOnce: number;
}

const RETRY_MS = 100;

const sockets: LoadSocket[] = [];
const faults: string[] = [];

/**
 * @param refused called when a login was refused, which is then tried again: the gateway may be busy, or full; without it
 *   that is an error
 * @returns the time for all, and the latency of each from its TCP connect to its login:A (microseconds)
 */
export async function enter({ urls, secret, tag, count, atOnce }: LoginsOrder, refused?: () => void) {
  const tokens: string[] = [];
  for (let n = 0; n < count; n++) tokens.push(await signToken(secret, `${tag}${n}`));
  const latency = new Samples();
  const enterOne = async (n: number): Promise<void> => {
    const due = performance.now();
    try {
      const socket = await logIn(urls[n % urls.length] ?? '', tokens[n] ?? '', refused ? { tries: 1 } : {});
      latency.add(performance.now() - due);
      socket.onEnd = (why) => faults.push(`a connection ended: ${why}`);
      sockets.push(socket);
    } catch (error) {
      if (!refused) throw error;
      refused();
      await delay(RETRY_MS);
      await enterOne(n);
    }
  };
  const began = performance.now();
  await inParallel(count, atOnce, enterOne);
  return { ms: performance.now() - began, latency: latency.take() };
}

/** @returns faults */
export function leave(): string[] {
  for (const socket of sockets.splice(0)) socket.close();
  return faults;
}
