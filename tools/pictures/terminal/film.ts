import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { REPOSITORY } from '../../stack/environment.ts';
import { until } from '../../stack/until.ts';
import { TerminalScreen } from './screen.ts';
import { type Frame, terminalSvg } from './svg.ts';

const [COLUMNS, ROWS] = [84, 12];
/** Time between two keys, milliseconds. */
const KEY_MS = 55;
/** What changes faster is one frame, milliseconds. */
const FRAME_MS = 50;

/** alice chats with bob in a pseudo-terminal of util-linux, and bob answers in another one. */
export async function filmOfChat(dataDir: string): Promise<string> {
  const [alice, bob] = [new Chat('alice', 'bob', dataDir), new Chat('bob', 'alice', dataDir)];
  await Promise.all([alice.shows(/You are alice/), bob.shows(/You are bob/)]);
  await alice.say('Lunch at one?');
  await alice.shows(/delivered: bob/);
  await bob.say('Yes! The usual place?');
  await alice.shows(/bob: Yes!/);
  await bob.quit();
  await alice.say('I have a table by the window');
  await alice.shows(/stored: bob/);
  const again = new Chat('bob', 'alice', dataDir);
  await again.say('On my way');
  await alice.shows(/bob: On my way/);
  await alice.quit();
  await again.quit();
  return terminalSvg('sixfold chat --as alice --to bob', alice.frames, COLUMNS, ROWS);
}

class Chat {
  readonly frames: Frame[] = [];
  readonly #screen = new TerminalScreen();
  readonly #child;
  readonly #ended;
  #began: number | undefined;

  constructor(user: string, to: string, dataDir: string) {
    const main = join(REPOSITORY, 'tools/cli/main.ts');
    const storage = join(dataDir, `chat-${user}`);
    const args = ['chat', '--as', user, '--to', to, '--data', dataDir, '--storage', storage];
    const command = [process.execPath, main, ...args].map((arg) => `'${arg}'`).join(' ');
    this.#child = spawn('script', ['-qfec', `stty cols ${COLUMNS} rows ${ROWS}; ${command}`, '/dev/null']);
    this.#ended = once(this.#child, 'exit');
    this.#child.stdout.on('data', (chunk: Buffer) => this.#film(chunk.toString()));
  }

  async say(text: string): Promise<void> {
    for (const key of text.split('')) {
      this.#child.stdin.write(key);
      await delay(KEY_MS);
    }
    this.#child.stdin.write('\r');
  }

  async shows(what: RegExp): Promise<void> {
    await until(() => this.#screen.lines(ROWS).some((line) => what.test(line)), {
      what: what.source,
      timeoutMs: 60_000,
    });
    await delay(600); // time to read
  }

  async quit(): Promise<void> {
    this.#child.stdin.write('\u0004');
    await this.#ended;
  }

  #film(text: string): void {
    this.#screen.write(text);
    const lines = this.#screen.lines(ROWS);
    if (lines.every((line) => line.trim() === '')) return;
    this.#began ??= performance.now();
    const at = Math.round(performance.now() - this.#began);
    const last = this.frames.at(-1);
    if (last && at - last.at < FRAME_MS) last.lines = lines;
    else this.frames.push({ at, lines });
  }
}
