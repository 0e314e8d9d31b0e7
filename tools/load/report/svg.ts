import type { Axis, Chart, Line } from '../section.ts';
import { scaleOf, type Scale } from './scale.ts';

/** Pixels. */
const SIZE = { width: 760, height: 440 };
const AREA = { left: 70, right: 730, top: 70, bottom: 380 };

const COLOURS = ['#5070dd', '#b6d634', '#505372', '#ff994d', '#0ca8df', '#ffd10a', '#fb628b', '#785db0'];
const colourOf = (n: number) => COLOURS[n % COLOURS.length] ?? '#000';

/** A chart of lines as SVG. A logarithmic axis leaves out points that it cannot show: zero and less. */
export function svgOf({ title, x, y, lines }: Chart): string {
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(isShown(x, y)) }));
  const points = shown.flatMap((line) => line.points);
  const across = scaleOf(
    x,
    points.map(([value]) => value),
  );
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
  );
  const place = { x: placeX(across), y: placeY(up) };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE.width}" height="${SIZE.height}" ` +
      `viewBox="0 0 ${SIZE.width} ${SIZE.height}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    text(20, 25, title, 'font-size="18" font-weight="bold"'),
    ...shown.map(legend),
    ...across.ticks.map((value) => tickX(value, place.x(value))),
    ...up.ticks.map((value) => tickY(value, place.y(value))),
    text((AREA.left + AREA.right) / 2, AREA.bottom + 45, x.name, MIDDLE),
    text(20, (AREA.top + AREA.bottom) / 2, y.name, `${MIDDLE} transform="rotate(-90 20 225)"`),
    ...shown.flatMap((line, n) => drawn(line, colourOf(n), place)),
    '</svg>\n',
  ].join('\n');
}

const MIDDLE = 'text-anchor="middle"';

const isShown =
  (x: Axis, y: Axis) =>
  ([a, b]: Line['points'][number]): boolean =>
    Number.isFinite(a) &&
    Number.isFinite(b) &&
    (a > 0 || x.logarithmic !== true) &&
    (b > 0 || y.logarithmic !== true);

const pixel = (value: number): string => String(Math.round(value * 10) / 10);
const placeX = (scale: Scale) => (value: number) => AREA.left + scale.at(value) * (AREA.right - AREA.left);
const placeY = (scale: Scale) => (value: number) => AREA.bottom - scale.at(value) * (AREA.bottom - AREA.top);

const text = (x: number, y: number, content: string, attributes = '') =>
  `<text x="${pixel(x)}" y="${pixel(y)}" ${attributes}>${escaped(content)}</text>`;

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const grid = (x1: number, y1: number, x2: number, y2: number) =>
  `<path d="M${pixel(x1)} ${pixel(y1)}L${pixel(x2)} ${pixel(y2)}" stroke="#dbdee4"/>`;

const label = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 6 });

const tickX = (value: number, x: number) =>
  grid(x, AREA.top, x, AREA.bottom) + text(x, AREA.bottom + 20, label(value), MIDDLE);

const tickY = (value: number, y: number) =>
  grid(AREA.left, y, AREA.right, y) + text(AREA.left - 8, y + 4, label(value), 'text-anchor="end"');

/** Pixels that an entry of the legend takes. */
const ENTRY = 130;

function legend({ name }: Line, n: number): string {
  const x = AREA.left + n * ENTRY;
  return `<rect x="${x}" y="42" width="18" height="4" fill="${colourOf(n)}"/>${text(x + 24, 48, name)}`;
}

interface Place {
  x: (value: number) => number;
  y: (value: number) => number;
}

function drawn({ points }: Line, colour: string, { x, y }: Place): string[] {
  const places = points.map(([a, b]) => [pixel(x(a)), pixel(y(b))] as const);
  return [
    `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
  ];
}
