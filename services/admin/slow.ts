import { randomUUID } from 'node:crypto';
import type { Channel } from 'amqplib';
import { SlowSessionsReport, reportQueue, type SlowSession } from '#libs/broker/slow-sessions-report.ts';
import { gatewayQueue } from '#libs/broker/topology.ts';
import type { CommandBroker } from './broker.ts';

export interface Slow {
  /** Worst first, over all gateways that answered. */
  sessions: (SlowSession & { gateway: string })[];
  /** Sessions at those gateways, and how many of them have unsettled messages. */
  total: number;
  unsettled: number;
  /** Gateways that did not answer in time: they hang, are older, or their queue is too long. */
  silent: string[];
}

export interface SlowOptions {
  /** `<gateway id>.<incarnation>` of each. */
  gateways: readonly string[];
  most: number;
  waitMs: number;
}

/** Asks every gateway, through its queue, which of its sessions have unsettled messages. */
export async function askForSlow(broker: CommandBroker, options: SlowOptions): Promise<Slow> {
  const { gateways, most, waitMs } = options;
  const queue = reportQueue(randomUUID());
  const channel = await broker.connection.createChannel();
  const reports = new Map<string, SlowSessionsReport>();
  const asked = new Set<string>();
  await answersInto(channel, queue, reports);
  for (const gateway of gateways)
    if (await broker.put(gatewayQueue(gateway), JSON.stringify([{ kind: 'report', to: queue, most }])))
      asked.add(gateway);
  const deadline = Date.now() + waitMs;
  const waiting = () => [...asked].some((gateway) => !reports.has(gateway));
  while (waiting() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  await channel.close();
  const all = [...reports.values()];
  return {
    sessions: all
      .flatMap(({ gateway, slow }) => slow.map((session) => ({ ...session, gateway })))
      .sort((a, b) => b.messages - a.messages || b.sendBufferBytes - a.sendBufferBytes)
      .slice(0, most),
    total: all.reduce((sum, { sessions }) => sum + sessions, 0),
    unsettled: all.reduce((sum, { unsettled }) => sum + unsettled, 0),
    silent: gateways.filter((gateway) => !reports.has(gateway)),
  };
}

/** A queue that ends with our connection. */
async function answersInto(
  channel: Channel,
  queue: string,
  reports: Map<string, SlowSessionsReport>,
): Promise<void> {
  channel.on('error', () => undefined); // pending calls fail with it
  const exclusive = { exclusive: true, durable: false, autoDelete: true };
  await channel.assertQueue(queue, { ...exclusive, arguments: { 'x-queue-type': 'classic' } });
  await channel.consume(
    queue,
    (message) => {
      const read = message && SlowSessionsReport.safeParse(safeJson(message.content.toString()));
      if (read?.success) reports.set(read.data.gateway, read.data);
    },
    { noAck: true, exclusive: true },
  );
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
