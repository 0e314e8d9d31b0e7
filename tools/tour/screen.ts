import { styleText } from 'node:util';
import type { Packet } from '../testkit/tapped-socket.ts';

/** Which side of the picture an actor stands on. */
export type Side = 'left' | 'right';

/** Longest line, in characters. */
const WIDTH = 100;
const TIME = 9;
const LANE = 23;
const TYPE = 9;
/** Most lines for the JSON of one packet. */
const JSON_LINES = 2;

/** The servers, between the two lanes. */
const MIDDLE = ' ┃ ';
const ARROW = { left: '◀───────────', right: '───────────▶' };
const LOST = { left: '✗ ─ ─ ─ ─ ─ ', right: ' ─ ─ ─ ─ ─ ✗' };

/** The JSON of a packet as indented lines, cut where it gets long. A token is nobody's business. */
function jsonLines(packet: Packet): string {
  const text = JSON.stringify(packet, (name, value: unknown) => (name === 'token' ? '…' : value));
  const room = WIDTH - TIME;
  const most = room * JSON_LINES;
  const cut = text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  const lines = cut.match(new RegExp(`.{1,${room}}`, 'gu')) ?? [];
  return lines.map((line) => `${' '.repeat(TIME)}${line}`).join('\n');
}

const out = (text = '') => process.stdout.write(`${text}\n`);

/** A scene of the story begins: its title, what it shows, and who stands where. */
export function showScene(title: string, text: string, names: Record<Side, string>): void {
  out();
  out(styleText('bold', title));
  for (const line of text.split('\n')) out(line);
  out();
  const head = `${'ms'.padStart(TIME - 2)}  ${names.left.padEnd(LANE)}${MIDDLE}${names.right.padStart(LANE)}`;
  out(styleText('dim', head));
}

/** One packet, in its lane: types at the outside, the servers in the middle. */
export function showPacket(
  side: Side,
  direction: 'in' | 'out',
  packet: Packet,
  ms: number,
  lost: boolean,
): void {
  const inward = side === 'left' ? 'right' : 'left';
  const arrow = (lost ? LOST : ARROW)[direction === 'out' ? inward : side];
  const type = styleText(['bold', lost ? 'red' : side === 'left' ? 'cyan' : 'magenta'], packet.type);
  const pad = ' '.repeat(Math.max(0, TYPE - packet.type.length));
  const middle = styleText('dim', MIDDLE);
  const lanes =
    side === 'left'
      ? `${type}${pad}  ${arrow}${middle}`
      : `${' '.repeat(LANE)}${middle}${arrow}  ${pad}${type}`;
  out(`${ms.toFixed(1).padStart(TIME - 2)}  ${lanes}`.trimEnd());
  out(styleText('dim', jsonLines(packet)));
}

/** Something that has been checked. */
export function showFact(text: string): void {
  out(`${' '.repeat(TIME - 2)}${styleText('green', '✔')} ${text}`);
}

/** Something done by hand in between. */
export function showStep(text: string): void {
  out(`${' '.repeat(TIME - 2)}${styleText('yellow', '●')} ${text}`);
}

export function showText(text: string): void {
  out(text);
}
