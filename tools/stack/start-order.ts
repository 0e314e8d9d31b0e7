import { setting } from './environment.ts';
import { type Backend, type LocalOptions, planBroker, planDatabase, planServices } from './plan.ts';
import { acceptsQueries } from './postgres.ts';
import { type Report, reported } from './progress.ts';
import { ensureRabbitMq, locateRabbitMqServer } from './rabbitmq-install.ts';
import { acceptsConnections } from './rabbitmq.ts';
import { webSocketUrl } from './service.ts';
import type { StackFile } from './stack-file.ts';
import type { Supervisor } from './supervisor.ts';
import { until } from './until.ts';

/** How long the user's own broker or database may take to answer. */
const ANSWER_MS = 15_000;

/** Broker and database at the same time, then all services at the same time. Returns when all are ready. */
export async function startAll(options: LocalOptions, supervisor: Supervisor, report: Report): Promise<void> {
  if (setting('AMQP_URL') === undefined && locateRabbitMqServer() === undefined) {
    await reported(report, 'Install RabbitMQ with apt-get', ensureRabbitMq);
  }
  const [amqpUrl, databaseUrl] = await Promise.all([
    reported(report, 'RabbitMQ', () => startBroker(options, supervisor)),
    reported(report, 'PostgreSQL', () => startDatabase(options, supervisor)),
  ]);
  const services = await planServices(options, amqpUrl, databaseUrl);
  await Promise.all(services.map((spec) => reported(report, spec.name, () => supervisor.start(spec))));
}

async function startBroker(options: LocalOptions, supervisor: Supervisor): Promise<string> {
  const broker = await planBroker(options);
  await startOrAsk(supervisor, broker, 'the broker at AMQP_URL', (url) =>
    acceptsConnections(url, setting('AMQP_CA')),
  );
  return broker.url;
}

async function startDatabase(options: LocalOptions, supervisor: Supervisor): Promise<string> {
  const database = await planDatabase(options);
  await startOrAsk(supervisor, database, 'the database at DATABASE_URL', (url) =>
    acceptsQueries(url, setting('DATABASE_CA')),
  );
  return database.url;
}

/** One that the user runs is only asked whether it answers. */
async function startOrAsk(
  supervisor: Supervisor,
  { url, process }: Backend,
  name: string,
  answers: (url: string) => Promise<boolean>,
): Promise<void> {
  if (process) await supervisor.start(process);
  else await until(() => answers(url), { what: `${name} to answer`, timeoutMs: ANSWER_MS, intervalMs: 250 });
}

/** What stack.json says: services first, then what they stand on, and the supervisor. */
export function describeStack(supervisor: Supervisor): StackFile {
  const kinds = ['gateway', 'routing', 'ack', 'rabbitmq', 'postgres'];
  const rank = (name: string) => kinds.findIndex((kind) => name.startsWith(kind));
  const byNumber = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });
  const processes = supervisor.processes
    .map(({ spec: { name, port, http }, pid }) => ({
      name,
      pid,
      port,
      ...(http === undefined ? {} : { http }),
    }))
    .toSorted((a, b) => rank(a.name) - rank(b.name) || byNumber(a.name, b.name));
  const gateways = processes.filter(({ name }) => name.startsWith('gateway'));
  return {
    gateways: gateways.flatMap(({ http }) => (http === undefined ? [] : [webSocketUrl(http)])),
    processes: [...processes, { name: 'supervisor', pid: process.pid }],
  };
}
