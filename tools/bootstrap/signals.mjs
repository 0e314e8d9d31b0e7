import { statOf } from './process.mjs';

/** npm passes on a signal that the terminal, too, has sent to us: within this time they are one. */
const SAME_SIGNAL_MS = 1000;

/** `action`, but not again within a second. */
export function once(action) {
  let last = -Infinity;
  return () => {
    const now = Date.now();
    if (now - last > SAME_SIGNAL_MS) action();
    last = now;
  };
}

/** Whether a signal was (in all likelihood) sent by the terminal, to us and to our children alike. */
export function isFromTerminal(signal) {
  return signal !== 'SIGTERM' && isInForeground();
}

/** Whether we belong to the process group that the terminal talks to. */
function isInForeground() {
  const stat = statOf('self');
  if (!stat) return Boolean(process.stdin.isTTY); // no /proc on this system
  // State, parent, process group, session, terminal, its foreground group.
  const [, , group, , terminal, foreground] = stat;
  return terminal !== '0' && group === foreground;
}
