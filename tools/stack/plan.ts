import { join } from 'node:path';
import { setting } from './environment.ts';
import { ensureRabbitMq, locate } from './install.ts';
import { type Control, startControl } from './control.ts';
import { buildPage } from './page.ts';
import type { ManagedProcess } from './managed-process.ts';
import { portTakenMessage } from './port-owner.ts';
import { freePortFrom, isPortFree } from './ports.ts';
import { acceptsQueries, postgres } from './postgres.ts';
import { type Report, reported } from './progress.ts';
import { acceptsConnections, rabbitMq } from './rabbitmq.ts';
import {
  authSecretFile,
  readOrCreateSecret,
  receiptSecretFile,
  secretFromEnvironment,
  usesPublicKey,
  webhookSecretFile,
} from './secret.ts';
import { service, type ServiceKind } from './service.ts';
import type { Supervisor } from './supervisor.ts';
import { until } from './until.ts';

/** What the user asked for on the command line. */
export interface LocalOptions {
  gateways: number;
  routing: number;
  ack: number;
  /** Without it: one if WEBHOOK_URL is set, else none. */
  webhook?: number | undefined;
  /** Port of the first gateway; the others follow. */
  port: number;
  /** Absolute path of the data directory. */
  dataDir: string;
}

/** Where the ports nobody types are looked for, relative to the first gateway's. */
const OFFSET = {
  routing: 100,
  ack: 200,
  webhook: 300,
  control: 400,
  amqp: 1000,
  distribution: 1001,
  epmd: 1002,
  postgres: 1010,
};
/** How long the user's own broker or database may take to answer. */
const ANSWER_MS = 15_000;

/** The log of a process of the stack. */
export const logFileOf = (dataDir: string, name: string): string => join(dataDir, 'logs', `${name}.log`);

/** @throws Error that names the owner when a gateway's port is taken. */
export async function checkGatewayPorts({ port, gateways }: LocalOptions): Promise<void> {
  for (let next = port; next < port + gateways; next += 1)
    if (!(await isPortFree(next)))
      throw new Error(portTakenMessage(next, 'choose another port: npm start -- --port 9000'));
}

/** Broker and database at the same time, then all services at the same time. Returns when all are ready. */
export async function startAll(
  options: LocalOptions,
  supervisor: Supervisor,
  report: Report,
  control?: Control,
): Promise<void> {
  const install = async () => {
    if (setting('AMQP_URL') === undefined && locate('rabbitmq-server') === undefined)
      await reported(report, 'Install RabbitMQ with apt-get', ensureRabbitMq);
  };
  const page = reported(report, 'Demo page', buildPage);
  const [amqpUrl, databaseUrl] = await Promise.all([
    install().then(() => reported(report, 'RabbitMQ', () => startBroker(options, supervisor))),
    reported(report, 'PostgreSQL', () => startDatabase(options, supervisor)),
  ]);
  const services = await planServices(
    options,
    { AMQP_URL: amqpUrl, ...tracingSettings(control) },
    databaseUrl,
    demoSettings(options, control),
  );
  await Promise.all(services.map((spec) => reported(report, spec.name, () => supervisor.start(spec))));
  const failure = await page;
  if (failure !== undefined) report({ kind: 'line', text: `The demo page could not be built: ${failure}` });
}

/** Pages of our gateways, as a browser names them. */
const originsOf = ({ port, gateways }: LocalOptions): string[] =>
  Array.from({ length: gateways }, (_, n) => port + n).flatMap((each) =>
    ['127.0.0.1', 'localhost'].map((host) => `${setting('TLS_CERT') ? 'https' : 'http'}://${host}:${each}`),
  );

/** Where the demo page of this stack has processes killed. */
export const controlOf = async (options: LocalOptions, supervisor: Supervisor): Promise<Control> =>
  startControl(supervisor, await freePortFrom(options.port + OFFSET.control), originsOf(options));

/** The demo page, unless the environment says otherwise. */
function demoSettings({ port, gateways }: LocalOptions, control: Control | undefined): NodeJS.ProcessEnv {
  const scheme = setting('TLS_CERT') ? 'wss' : 'ws';
  const urls = Array.from({ length: gateways }, (_, n) => `${scheme}://127.0.0.1:${port + n}/ws`);
  return {
    DEMO: setting('DEMO') ?? '1',
    DEMO_GATEWAYS: setting('DEMO_GATEWAYS') ?? urls.join(','),
    ...(control && { DEMO_CONTROL_URL: control.url, DEMO_CONTROL_TOKEN: control.token }),
  };
}

/** The demo page shows what the services did with a message, unless their spans go to the user's own collector. */
function tracingSettings(control: Control | undefined): NodeJS.ProcessEnv {
  if (!control || (setting('DEMO') ?? '1') !== '1' || setting('OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined)
    return {};
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: control.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${encodeURIComponent(`Bearer ${control.token}`)}`,
  };
}

/** A private broker, unless the user runs one at AMQP_URL, which is only asked whether it answers. */
async function startBroker({ dataDir, port }: LocalOptions, supervisor: Supervisor): Promise<string> {
  const url = setting('AMQP_URL');
  if (url !== undefined)
    return untilAnswers('the broker at AMQP_URL', url, () => acceptsConnections(url, setting('AMQP_CA')));
  const broker = rabbitMq({
    dataDir,
    port: await freePortFrom(port + OFFSET.amqp),
    distributionPort: await freePortFrom(port + OFFSET.distribution),
    epmdPort: await freePortFrom(port + OFFSET.epmd),
    logFile: logFileOf(dataDir, 'rabbitmq'),
  });
  await supervisor.start(broker);
  return broker.url;
}

/** Likewise the database, and DATABASE_URL. */
async function startDatabase({ dataDir, port }: LocalOptions, supervisor: Supervisor): Promise<string> {
  const url = setting('DATABASE_URL');
  if (url !== undefined)
    return untilAnswers('the database at DATABASE_URL', url, () =>
      acceptsQueries(url, setting('DATABASE_CA')),
    );
  const [ownPort, logFile] = [await freePortFrom(port + OFFSET.postgres), logFileOf(dataDir, 'postgres')];
  const database = postgres({ dataDir, port: ownPort, logFile });
  await supervisor.start(database);
  return database.url;
}

async function untilAnswers(name: string, url: string, answers: () => Promise<boolean>): Promise<string> {
  await until(answers, { what: `${name} to answer`, timeoutMs: ANSWER_MS, intervalMs: 250 });
  return url;
}

/**
 * All service processes; gateways get the token secret, the others the database.
 *
 * @param common settings of all services
 */
async function planServices(
  options: LocalOptions,
  common: NodeJS.ProcessEnv,
  DATABASE_URL: string,
  demo: NodeJS.ProcessEnv,
): Promise<ManagedProcess[]> {
  const { dataDir } = options;
  const specs: ManagedProcess[] = [];
  const plan = (kind: ServiceKind, index: number, port: number, env: NodeJS.ProcessEnv) => {
    const name = `${kind}-${index}`;
    const logFile = logFileOf(dataDir, name);
    specs.push(service({ kind, name, port, dataDir, logFile, env: { ...common, ...env } }));
  };
  const secret = { ...gatewaySecret(dataDir), ...receiptSecret(dataDir) };
  for (let n = 1; n <= options.gateways; n += 1) {
    const env = { DATABASE_URL: undefined, GATEWAY_ID: `gateway-${n}`, ...secret, ...demo };
    plan('gateway', n, options.port + n - 1, env);
  }
  for (const kind of ['routing', 'ack'] as const)
    for (let n = 1; n <= options[kind]; n += 1)
      plan(kind, n, await freePortFrom(options.port + OFFSET[kind] + n - 1), { DATABASE_URL });
  const { webhook = setting('WEBHOOK_URL') === undefined ? 0 : 1 } = options;
  for (let n = 1; n <= webhook; n += 1) {
    const env = { DATABASE_URL: undefined, ...webhookSecret(dataDir) };
    plan('webhook', n, await freePortFrom(options.port + OFFSET.webhook + n - 1), env);
  }
  return specs;
}

/**
 * Nothing to add when the user's environment says how tokens are checked. Whatever secret that is, it is taken: these
 * gateways listen on this machine only, and say in their log if it is short.
 */
export function gatewaySecret(dataDir: string): NodeJS.ProcessEnv {
  if (usesPublicKey()) return {};
  if (secretFromEnvironment() !== undefined)
    return { AUTH_SECRET_MIN_BYTES: setting('AUTH_SECRET_MIN_BYTES') ?? '1' };
  return { AUTH_SECRET: readOrCreateSecret(authSecretFile(dataDir)) };
}

/** The key of read receipts; nothing to add when the user's environment has one. */
function receiptSecret(dataDir: string): NodeJS.ProcessEnv {
  if (setting('RECEIPT_SECRET') !== undefined) return {};
  return { RECEIPT_SECRET: readOrCreateSecret(receiptSecretFile(dataDir)) };
}

/** The key that webhooks are signed with (Standard Webhooks); nothing to add when the user's environment has one. */
function webhookSecret(dataDir: string): NodeJS.ProcessEnv {
  if (setting('WEBHOOK_SECRET') !== undefined) return {};
  return { WEBHOOK_SECRET: readOrCreateSecret(webhookSecretFile(dataDir), 'whsec_', 'base64') };
}
