import { scaleOf, type Scale } from './scale.ts';
import type { Axis, Chart, Line } from './section.ts';

/** Pixels. */
const AREA = { left: 70, right: 730, top: 70, bottom: 380 };
const LEGEND_ENTRY = 130;

const COLOURS = ['#5070dd', '#b6d634', '#505372', '#ff994d', '#0ca8df', '#ffd10a', '#fb628b', '#785db0'];
const colourOf = (n: number) => COLOURS[n % COLOURS.length] ?? '#000';

const MIDDLE = 'text-anchor="middle"';

/** A chart of lines as SVG. A logarithmic axis leaves out points that it cannot show: zero and less. */
export function svgOf({ title, x, y, lines }: Chart): string {
  const isShown = ([a, b]: Line['points'][number]) => fits(x, a) && fits(y, b);
  const shown = lines.map(({ name, points }) => ({ name, points: points.filter(isShown) }));
  const points = shown.flatMap((line) => line.points);
  const [across, up] = [
    scaleOf(
      x,
      points.map(([a]) => a),
    ),
    scaleOf(
      y,
      points.map(([, b]) => b),
    ),
  ];
  const place = {
    x: (value: number) => pixel(AREA.left + across.at(value) * (AREA.right - AREA.left)),
    y: (value: number) => pixel(AREA.bottom - up.at(value) * (AREA.bottom - AREA.top)),
  };
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="440" viewBox="0 0 760 440" font-family="sans-serif" font-size="12" fill="#333">',
    '<rect width="100%" height="100%" fill="#fff"/>',
    text(20, 25, title, 'font-size="18" font-weight="bold"'),
    ...shown.map(({ name }, n) => legend(name, AREA.left + n * LEGEND_ENTRY, colourOf(n))),
    ...ticks(across, (value, label) => {
      const at = place.x(value);
      return grid(at, AREA.top, at, AREA.bottom) + text(at, AREA.bottom + 20, label, MIDDLE);
    }),
    ...ticks(up, (value, label) => {
      const at = place.y(value);
      return grid(AREA.left, at, AREA.right, at) + text(AREA.left - 8, at + 4, label, 'text-anchor="end"');
    }),
    text((AREA.left + AREA.right) / 2, AREA.bottom + 45, x.name, MIDDLE),
    text(20, (AREA.top + AREA.bottom) / 2, y.name, `${MIDDLE} transform="rotate(-90 20 225)"`),
    ...shown.flatMap((line, n) => {
      const places = line.points.map(([a, b]) => [place.x(a), place.y(b)] as const);
      return [
        `<polyline points="${places.join(' ')}" fill="none" stroke="${colourOf(n)}" stroke-width="2"/>`,
        ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colourOf(n)}"/>`),
      ];
    }),
    '</svg>\n',
  ].join('\n');
}

const fits = ({ logarithmic = false }: Axis, value: number) =>
  Number.isFinite(value) && (value > 0 || !logarithmic);

const pixel = (value: number) => Math.round(value * 10) / 10;

const text = (x: number, y: number, content: string, attributes = '') =>
  `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;

const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const grid = (x1: number, y1: number, x2: number, y2: number) =>
  `<path d="M${x1} ${y1}L${x2} ${y2}" stroke="#dbdee4"/>`;

const legend = (name: string, x: number, colour: string) =>
  `<rect x="${x}" y="42" width="18" height="4" fill="${colour}"/>${text(x + 24, 48, name)}`;

const ticks = (scale: Scale, draw: (value: number, label: string) => string) =>
  scale.ticks.map((value) => draw(value, value.toLocaleString('en-US', { maximumSignificantDigits: 6 })));
