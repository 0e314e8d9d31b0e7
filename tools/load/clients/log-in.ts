import { setTimeout as delay } from 'node:timers/promises';
import { signToken } from '../../stack/token.ts';
import { LoadSocket } from './socket.ts';

/** Gateways, and the secret that signs tokens for them. */
export interface Target {
  urls: string[];
  secret: string;
}

/** A login that is `unavailable` is sent again; its latency includes all tries. */
const TRIES = 10;
const RETRY_MS = 500;

/** What a login says beside its token, and how often it is tried while it is `unavailable`. */
export interface LogInOptions {
  device?: string;
  sync?: true;
  tries?: number;
}

/** @param n users are spread over the gateways by this number */
export const logInAs = async (
  { urls, secret }: Target,
  user: string,
  n = 0,
  options: LogInOptions = {},
): Promise<LoadSocket> => logIn(urls[n % urls.length] ?? '', await signToken(secret, user), options);

/**
 * Connects and logs in.
 * @throws Error when the gateway stays unavailable, or gives any other answer
 */
export async function logIn(
  url: string,
  token: string,
  { tries = TRIES, ...fields }: LogInOptions = {},
): Promise<LoadSocket> {
  const socket = await LoadSocket.open(url);
  for (let left = tries - 1; ; left--) {
    const answer = await ask(socket, JSON.stringify({ type: 'login:R', token, ...fields }));
    if (answer.includes('"type":"login:A"')) return socket;
    if (left === 0 || !answer.includes('"code":"unavailable"')) {
      socket.close();
      throw new Error(`a login was answered by ${answer}`);
    }
    await delay(RETRY_MS);
  }
}

/** @returns the text of the next packet */
function ask(socket: LoadSocket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.onEnd = (why) => reject(new Error(`a login: ${why}`));
    socket.onText = (chunk, from, to) => resolve(chunk.slice(from, to));
    socket.send(text);
  });
}

/** Does `work` for 0 up to `count`, `atOnce` of them in parallel. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one));
}
