import { clearLine, cursorTo } from 'node:readline';
import { styleText } from 'node:util';
import type { Report, StartEvent } from './progress.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/**
 * Shows the events of a start: in a terminal one moving line with the steps under way and their seconds,
 * elsewhere (a pipe, CI) plain lines. Every finished step stays as a line with its time.
 */
export function terminalReport(out: NodeJS.WriteStream = process.stdout): Report {
  const open = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let frame = 0;

  const clear = () => {
    if (!timer) return;
    clearLine(out, 0);
    cursorTo(out, 0);
  };
  const draw = () => {
    const steps = [...open].map(([step, began]) => `${step} ${Math.floor((Date.now() - began) / 1000)} s`);
    clear();
    frame += 1;
    out.write(`${styleText('cyan', FRAMES[frame % FRAMES.length] ?? '')} ${steps.join(', ')}`);
  };
  const print = (text: string) => {
    clear();
    out.write(`${text}\n`);
  };

  return (event: StartEvent) => {
    if (event.kind === 'line') print(event.text);
    if (event.kind === 'begin') open.set(event.step, Date.now());
    if (event.kind === 'begin' && !out.isTTY) print(`  ${event.step} …`);
    if (event.kind === 'end') {
      open.delete(event.step);
      const mark = event.failed ? styleText('red', '✖') : styleText('green', '✔');
      print(`${mark} ${event.step} ${styleText('dim', `${(event.ms / 1000).toFixed(1)} s`)}`);
    }
    if (open.size > 0 && out.isTTY) timer ??= setInterval(draw, FRAME_MS);
    if (open.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}
