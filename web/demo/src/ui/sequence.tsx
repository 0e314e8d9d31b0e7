import type { Demo } from '../demo.ts';
import type { Diagram, Leg, Row } from '../model/diagram.ts';
import type { World } from '../model/world.ts';

interface Props {
  demo: Demo;
  world: World;
  diagram: Diagram;
  width: number;
  isNarrow: boolean;
}

/** Length of an arrow's head, pixels, and the gap to the lifeline. */
const HEAD = 6;

/** An arrow of this length has room for more than the packet's type, pixels. */
const ROOM = 110;

/** The arrows. Sighted users may click them; everybody else has the messages and the story. */
export function Sequence({ demo, world, diagram, width, isNarrow }: Props) {
  const { lifelines, rows, height } = diagram;
  return (
    <svg class="sequence" width={width} height={Math.max(height, 40)} aria-hidden="true">
      {lifelines.map(({ key, x, kind, who }) => (
        <line key={key} class="lifeline" data-kind={kind} data-hue={who} x1={x} x2={x} y1={0} y2="100%" />
      ))}
      {rows.map((row, index) =>
        row.kind !== 'packet' ? (
          <Note key={row.key} {...{ row, width }} />
        ) : (
          <PacketRow
            key={row.key}
            {...{ row, isNarrow }}
            since={world.focus === undefined ? undefined : firstAt(rows)}
            isNew={index >= rows.length - 1}
            choose={() => demo.focus(row.packet.messages[0])}
          />
        ),
      )}
    </svg>
  );
}

const firstAt = (rows: readonly Row[]): number => rows.find((row) => row.kind === 'packet')?.packet.at ?? 0;

const clock = (at: number, isNarrow: boolean): string =>
  new Date(at).toISOString().slice(isNarrow ? 17 : 14, 23);

interface RowProps {
  row: Extract<Row, { kind: 'packet' }>;
  isNarrow: boolean;
  since: number | undefined;
  isNew: boolean;
  choose: () => void;
}

function PacketRow({ row, isNarrow, since, isNew, choose }: RowProps) {
  const { packet, legs, y, step } = row;
  const seen = legs.find(({ inferred }) => !inferred);
  if (!seen) return null;
  const middle = (seen.from + seen.to) / 2;
  const time = since === undefined ? clock(packet.at, isNarrow) : `+${packet.at - since} ms`;
  const isRoomy = !isNarrow && Math.abs(seen.to - seen.from) >= ROOM;
  const label = packet.detail !== '' && isRoomy ? `${packet.type} ${packet.detail}` : packet.type;
  return (
    <g
      class="row"
      data-hue={packet.who}
      data-fate={packet.fate}
      data-new={isNew}
      data-about={packet.messages.length > 0}
      onClick={packet.messages.length > 0 ? choose : undefined}
    >
      <rect class="hit" x={0} y={y - 17} width="100%" height={34} />
      <text class="time" x={4} y={y + 3}>
        {time}
      </text>
      {legs.map((leg) => (
        <Arrow
          key={String(leg.inferred)}
          {...{ leg, y }}
          isCut={!leg.inferred && packet.fate === 'dropped'}
        />
      ))}
      <text class="label" x={middle} y={y - 5}>
        {step === undefined ? label : `${step} ${label}`}
      </text>
    </g>
  );
}

/** A dropped packet ends half-way, with a cross. */
function Arrow({ leg, y, isCut }: { leg: Leg; y: number; isCut: boolean }) {
  const sign = Math.sign(leg.to - leg.from);
  const end = isCut ? leg.from + (leg.to - leg.from) * 0.62 : leg.to - sign * 2;
  const head = isCut
    ? `M${end - 5},${y - 5}l10,10m0,-10l-10,10`
    : `M${end - sign * HEAD},${y - 4}L${end},${y}L${end - sign * HEAD},${y + 4}`;
  return (
    <g class="arrow" data-inferred={leg.inferred} data-cut={isCut}>
      <line pathLength={leg.inferred ? undefined : 1} x1={leg.from + sign * 2} x2={end} y1={y} y2={y} />
      <path d={head} />
    </g>
  );
}

const NOTE_CHARACTER = 6.1;

function Note({ row, width }: { row: Exclude<Row, { kind: 'packet' }>; width: number }) {
  const wide = row.text.length * NOTE_CHARACTER + 22;
  const x = Math.min(Math.max(row.x - wide / 2, 4), width - wide - 4);
  return (
    <g class="note" data-kind={row.kind}>
      <rect x={x} y={row.y - 11} width={wide} height={22} rx={11} />
      <text x={x + wide / 2} y={row.y + 4}>
        {row.text}
      </text>
    </g>
  );
}
