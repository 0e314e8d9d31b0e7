import { number } from '../load/report/format.ts';
import { table } from '../table.ts';
import type { End } from './ends.ts';
import { totalOf } from './fit.ts';
import { BUSY, type Need, type Plan } from './plan.ts';
import type { Comparison } from './predict.ts';

const GIB = 1024 ** 3;
const gib = (bytes: number): string => `${number(bytes / GIB)} GiB`;

/** The sheet, for people. */
export function sheetOf(need: Need, plan: Plan, ends: readonly End[]): string {
  const { layout, cores, gatewayBytes, brokerDiskBytes, databaseDiskBytes } = plan;
  const each = (total: number, processes: number) => `${number(total)} (${number(total / processes)} each)`;
  const { brokerNodes } = need;
  const rows = [
    ['', 'processes', 'cores busy at the peak', 'memory, disk of each'],
    ['gateway', `${layout.gateways}`, each(cores.gateway, layout.gateways), `${gib(gatewayBytes)} memory`],
    ['routing', `${layout.routing}`, each(cores.routing, layout.routing), ''],
    ['ack', `${layout.ack}`, each(cores.ack, layout.ack), ''],
    ['RabbitMQ', `${brokerNodes}`, each(cores.rabbitmq, 1), `${gib(brokerDiskBytes)} disk`],
    ['PostgreSQL', '1', each(cores.postgres, 1), `${gib(databaseDiskBytes)} disk`],
  ];
  const limits = ends.map(({ part, unit, most, used, then }) => [
    part,
    Number.isFinite(most) ? `${number(most)} ${unit}` : 'none',
    `${number(used * 100)} % of it`,
    then,
  ]);
  return [
    ...table(rows),
    '',
    `Services: at most ${BUSY * 100} % of a core each, at least two of each. RabbitMQ: cores for each node; ROUTE_PARTITIONS=${layout.partitions}.`,
    `All servers: ${number(totalOf(cores) + cores.rabbitmq * (brokerNodes - 1))} cores busy. Buy twice as many.`,
    '',
    'Where a part ends, how much of that this takes, and what then:',
    ...table(limits),
  ].join('\n');
}

const percent = (error: number): string => `${error >= 0 ? '+' : '−'}${number(Math.abs(error) * 100)} %`;

/** Predictions beside measurements. */
export function comparisonOf(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ loop, predicted, cpuError, throughputError }) => [
    `${loop.size.gateways}+${loop.size.routing}+${loop.size.ack}, ${number(loop.underWay)} under way`,
    `${number(predicted.perSecond)} / ${number(loop.perSecond)}`,
    percent(throughputError),
    `${number(totalOf(predicted.cpu))} / ${number(totalOf(loop.cpu))}`,
    percent(cpuError),
  ]);
  const head = ['predicted / measured', 'messages/s', 'error', 'CPU ms for 1,000', 'error'];
  return table([head, ...rows]).join('\n');
}
