/** The same signal can come twice for one Ctrl-C: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 1_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a user asks for by signals. */
export interface StopSignals {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP. */
  readonly stop: AbortSignal;
  /** Fires at the second one, a second or more later. */
  readonly force: AbortSignal;
  /** Goes back to what signals did before. */
  release(): void;
}

/** Listens for signals from now on. */
export function listenForSignals(): StopSignals {
  const [stop, force] = [new AbortController(), new AbortController()];
  let first = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) first = Date.now();
    else if (Date.now() - first > SAME_SIGNAL_MS) force.abort();
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    stop: stop.signal,
    force: force.signal,
    release: () => SIGNALS.forEach((signal) => process.off(signal, onSignal)),
  };
}
