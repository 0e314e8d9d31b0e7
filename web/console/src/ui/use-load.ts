import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

/** What was asked for. The last answer stays while the next one is awaited, so that nothing jumps. */
export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  /** Nothing is known yet. */
  loading: boolean;
  /** An answer is awaited. */
  busy: boolean;
  reload: () => void;
}

/**
 * Asks at once, and again when `load` changes; with `everyMs` also again and again while the page is visible.
 *
 * @param load must be the same function from one drawing to the next, unless something else is wanted
 */
export function useLoad<T>(load: () => Promise<T>, everyMs?: number): Loaded<T> {
  const [answer, setAnswer] = useState<{ of: unknown; value?: T; error?: unknown }>();
  const [busy, setBusy] = useState(false);
  const current = useRef(load);
  current.current = load;
  const ask = useCallback(async () => {
    setBusy(true);
    try {
      const value = await load();
      if (current.current === load) setAnswer({ of: load, value });
    } catch (error) {
      if (current.current === load)
        setAnswer((last) => ({
          of: load,
          error,
          ...(last?.of === load && 'value' in last && { value: last.value }),
        }));
    } finally {
      if (current.current === load) setBusy(false);
    }
  }, [load]);
  useEffect(() => {
    let timer = 0;
    let stopped = false;
    const next = async () => {
      if (!document.hidden) await ask();
      if (!stopped && everyMs !== undefined) timer = window.setTimeout(() => void next(), everyMs);
    };
    void next();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [ask, everyMs]);
  const mine = answer?.of === load ? answer : undefined;
  return {
    value: mine?.value,
    error: mine?.error,
    loading: !mine,
    busy,
    reload: () => void ask(),
  };
}
