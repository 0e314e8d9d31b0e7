import {
  type Client,
  type IncomingMessage,
  type Signal,
  type Status,
  throttle,
} from '../../../libs/client/index.ts';
import { incomingLine, StateLines, stateLine } from './lines.ts';
import type { Screen } from './screen.ts';

/** A signal says typing at most as often, and is shown for as long, milliseconds. */
const TYPING_EVERY_MS = 3_000;
const TYPING_SHOWN_MS = 5_000;
const TYPING = 'typing';

export const HELP = [
  '/to bob,carol   write to these from now on',
  '/status         the connection, and what is on its way',
  '/quit           end (Ctrl-C, Ctrl-D); what was not accepted goes out with the next run',
];

export interface ChatOptions {
  to: readonly string[];
  thread: string | undefined;
  /** Tell senders that their messages were read. */
  marksRead: boolean;
  /** The user wants to end, or the client was closed. */
  end: (closed?: Extract<Status, { state: 'closed' }>) => void;
  /** @throws Error for users that are none */
  parseUsers: (text: string) => string[];
}

/** A conversation at a screen. */
export class Chat {
  readonly #client: Client;
  readonly #screen: Screen;
  readonly #options: ChatOptions;
  readonly #states = new StateLines();
  readonly #typing: () => void;
  /** Shown, and not read: nobody has touched a key since. */
  #shown: IncomingMessage[] = [];
  #to: readonly string[];
  #quiet: NodeJS.Timeout | undefined;

  constructor(client: Client, screen: Screen, options: ChatOptions) {
    this.#client = client;
    this.#screen = screen;
    this.#options = options;
    this.#to = options.to;
    this.#typing = throttle(TYPING_EVERY_MS, () => client.signal(this.#to, TYPING, this.#thread()));
  }

  /** Shows what comes from now on. */
  begin(): void {
    const [client, screen] = [this.#client, this.#screen];
    const waiting = client.outbox();
    if (waiting.length > 0) screen.print(`${waiting.length} messages of an earlier run are on their way.`);
    client.onOutgoing((message) => this.#states.linesFor(message).forEach((line) => screen.print(line)));
    client.onReceipt(({ to, state, reason = '' }) =>
      screen.print(stateLine(`${state} ${reason}`.trim(), [to], 'of an earlier run')),
    );
    client.onMessage((message) => this.#came(message));
    client.onSignal((signal) => this.#signal(signal));
    client.onStatus((status) => this.#status(status));
  }

  /** The user pressed a key: what is on the screen is seen. */
  key(text: string): void {
    if (text !== '' && !text.startsWith('/')) this.#typing();
    if (this.#options.marksRead) this.#client.markRead(...this.#shown.splice(0));
  }

  /** The user entered a line. */
  line(text: string): void {
    const [, command, rest = ''] = /^\/(\w+)\s*(.*)$/.exec(text) ?? [];
    if (command !== undefined) this.#command(command, rest);
    else if (text !== '') this.#send(text);
  }

  end(): void {
    clearTimeout(this.#quiet);
  }

  #send(text: string): void {
    const [first, ...others] = this.#to;
    if (first === undefined) return;
    try {
      const to = others.length === 0 ? first : this.#to;
      const { id } = this.#client.send(to, text, { ...this.#thread(), read: true });
      this.#states.sent(id, text);
    } catch (error) {
      this.#screen.print(error instanceof Error ? error.message : String(error));
    }
  }

  #command(command: string, rest: string): void {
    if (command === 'quit') this.#options.end();
    else if (command === 'status') this.#screen.print(this.#statusText());
    else if (command === 'to') this.#writeTo(rest);
    else HELP.forEach((line) => this.#screen.print(line));
  }

  #writeTo(text: string): void {
    try {
      const users = this.#options.parseUsers(text);
      if (users.length > 0) this.#to = users;
      this.#screen.print(`You write to ${this.#to.join(', ')}.`);
    } catch (error) {
      this.#screen.print(error instanceof Error ? error.message : String(error));
    }
  }

  #statusText(): string {
    const { status } = this.#client;
    const where = status.state === 'online' ? `online at ${status.url}` : status.state;
    return `${where}; you write to ${this.#to.join(', ')}; ${this.#client.outbox().length} messages are on their way`;
  }

  #came(message: IncomingMessage): void {
    this.#screen.hint('');
    this.#screen.print(incomingLine(message));
    this.#shown.push(message);
  }

  #signal({ from, body }: Signal): void {
    if (body !== TYPING) return;
    this.#screen.hint(`${from} is typing…`);
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#screen.hint(''), TYPING_SHOWN_MS);
  }

  #status(status: Status): void {
    if (status.state === 'closed') this.#options.end(status);
    else if (status.state === 'online') this.#screen.print(`Online at ${status.url}.`);
    else if (status.state === 'waiting')
      this.#screen.print(`Offline (${status.reason}); it connects again by itself.`);
  }

  #thread(): { thread?: string } {
    const { thread } = this.#options;
    return thread === undefined ? {} : { thread };
  }
}
