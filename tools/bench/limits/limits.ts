import type { Context } from '../context.ts';
import { cpuTable, number } from '../report/format.ts';
import type { Section } from '../section.ts';
import { brokerLimit } from './broker.ts';
import { echoLimit } from './echo.ts';

/** What the machine can do at most: what is measured later is shown in relation to it. */
export async function measureLimits(context: Context): Promise<Section> {
  const { pairs, seconds, warmup, bodyBytes, generators, env, batches } = context.options;
  const { dataDir, amqpUrl, roles } = context.ground;
  const outstanding = Math.max(1, ...context.options.outstanding);
  const common = { dataDir, bodyBytes, seconds, warmup };
  const queueType = env?.['QUEUE_TYPE'] ?? process.env['QUEUE_TYPE'] ?? 'quorum';
  const broker = {
    amqpUrl,
    queueType,
    outstanding: pairs * outstanding,
    roles: roles.filter(({ role }) => role === 'rabbitmq'),
  };
  for (const batch of batches) {
    context.say(`limit of the broker, ${batch} in one AMQP message`);
    context.limits.push(await brokerLimit({ ...common, ...broker, batch }));
  }
  context.say('limit of WebSockets');
  context.limits.push(await echoLimit({ ...common, pairs, outstanding, generators }));
  const { limits } = context;
  return {
    title: 'What the machine can do at most',
    tables: [
      {
        head: ['Limit', 'messages/s'],
        rows: limits.map(({ name, perSecond }) => [name, number(perSecond)]),
      },
      cpuTable(limits.map(({ name, cpuByRole }) => ({ name, cpu: cpuByRole }))),
    ],
    charts: [],
    data: limits,
  };
}
