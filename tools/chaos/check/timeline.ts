import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { table } from '../../table.ts';
import { detailsOf, stepsOf } from '../../../services/admin/trace/steps.ts';
import type { ClientEvent, FaultEvent } from '../history.ts';
import { type Message, userOf } from './message.ts';

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

/** Everything that happened to one message, in order: at clients, in services, and the faults meanwhile. */
export function timelineOf(message: Message, { histories, faults, logs }: Sources): string {
  const lines = [
    ...histories.flat().flatMap((event) => clientLine(event, message)),
    ...logs.flatMap((path) => serviceLines(path, message)),
  ];
  const times = lines.length > 0 ? lines.map(({ t }) => t) : [message.sentAt];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const meanwhile = faults.flatMap(({ began, healed = Infinity, fault, target, what }): Line[] => {
    if (healed < first || began > last) return [];
    const begin = { t: began, who: 'nemesis', text: `${fault} ${target}: ${what}` };
    const end = { t: healed, who: 'nemesis', text: `healed: ${fault} ${target}` };
    return healed === Infinity ? [begin] : [begin, end];
  });
  const rows = [...lines, ...meanwhile]
    .sort((a, b) => a.t - b.t)
    .map(({ t, who, text }) => [new Date(t).toISOString().slice(11, 23), who, text]);
  return table(rows).join('\n');
}

/** `from`, `to` and `id` in an event or a packet name a message in one of two ways: by its sender, or to its sender. */
function clientLine(event: ClientEvent, { from, to, id }: Message): Line[] {
  const { t, who, is } = event;
  if (![from, to].includes(userOf(who))) return [];
  if (is === 'left') return [{ t, who, text: 'left' }];
  if (is === 'closed') return [{ t, who, text: `closed, ${event.code}` }];
  const isPacket = is === 'in' || is === 'out';
  const data = isPacket ? event.packet : event;
  const text = JSON.stringify(data);
  if (!text.includes(`"id":"${id}"`) && !text.includes('"login:')) return [];
  const sender = (data as { from?: string }).from ?? from;
  if (sender !== from) return [];
  return [{ t, who, text: isPacket ? `${is === 'in' ? '<-' : '->'} ${brief(text, id)}` : `${is} ${id}` }];
}

/** A page of a mailbox holds others, too. */
function brief(text: string, id: string): string {
  if (text.length < 300) return text;
  const at = text.indexOf(`"id":"${id}"`);
  return `${text.slice(0, 20)}… ${text.slice(Math.max(0, at - 60), at + 140)} …`;
}

function serviceLines(path: string, message: Message): Line[] {
  return [`${path}.1`, path].filter(existsSync).flatMap((file) =>
    stepsOf(readFileSync(file, 'utf8').split('\n'), message).map((step) => {
      const text = `[${step.pid}] ${step.step}${detailsOf(step)}`;
      return { t: step.t, who: basename(path, '.log'), text };
    }),
  );
}
