import { logInMany } from './crowd.ts';
import type { Attack } from './attack.ts';

/** Very many clients that connect, log in and vanish without a word, all at once, again and again. */
export const storm: Attack = async ({ target, connections, rounds }, count) => {
  const names = Array.from({ length: connections }, (_, n) => `storm-${n}`);
  for (let round = 0; round < rounds; round++) {
    const sockets = await logInMany(target, names, () => count('refused'));
    count('logins', sockets.length);
    for (const socket of sockets) socket.terminate();
  }
};
