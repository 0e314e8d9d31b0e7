import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { detailsOf, stepsOf } from '../../trace/steps.ts';
import type { ClientEvent, FaultEvent } from '../history.ts';
import type { Message } from './facts.ts';

interface Line {
  t: number;
  who: string;
  text: string;
}

export interface Sources {
  histories: readonly (readonly ClientEvent[])[];
  faults: readonly FaultEvent[];
  /** Log files of the services. */
  logs: readonly string[];
}

/** Everything that happened to one message, in order: at clients, in services, and what the nemesis did meanwhile. */
export function timelineOf(message: Message, { histories, faults, logs }: Sources): string {
  const lines = [
    ...histories.flat().flatMap((event) => clientLine(event, message)),
    ...logs.flatMap((path) => serviceLines(path, message)),
  ].sort((a, b) => a.t - b.t);
  const [first, last] = [lines[0]?.t ?? message.sentAt, lines.at(-1)?.t ?? message.sentAt];
  const meanwhile = faults.flatMap(({ struck, healed, fault, target, what }): Line[] => {
    if ((healed ?? Infinity) < first || struck > last) return [];
    const end =
      healed === undefined ? [] : [{ t: healed, who: 'nemesis', text: `healed: ${fault} ${target}` }];
    return [{ t: struck, who: 'nemesis', text: `${fault} ${target}: ${what}` }, ...end];
  });
  return [...lines, ...meanwhile]
    .sort((a, b) => a.t - b.t)
    .map(({ t, who, text }) => `  ${new Date(t).toISOString().slice(11, 23)} ${who.padEnd(12)} ${text}`)
    .join('\n');
}

/** `from`, `to` and `id` in an event or a packet name a message in one of two ways: by its sender, or to its sender. */
function clientLine(event: ClientEvent, { from, to, id }: Message): Line[] {
  const { t, who, is } = event;
  const user = who.slice(0, who.indexOf('/'));
  if (user !== from && user !== to) return [];
  if (is === 'closed' || is === 'left')
    return [{ t, who, text: is === 'left' ? 'left' : `closed, ${event.code}` }];
  const data = is === 'in' || is === 'out' ? event.packet : event;
  const text = JSON.stringify(data);
  if (!text.includes(`"id":"${id}"`) && !text.includes('"login:')) return [];
  const sender = (data as { from?: string }).from;
  if (sender !== undefined && sender !== from) return [];
  const arrow = is === 'in' ? '<- ' : is === 'out' ? '-> ' : '';
  return [{ t, who, text: `${arrow}${is === 'in' || is === 'out' ? brief(text, id) : `${is} ${id}`}` }];
}

/** A page of a mailbox holds others, too. */
function brief(text: string, id: string): string {
  if (text.length < 300) return text;
  const at = text.indexOf(`"id":"${id}"`);
  return `${text.slice(0, 20)}… ${text.slice(Math.max(0, at - 60), at + 140)} …`;
}

function serviceLines(path: string, message: Message): Line[] {
  return [`${path}.1`, path].filter(existsSync).flatMap((file) =>
    stepsOf(readFileSync(file, 'utf8').split('\n'), message).map((step) => ({
      t: step.t,
      who: basename(path, '.log'),
      text: `[${step.pid}] ${step.step}${detailsOf(step)}`,
    })),
  );
}
