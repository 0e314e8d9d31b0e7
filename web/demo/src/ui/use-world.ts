import { useEffect, useState } from 'preact/hooks';
import type { World } from '../model/world.ts';
import type { Store } from '../store.ts';

/** A page in the background gets no frames: it draws after this long, milliseconds. */
const WITHOUT_FRAMES_MS = 250;

/** The world of now; draws again when it changes, at most once a frame. */
export function useWorld(store: Store): World {
  const [world, setWorld] = useState(store.world);
  useEffect(() => {
    let [frame, timer] = [0, 0];
    const cancel = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      frame = 0;
    };
    const draw = () => {
      cancel();
      setWorld(store.world);
    };
    draw();
    const stop = store.onChange(() => {
      if (frame !== 0) return;
      frame = requestAnimationFrame(draw);
      timer = window.setTimeout(draw, WITHOUT_FRAMES_MS);
    });
    return () => {
      stop();
      cancel();
    };
  }, [store]);
  return world;
}

/** The width of an element in CSS pixels, as it changes. */
export function useWidth(): [ref: (element: Element | null) => void, width: number] {
  const [width, setWidth] = useState(0);
  const [element, setElement] = useState<Element | null>(null);
  useEffect(() => {
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, width];
}

/** Draws again now and then, for what ends by time. */
export function useTick(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
