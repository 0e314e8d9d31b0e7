import type { Context } from '../context.ts';
import { cpuTable, number, pair } from '../report/format.ts';
import type { Section, Table } from '../section.ts';
import { brokerLimit } from './broker.ts';
import { echoLimit } from './echo.ts';
import type { Limit } from './limit.ts';

/** What the machine can do at most: what is measured later is shown in relation to it. */
export async function measureLimits(context: Context): Promise<Section> {
  const { batches, rate } = context.options;
  for (const batch of batches) {
    context.say(`limit of the broker, ${batch} in one AMQP message`);
    context.limits.push(await ofBroker(context, batch));
  }
  context.say('limit of WebSockets');
  context.limits.push(await ofWebSockets(context));
  context.say(`the same at ${rate} messages/s`);
  const atRate = [await ofBroker(context, 1, rate), await ofWebSockets(context, rate)];
  const { limits } = context;
  return {
    title: 'What the machine can do at most',
    tables: [...tablesOf('Limit', limits), ...tablesOf(`At ${number(rate)}/s due`, atRate)],
    charts: [],
    data: { limits, atRate },
  };
}

function ofBroker({ options, ground }: Context, batch: number, rate?: number): Promise<Limit> {
  const { pairs, outstanding, seconds, warmup, bodyBytes, env } = options;
  const { dataDir, amqpUrl, roles } = ground;
  return brokerLimit({
    ...{ dataDir, amqpUrl, bodyBytes, batch, seconds, warmup, ...(rate !== undefined && { rate }) },
    queueType: env?.['QUEUE_TYPE'] ?? process.env['QUEUE_TYPE'] ?? 'quorum',
    outstanding: pairs * Math.max(1, ...outstanding),
    roles: roles.filter(({ role }) => role === 'rabbitmq'),
  });
}

function ofWebSockets({ options, ground }: Context, rate?: number): Promise<Limit> {
  const { pairs, outstanding, generators, seconds, warmup, bodyBytes } = options;
  return echoLimit({
    ...{ dataDir: ground.dataDir, bodyBytes, pairs, generators, seconds, warmup },
    ...(rate !== undefined && { rate }),
    outstanding: Math.max(1, ...outstanding),
  });
}

function tablesOf(what: string, limits: readonly Limit[]): Table[] {
  return [
    {
      head: [what, 'messages/s', 'p50 / p99 ms'],
      rows: limits.map(({ name, perSecond, latency }) => [
        name,
        number(perSecond),
        pair(latency.p50, latency.p99),
      ]),
    },
    cpuTable(limits.map(({ name, cpuByRole }) => ({ name, cpu: cpuByRole }))),
  ];
}
