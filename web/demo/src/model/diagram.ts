import { type Lifeline, lifelinesOf } from './lifelines.ts';
import { notesBefore } from './notes.ts';
import type { Wired } from './wire.ts';
import type { World } from './world.ts';

/** One arrow. */
export interface Leg {
  readonly from: number;
  readonly to: number;
  /** Not seen by the page, but it must have happened. */
  readonly inferred: boolean;
}

/** One line of the diagram: a packet, or what happened between two of them. */
export type Row =
  | {
      readonly kind: 'packet';
      readonly key: string;
      readonly y: number;
      readonly packet: Wired;
      readonly legs: readonly Leg[];
      /** 1 to 6, for the highlighted message. */
      readonly step: number | undefined;
    }
  | {
      /** `gap`: nothing passed for that long. */
      readonly kind: 'note' | 'gap';
      readonly key: string;
      readonly y: number;
      readonly x: number;
      readonly text: string;
    };

export interface Diagram {
  readonly lifelines: readonly Lifeline[];
  readonly rows: readonly Row[];
  readonly height: number;
}

/** A pause is shown from here on, milliseconds. */
const PAUSE_MS = 1_000;

const ROW = 34;
const TOP = 14;

/** The six packets of a message, in their order. */
const SIX = ['msg:R', 'msg:A', 'msg:N', 'ack:R', 'ack:A', 'ack:N'];

/** Packets that end at the gateway, or begin there. */
const GATEWAY_ONLY = new Set(['ping', 'pong', 'bye', 'error', 'logout:R']);

/** Where everything stands in a diagram of this width. With a highlighted message: its packets only. */
export function layOut(world: World, width: number, gutter: number): Diagram {
  const { focus } = world;
  const packets =
    focus === undefined
      ? world.packets.filter(({ type }) => type !== 'ping' && type !== 'pong')
      : world.packets.filter(({ messages }) => messages.includes(focus));
  const lifelines = lifelinesOf(world, packets, width, gutter);
  const rows: Row[] = [];
  const steps = new Set<string>();
  const nextY = () => TOP + rows.length * ROW + ROW / 2;
  const broker = lifelines.find(({ kind }) => kind === 'broker')?.x ?? 0;
  for (const [index, packet] of packets.entries()) {
    if (focus !== undefined)
      for (const text of notesBefore(world, packets, index))
        rows.push({ kind: 'note', key: `${packet.n}-${text}`, y: nextY(), x: broker, text });
    const legs = legsOf(packet, lifelines, broker);
    const pauseMs = packet.at - (packets[index - 1]?.at ?? packet.at);
    if (pauseMs >= PAUSE_MS) rows.push(gap(packet.n, nextY(), broker, pauseMs));
    if (legs.length === 0) continue;
    const isStep = focus !== undefined && SIX.includes(packet.type) && !steps.has(packet.type);
    if (isStep) steps.add(packet.type);
    const step = isStep ? SIX.indexOf(packet.type) + 1 : undefined;
    rows.push({ kind: 'packet', key: String(packet.n), y: nextY(), packet, legs, step });
  }
  return { lifelines, rows, height: TOP * 2 + rows.length * ROW };
}

const gap = (n: number, y: number, x: number, ms: number): Row => ({
  ...{ kind: 'gap', key: `${n}-gap`, y, x },
  text: `${(ms / 1_000).toFixed(1)} s later`,
});

/** The arrow between person and gateway, and the one that it takes between gateway and broker. */
function legsOf(
  { who, gateway, direction, type, fate }: Wired,
  lifelines: readonly Lifeline[],
  broker: number,
): Leg[] {
  const person = lifelines.find((line) => line.who === who);
  const server = lifelines.find(
    (line) => line.kind === 'gateway' && line.label === gateway && line.side === person?.side,
  );
  if (!person || !server) return [];
  const seen =
    direction === 'out'
      ? { from: person.x, to: server.x, inferred: false }
      : { from: server.x, to: person.x, inferred: false };
  if (GATEWAY_ONLY.has(type) || (fate === 'dropped' && direction === 'out')) return [seen];
  const behind =
    direction === 'out'
      ? { from: server.x, to: broker, inferred: true }
      : { from: broker, to: server.x, inferred: true };
  return direction === 'out' ? [seen, behind] : [behind, seen];
}
