import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Demo } from '../demo.ts';
import type { World } from '../model/world.ts';

const clock = (at: number): string => new Date(at).toISOString().slice(14, 21);

/** What just happened, in a sentence for each event. */
export function StoryPanel({ demo, world }: { demo: Demo; world: World }) {
  const list = useRef<HTMLDivElement>(null);
  const { story, focus } = world;
  const shown = focus === undefined ? story : story.filter(({ message }) => message === focus);
  useLayoutEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [story.at(-1)?.n, focus]);
  return (
    <section class="story" aria-label="What just happened">
      <header class="panel-head">
        <h2>What just happened</h2>
      </header>
      <div ref={list} class="scroll" role="log" tabIndex={0} aria-label="Events">
        <ol class="sentences">
          {shown.map(({ n, at, text, tone, message }) => (
            <li key={n} data-tone={tone}>
              <time>{clock(at)}</time>
              {message === undefined ? (
                <span>{text}</span>
              ) : (
                <button type="button" tabIndex={-1} onClick={() => demo.focus(message)}>
                  {text}
                </button>
              )}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}
