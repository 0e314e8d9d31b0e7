import type { Wired } from './wire.ts';
import type { Step, World } from './world.ts';

/**
 * What the services did before this packet of the highlighted message: from their traces, where these have come, else as
 * far as it follows from what was seen.
 */
export function notesBefore({ steps }: World, packets: readonly Wired[], index: number): string[] {
  const packet = packets[index];
  if (!packet || packet.fate === 'dropped') return [];
  const earlier = packets.slice(0, index).filter(({ type }) => type === packet.type);
  // The second packet of a type comes from the second step of its kind.
  const step = steps.filter((each) => LEADS_TO[packet.type]?.includes(each.step))[earlier.length];
  return step ? [traced(step, packet)] : inferredBefore(packet, earlier);
}

/** The steps that lead to a packet. */
const LEADS_TO: Record<string, readonly string[] | undefined> = {
  ...{ 'msg:A': ['accept'], 'msg:N': ['route'], 'ack:A': ['confirm'], 'ack:N': ['store', 'receipt'] },
};

function traced(step: Step, packet: Wired): string {
  const text = textOf(step, packet);
  if (isDirect(step)) return text;
  return `${waited(step)}${text}, ${tenths(step.endedAt - step.startedAt)} ms`;
}

/** The gateway of the receiver sends the receipt to the one of the sender, without a queue between. */
const isDirect = ({ service, step }: Step): boolean => service === 'gateway' && step === 'receipt';

function waited({ step, startedAt, previousEndedAt }: Step): string {
  if (previousEndedAt === undefined || step === 'confirm') return '';
  return `${tenths(Math.max(0, startedAt - previousEndedAt))} ms in the queue · `;
}

const tenths = (ms: number): string => ms.toFixed(1);

function textOf(from: Step, { user, gateway }: Wired): string {
  const { service, instance, step, outcome } = from;
  const who = service === 'gateway' ? instance : service;
  if (step === 'accept') return `${who}: on disk at RabbitMQ`;
  if (step === 'confirm') return `${who}: the confirmation is on disk`;
  if (step === 'store') return `${who}: ${outcome === 'stored' ? 'into the mailbox' : outcome}`;
  return isDirect(from)
    ? `${who}: the receipt goes straight to ${gateway}`
    : `${who}: ${user} is at ${gateway}`;
}

function inferredBefore(packet: Wired, earlier: readonly Wired[]): string[] {
  switch (packet.type) {
    case 'msg:A':
      return earlier.length === 0 ? ['on disk in a quorum queue: confirmed'] : [];
    case 'msg:N':
      return earlier.some(({ who }) => who === packet.who)
        ? []
        : [`routing: ${packet.user} is at ${packet.gateway}`];
    case 'ack:A':
      return earlier.length === 0 ? ['the confirmation is on disk'] : [];
    case 'ack:N':
      return [ofReceipt(packet)];
    case 'offline:N':
      return packet.detail === 'hint' ? [] : [`routing: read the mailbox of ${packet.user}`];
    case 'offline:A':
      return ['next: PostgreSQL deletes the entries'];
    default:
      return [];
  }
}

function ofReceipt({ detail, to, user, gateway }: Wired): string {
  if (detail === 'stored') return `routing: ${to.join(', ')} away, into the mailbox`;
  if (detail === 'rejected') return 'the message cannot be kept';
  return `ack: ${user} is at ${gateway}`;
}
