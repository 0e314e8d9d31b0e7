import type { Context } from '../context.ts';
import { cpuTable, number, p50p99 } from '../report/format.ts';
import type { Limit } from '../report/points.ts';
import { type Section, type Table, tableOf } from '../report/section.ts';
import { brokerLimit } from './broker.ts';
import { echoLimit } from './echo.ts';

/** What the machine can do at most: later results are shown in relation to it. */
export async function measureLimits(context: Context): Promise<Section> {
  const { limits } = context;
  const { batches, rate } = context.options;
  for (const batch of batches) {
    context.say(`limit of the broker, ${batch} in one AMQP message`);
    limits.push(await brokerLimit(context, batch));
  }
  context.say('limit of WebSockets');
  limits.push(await echoLimit(context));
  context.say(`the same at ${rate} messages/s`);
  const atRate = [await brokerLimit(context, 1, { rate }), await echoLimit(context, rate)];
  return {
    title: 'What the machine can do at most',
    tables: [...tablesOf('Limit', limits), ...tablesOf(`At ${number(rate)}/s due`, atRate)],
    data: { limits, atRate },
  };
}

const tablesOf = (what: string, limits: readonly Limit[]): Table[] => [
  tableOf(limits, {
    [what]: ({ name }) => name,
    'messages/s': ({ perSecond }) => number(perSecond),
    'p50 / p99 ms': p50p99,
  }),
  cpuTable(limits.map(({ name, cpuByRole }) => ({ name, cpu: cpuByRole }))),
];
