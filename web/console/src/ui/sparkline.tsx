/** Size of the drawing; the element has its own. */
const WIDTH = 160;
const HEIGHT = 36;
/** Fewer values take part of the width. */
const LEAST = 15;
/** Room for the width of the line. */
const EDGE = 2;

/** The course of a value, newest at the right. What it says stands beside it as a number. */
export function Sparkline({ values }: { values: readonly number[] }) {
  const top = Math.max(...values, 0) || 1;
  const x = (index: number) =>
    WIDTH - (values.length - 1 - index) * (WIDTH / (Math.max(LEAST, values.length) - 1));
  const y = (value: number) => HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE);
  const line = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {line.length > 1 && (
        <>
          <polygon points={`${x(0).toFixed(1)},${HEIGHT} ${line.join(' ')} ${WIDTH},${HEIGHT}`} />
          <polyline points={line.join(' ')} vector-effect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
