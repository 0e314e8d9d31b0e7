import ora from 'ora';

/** Shows how a run goes on. */
export interface Progress {
  say: (text: string) => void;
}

/** Without a terminal the line is printed so often, milliseconds. */
const PRINT_EVERY = 10_000;

/** One line that changes, or one every now and then; `done` removes it. */
export function progressLine(): Progress & { done: () => void } {
  const spinner = ora({ discardStdin: false });
  let printed = 0;
  return {
    say: (text) => {
      if (spinner.isSpinning) spinner.text = text;
      else if (process.stdout.isTTY) spinner.start(text);
      else if (Date.now() - printed >= PRINT_EVERY) {
        printed = Date.now();
        console.log(text);
      }
    },
    done: () => void spinner.stop(),
  };
}
