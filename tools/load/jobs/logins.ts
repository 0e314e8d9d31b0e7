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

const sockets: LoadSocket[] = [];
const faults: string[] = [];

/** @returns the time for all, and the latency of each from its TCP connect to its login:A (microseconds) */
export async function enter({ urls, secret, tag, count, atOnce }: LoginsOrder) {
  const tokens: string[] = [];
  for (let n = 0; n < count; n++) tokens.push(await signToken(secret, `${tag}${n}`));
  const latency = new Samples();
  const began = performance.now();
  await inParallel(count, atOnce, async (n) => {
    const due = performance.now();
    const socket = await logIn(urls[n % urls.length] ?? '', tokens[n] ?? '');
    latency.add(performance.now() - due);
    socket.onEnd = (why) => faults.push(`a connection ended: ${why}`);
    sockets.push(socket);
  });
  return { ms: performance.now() - began, latency: latency.take() };
}

/** @returns faults */
export function leave(): string[] {
  for (const socket of sockets.splice(0)) socket.close();
  return faults;
}
