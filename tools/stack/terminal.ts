import ora from 'ora';
import { styleText } from 'node:util';
import type { Report } from './progress.ts';

/**
 * Shows the events of a start: in a terminal one moving line with the steps under way and their seconds,
 * elsewhere (a pipe, CI) plain lines. Every finished step stays as a line with its time.
 */
export function terminalReport(): Report {
  const isTerminal = process.stdout.isTTY;
  const spinner = ora({ stream: process.stdout, discardStdin: false });
  const open = new Map<string, number>();
  const seconds = (began: number) => Math.floor((Date.now() - began) / 1000);
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    spinner.text = [...open].map(([step, began]) => `${step} ${seconds(began)} s`).join(', ');
  };
  const print = (text: string) => {
    spinner.stop();
    console.log(text);
    if (isTerminal && open.size > 0) spinner.start();
  };
  return (event) => {
    if (event.kind === 'line') print(event.text);
    if (event.kind === 'begin') {
      open.set(event.step, Date.now());
      if (isTerminal) spinner.start();
      else print(`  ${event.step} …`);
    }
    if (event.kind === 'end') {
      open.delete(event.step);
      const mark = event.failed ? styleText('red', '✖') : styleText('green', '✔');
      print(`${mark} ${event.step} ${styleText('dim', `${(event.ms / 1000).toFixed(1)} s`)}`);
    }
    clearInterval(timer);
    if (!isTerminal || open.size === 0) return;
    draw();
    timer = setInterval(draw, 1_000);
  };
}
