import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import type { Surroundings } from '../surroundings.ts';

/** What a user does at the terminal. */
export interface ScreenEvents {
  line: (text: string) => void;
  /** A key, with what stands in the line after it. */
  key: (text: string) => void;
  /** Ctrl-C, Ctrl-D, or the terminal is gone. */
  end: () => void;
}

const PROMPT = '> ';

/** A terminal whose last line the user edits; everything else is printed above it. */
export class Screen {
  readonly #output: Surroundings['output'];
  readonly #lines: Interface;
  #isOpen = true;

  constructor({ input, output }: Pick<Surroundings, 'input' | 'output'>, events: ScreenEvents) {
    this.#output = output;
    this.#lines = createInterface({ input, output, terminal: true, prompt: PROMPT });
    this.#lines.on('line', (text) => {
      events.line(text.trim());
      if (this.#isOpen) this.#lines.prompt();
    });
    this.#lines.on('SIGINT', () => events.end()).on('close', () => events.end());
    input.on('keypress', () => setImmediate(() => this.#isOpen && events.key(this.#lines.line)));
  }

  /** Prints a line above the one that is edited. */
  print(text: string): void {
    if (this.#isOpen) this.#clear();
    this.#output.write(`${text}\n`);
    if (this.#isOpen) this.#lines.prompt(true);
  }

  /** Says before the edited line what others do now; empty: nothing. */
  hint(text: string): void {
    if (!this.#isOpen) return;
    this.#clear();
    this.#lines.setPrompt(text === '' ? PROMPT : `${text} ${PROMPT}`);
    this.#lines.prompt(true);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#clear();
    this.#isOpen = false;
    this.#lines.close();
  }

  #clear(): void {
    moveCursor(this.#output, 0, -this.#lines.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }
}

/** Text of others without what a terminal would take for commands. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}+/gu, (found) => (found === '\n' ? ' ⏎ ' : ' '));
