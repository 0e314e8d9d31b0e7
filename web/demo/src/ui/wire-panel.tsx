import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Demo } from '../demo.ts';
import { layOut } from '../model/diagram.ts';
import type { World } from '../model/world.ts';
import { Cross } from './icons.tsx';
import { Sequence } from './sequence.tsx';
import { useWidth } from './use-world.ts';

/** Below this width the labels are shorter, pixels. */
const NARROW = 560;
/** Below this distance between two lifelines, too. */
const CLOSE = 92;
const NEAR = 90;

/** The live sequence diagram. */
export function WirePanel({ demo, world }: { demo: Demo; world: World }) {
  const [measure, width] = useWidth();
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const isNarrow = width < NARROW;
  const diagram = layOut(world, Math.max(width, 300), isNarrow ? 44 : 74);
  const [first, second] = diagram.lifelines;
  const isClose = first && second ? second.x - first.x < CLOSE : false;
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && (isAtEnd.current || world.focus !== undefined))
      element.scrollTop = world.focus === undefined ? element.scrollHeight : 0;
  }, [diagram.rows.length, world.focus, width]);
  return (
    <section class="wire" aria-label="Packets">
      <header class="panel-head">
        <h2>{world.focus === undefined ? 'On the wire' : 'One message'}</h2>
        <FocusHint {...{ demo, world }} />
      </header>
      <ol class="lifelines" aria-label="Lifelines">
        {diagram.lifelines.map(({ key, kind, label, x, who }) => (
          <li
            key={key}
            data-kind={kind}
            data-hue={who}
            data-dead={isDead(world, kind, label)}
            style={{ left: `${x}px` }}
          >
            {isClose ? label.replace('gateway-', 'gw ') : label}
          </li>
        ))}
      </ol>
      <div
        ref={scroller}
        class="scroller"
        tabIndex={0}
        role="region"
        aria-label="Sequence diagram. What just happened, below, says the same in words."
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
        }}
      >
        <div ref={measure} class="measure" />
        {diagram.rows.length === 0 && <p class="nothing">Packets appear here as they pass.</p>}
        {width > 0 && <Sequence {...{ demo, world, diagram, width, isNarrow }} />}
      </div>
    </section>
  );
}

const isDead = ({ processes }: World, kind: string, label: string): boolean => {
  const name = kind === 'broker' ? 'rabbitmq' : label;
  return kind !== 'person' && processes.some((process) => process.name === name && !process.running);
};

function FocusHint({ demo, world }: { demo: Demo; world: World }) {
  const entry = world.people.flatMap(({ entries }) => entries).find(({ key }) => key === world.focus);
  if (world.focus === undefined) return <p class="hint">Dashed: inferred. Press a message to follow it.</p>;
  return (
    <p class="hint">
      <span class="focus-text">“{entry?.text ?? world.focus}”</span>
      <button type="button" class="chip" onClick={() => demo.focus(undefined)}>
        Show all <kbd>Esc</kbd> <Cross />
      </button>
    </p>
  );
}
