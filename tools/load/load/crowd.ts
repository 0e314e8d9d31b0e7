import { signToken } from '../../stack/token.ts';
import { serve } from '../serve.ts';
import { inParallel, logIn } from './log-in.ts';
import { Samples } from './samples.ts';
import type { LoadSocket } from './socket.ts';

/** A process full of users who log in, and do nothing then. */

export interface CrowdOrder {
  urls: string[];
  secret: string;
  /** Before the number of each user. */
  tag: string;
  count: number;
  /** Logins under way at a time. */
  atOnce: number;
}

const sockets: LoadSocket[] = [];
const faults: string[] = [];

/** @returns how long it took, and each one, from its TCP connect to its login:A (microseconds) */
async function enter({ urls, secret, tag, count, atOnce }: CrowdOrder) {
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

/** @returns what was wrong */
function leave(): string[] {
  for (const socket of sockets.splice(0)) socket.close();
  return faults;
}

const api = { enter, leave };
export type CrowdApi = typeof api;
serve(api);
