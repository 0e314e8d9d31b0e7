import { styleText } from 'node:util';
import type { IncomingMessage, OutgoingMessage, OutgoingState } from '../../../libs/client/index.ts';
import { printable } from './screen.ts';

/** Characters of a message that its state line repeats. */
const EXCERPT = 40;

/** A body as a person reads it. */
export const bodyText = (body: unknown): string =>
  printable(typeof body === 'string' ? body : JSON.stringify(body));

const time = (at: number): string => new Date(at).toTimeString().slice(0, 8);

/** The line of a message that came. */
export const incomingLine = ({ at, from, thread, body }: IncomingMessage): string =>
  `${styleText('dim', time(at))} ${styleText('bold', from)}${thread === undefined ? '' : ` [${thread}]`}: ${bodyText(body)}`;

const excerpt = (text: string): string => (text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text);

/** Says what became of the messages that were sent, each news once. */
export class StateLines {
  /** Texts by id, for as long as there may be news. */
  readonly #texts = new Map<string, string>();
  readonly #told = new Map<string, OutgoingState>();

  sent(id: string, body: unknown): void {
    this.#texts.set(id, excerpt(bodyText(body)));
  }

  /** The lines for what is new. Receivers with the same news share a line. */
  linesFor({ id, receivers }: Pick<OutgoingMessage, 'id' | 'receivers'>): string[] {
    const news = receivers.filter(({ to, state }) => {
      const isNew = state !== 'sending' && this.#told.get(`${to}/${id}`) !== state;
      if (isNew) this.#told.set(`${to}/${id}`, state);
      return isNew;
    });
    const text = this.#texts.get(id) ?? 'of an earlier run';
    return [...Map.groupBy(news, ({ state, reason }) => [state, reason ?? ''].join(' ').trim())].map(
      ([what, those]) =>
        stateLine(
          what,
          those.map(({ to }) => to),
          text,
        ),
    );
  }
}

/** The line that says what became of a message. */
export const stateLine = (what: string, users: readonly string[], text: string): string =>
  styleText('dim', `         ${what}: ${users.join(', ')}${text === '' ? '' : ` (${text})`}`);
