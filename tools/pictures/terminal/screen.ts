const ESCAPE = '\u001b';
const TOKENS = new RegExp(`${ESCAPE}\\[[?\\d;]*[A-Za-z]|[^]`, 'gu');
const COMMAND = new RegExp(`^${ESCAPE}\\[\\??([\\d;]*)([A-Za-z])$`);

/** Lines of a terminal as a program writes to it: as much of its language as Node's readline uses. */
export class TerminalScreen {
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  write(text: string): void {
    for (const [token] of text.matchAll(TOKENS)) this.#take(token);
  }

  /** The last lines that are visible. */
  lines(count: number): string[] {
    return this.#rows
      .map((row) => Array.from(row, (one: string | undefined) => one ?? ' ').join(''))
      .slice(-count);
  }

  #take(token: string): void {
    const [, amount = '', command = ''] = COMMAND.exec(token) ?? [];
    if (command !== '') this.#obey(command, amount);
    else if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#move(1);
    else if (token >= ' ') this.#line[this.#column++] = token;
  }

  #obey(command: string, amount: string): void {
    const n = Number(amount === '' ? 1 : amount);
    if (command === 'A') this.#move(-n);
    else if (command === 'B') this.#move(n);
    else if (command === 'C') this.#column += n;
    else if (command === 'D') this.#column = Math.max(0, this.#column - n);
    else if (command === 'G') this.#column = n - 1;
    else if (command === 'K' || command === 'J')
      this.#line.length = Math.min(this.#line.length, this.#column);
    if (command === 'J') this.#rows.length = this.#row + 1;
  }

  get #line(): string[] {
    return (this.#rows[this.#row] ??= []);
  }

  #move(rows: number): void {
    this.#row = Math.max(0, this.#row + rows);
    while (this.#rows.length <= this.#row) this.#rows.push([]);
  }
}
