import { join } from 'node:path';
import { setting } from './environment.ts';
import type { ManagedProcess } from './managed-process.ts';
import { freePortFrom, isPortFree } from './ports.ts';
import { portTakenMessage } from './port-owner.ts';
import { postgres } from './postgres.ts';
import { rabbitMq } from './rabbitmq.ts';
import { authSecretFile, readOrCreateSecret, secretFromEnvironment, usesPublicKey } from './secret.ts';
import { service, type ServiceKind } from './service.ts';

/** What the user asked for on the command line. */
export interface LocalOptions {
  gateways: number;
  routing: number;
  ack: number;
  /** Port of the first gateway; the others follow. */
  port: number;
  /** Absolute path of the data directory. */
  dataDir: string;
  /** Folder with other services than ours, for tests. */
  servicesDir?: string | undefined;
}

/** Where the ports nobody types are looked for, relative to the first gateway's. */
const OFFSET = { routing: 100, ack: 200, amqp: 1000, distribution: 1001, epmd: 1002, postgres: 1010 };

/** A broker or database: one that we run, or the address of one that the user runs. */
export interface Backend {
  url: string;
  process?: ManagedProcess;
}

/** The log of a process of the stack. */
export const logFileOf = (dataDir: string, name: string): string => join(dataDir, 'logs', `${name}.log`);

/** @throws Error that names the owner when a gateway's port is taken. */
export async function checkGatewayPorts({ port, gateways }: LocalOptions): Promise<void> {
  for (let next = port; next < port + gateways; next += 1) {
    if (await isPortFree(next)) continue;
    throw new Error(portTakenMessage(next, 'choose another port: npm start -- --port 9000'));
  }
}

/** The broker at AMQP_URL, else a private one. */
export async function planBroker({ dataDir, port }: LocalOptions): Promise<Backend> {
  const url = setting('AMQP_URL');
  if (url !== undefined) return { url };
  const broker = rabbitMq({
    dataDir,
    port: await freePortFrom(port + OFFSET.amqp),
    distributionPort: await freePortFrom(port + OFFSET.distribution),
    epmdPort: await freePortFrom(port + OFFSET.epmd),
    logFile: logFileOf(dataDir, 'rabbitmq'),
  });
  return { url: broker.url, process: broker };
}

/** The database at DATABASE_URL, else a private server. */
export async function planDatabase({ dataDir, port }: LocalOptions): Promise<Backend> {
  const url = setting('DATABASE_URL');
  if (url !== undefined) return { url };
  const database = postgres({
    dataDir,
    port: await freePortFrom(port + OFFSET.postgres),
    logFile: logFileOf(dataDir, 'postgres'),
  });
  return { url: database.url, process: database };
}

/** All service processes; gateways get the token secret, the others the database. */
export async function planServices(
  options: LocalOptions,
  amqpUrl: string,
  databaseUrl: string,
): Promise<ManagedProcess[]> {
  const plan = (kind: ServiceKind, index: number, port: number, env: NodeJS.ProcessEnv) => {
    const { dataDir, servicesDir } = options;
    const name = `${kind}-${index}`;
    const logFile = logFileOf(dataDir, name);
    return service({ kind, name, port, dataDir, logFile, env: { AMQP_URL: amqpUrl, ...env }, servicesDir });
  };
  const worker = async (kind: 'routing' | 'ack', index: number) => {
    const port = await freePortFrom(options.port + OFFSET[kind] + index - 1);
    return plan(kind, index, port, { DATABASE_URL: databaseUrl });
  };
  const secret = gatewaySecret(options.dataDir);
  const gateway = (index: number) => {
    const env = { DATABASE_URL: undefined, GATEWAY_ID: `gateway-${index}`, ...secret };
    return plan('gateway', index, options.port + index - 1, env);
  };
  return [
    ...numbers(options.gateways).map(gateway),
    ...(await inTurn(numbers(options.routing), (index) => worker('routing', index))),
    ...(await inTurn(numbers(options.ack), (index) => worker('ack', index))),
  ];
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

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

async function inTurn<T>(items: readonly number[], work: (item: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
