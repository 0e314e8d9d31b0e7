/** What a terminal shows from this moment on. */
export interface Frame {
  /** Milliseconds since the beginning. */
  readonly at: number;
  lines: readonly string[];
}

const [CHARACTER, LINE, PADDING, BAR] = [8.4, 20, 18, 34];
/** How long the last frame stays before the film begins again, milliseconds. */
const REST_MS = 4_000;

const STYLE = `
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d9dce3; white-space: pre; }
.own { fill: #9ec7ff } .state { fill: #7ee2a8 } .title, .quiet { fill: #8b919e }
g { visibility: hidden } g:last-of-type { visibility: visible }
`;

/** A film of a terminal. Where nothing may move, or nothing can, it shows the last frame. */
export function terminalSvg(title: string, frames: readonly Frame[], columns: number, rows: number): string {
  const [width, height] = [Math.ceil(columns * CHARACTER) + 2 * PADDING, rows * LINE + BAR + PADDING];
  const total = (frames.at(-1)?.at ?? 0) + REST_MS;
  const moments = frames.map(({ at }, index) => [at, frames[index + 1]?.at ?? total] as const);
  const rules = moments.map(([from, to], index) => {
    const [begin, end] = [percent(from / total), percent(to / total)];
    return `@keyframes f${index} { 0% { visibility: hidden } ${begin} { visibility: visible } ${end} { visibility: hidden } }
#f${index} { animation: f${index} ${total}ms step-end infinite }`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}@media (prefers-reduced-motion: no-preference) {
g:last-of-type { visibility: hidden }
${rules.join('\n')}
}</style>
<rect width="${width}" height="${height}" rx="10" fill="#15171d"/>
<text class="title" x="${width / 2}" y="22" text-anchor="middle">${escaped(title)}</text>
${frames.map(({ lines }, index) => `<g id="f${index}">${lines.map(lineOf).join('')}</g>`).join('\n')}
</svg>
`;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

function lineOf(line: string, index: number): string {
  if (line.trim() === '') return '';
  return `<text${classOf(line)} x="${PADDING}" y="${BAR + (index + 1) * LINE - 5}">${escaped(line)}</text>`;
}

function classOf(line: string): string {
  if (/^(\$|> |.* > )/.test(line)) return ' class="own"';
  if (/^\s*(sent|stored|delivered|read): /.test(line)) return ' class="state"';
  return line.startsWith('You are') ? ' class="quiet"' : '';
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
