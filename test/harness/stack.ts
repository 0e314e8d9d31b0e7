import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { BackendOptions, Backends } from '../../tools/testkit/backends.ts';
import { createVirtualHost } from './broker-admin.ts';
import { createDatabase } from './database-admin.ts';
import type { Certificates } from './certificates.ts';
import { startInfrastructure, temporaryFolder } from './infrastructure.ts';
import { printLogsOfFailedTests } from './logs.ts';
import { PrivateNetwork } from './private-network.ts';
import { Stack } from './running-stack.ts';

export type { Stack } from './running-stack.ts';

printLogsOfFailedTests();

/** What a test wants to run. */
export interface StackOptions {
  /** Number of processes of each service; the defaults are 2, 1 and 1. */
  gateways?: number;
  routing?: number;
  ack?: number;
  /** Environment of every service, on top of the test's own. */
  env?: NodeJS.ProcessEnv;
  /** A broker and a database of this stack's own (7 s), for tests that end those. */
  ownInfrastructure?: boolean;
  /** The same, with a broker of three nodes (about 15 s). */
  cluster?: boolean;
  /**
   * The nodes of that cluster have machines of their own, on a network that can be split; one that is silent for this
   * long is taken for down by the others, seconds.
   */
  silenceS?: number;
  /** The same, with TLS as well: the services use it if `env` says so. */
  tls?: Certificates;
  /** Work tree whose services run; default: this one. */
  root?: string;
}

let stacks = 0;

/**
 * Starts real service processes on free ports, with a virtual host and a database of their own; returns
 * when all are ready. Use it with `await using`, or call `stop()`.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { gateways = 2, routing = 1, ack = 1, env = {}, root } = options;
  const { ownInfrastructure = false, cluster = false, silenceS, tls } = options;
  const { own, network } =
    ownInfrastructure || cluster || tls
      ? await startOwn({ clusterNodes: cluster ? 3 : undefined, tls }, silenceS)
      : {};
  const addresses = own?.addresses ?? inject('infrastructure');
  stacks += 1;
  const name = `t${process.pid}_${stacks}`;
  const [databaseUrl] = await Promise.all([
    createDatabase(addresses.databaseUrl, name),
    createVirtualHost(addresses, name),
  ]);
  const stack = await Stack.on({ name, addresses, own, network, databaseUrl, env, root });
  try {
    await stack.add({ gateway: gateways, routing, ack });
    return stack;
  } catch (error) {
    await stack.stop().catch(() => undefined); // the first error is the one to see
    throw error;
  }
}

/** Below the run's folder, so that the end of the run covers it too. */
async function startOwn(
  options: BackendOptions,
  silenceS?: number,
): Promise<{ own: Backends; network?: PrivateNetwork | undefined }> {
  const parent = join(inject('infrastructure').dataDir, 'own');
  mkdirSync(parent, { recursive: true });
  const dataDir = await temporaryFolder(parent);
  if (silenceS === undefined) return { own: await startInfrastructure(dataDir, options) };
  const network = await PrivateNetwork.create(options.clusterNodes ?? 1, dataDir);
  const { machines } = network;
  return {
    own: await startInfrastructure(dataDir, { ...options, network: { machines, silenceS } }),
    network,
  };
}
