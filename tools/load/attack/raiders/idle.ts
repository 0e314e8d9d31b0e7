import { logInMany } from './crowd.ts';
import type { Attack } from './attack.ts';

/** Very many connections that are logged in and do nothing. */
export const idle: Attack = async ({ target, connections }, count) => {
  const names = Array.from({ length: connections }, (_, n) => `idle-${n}`);
  const sockets = await logInMany(target, names, () => count('refused'));
  count('connections', sockets.length);
};
