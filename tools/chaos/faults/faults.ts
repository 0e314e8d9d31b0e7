import type { ServiceKind } from '../../stack/service.ts';
import { clientClocks, fullDisks, tokenEndpoint } from './clients.ts';
import type { Targets } from './fault.ts';
import { cut, lose, stall } from './network.ts';
import { deleteExchange, deleteQueue, deleteRow, unbindGateway, unbindReturned } from './operator.ts';
import * as of from './processes.ts';
import { slowCommits } from './slow-commits.ts';
import { closeTabs, crashTabs, freezeTabs, reloadTabs } from './tabs.ts';

const { deploy, freeze, kill, killStarting, services } = of;

/** Largest clock error, seconds. A gateway whose error exceeds the life of a token rightly refuses every login. */
const CLOCK_S: Record<ServiceKind, number> = {
  gateway: 10,
  routing: 86_400,
  ack: 86_400,
  webhook: 60,
  console: 0,
};

const serviceClocks: Targets = ({ system, clocks }) =>
  system.services.map(({ name, kind }) => of.shiftClock(name, clocks.get(name), CLOCK_S[kind], 1_000));

/**
 * Everything that the nemesis can do, each with how often it is chosen compared with others. `stall`, `lose` and `cut`
 * are about the network between two parties; `operator` is what a person removes and no one puts back.
 */
export const FAULTS = {
  'kill-gateway': [3, services('gateway', kill)],
  'kill-routing': [3, services('routing', kill)],
  'kill-ack': [2, services('ack', kill)],
  'kill-webhook': [1, services('webhook', kill)],
  'kill-broker': [1, (from) => of.brokers(from).map(kill)],
  'kill-database': [1, (from) => of.databases(from).map(kill)],
  'kill-pooler': [1, (from) => of.poolers(from).map(kill)],
  'kill-clients': [2, (from) => from.clientProcesses.map(kill)],
  'kill-starting-gateway': [1, services('gateway', killStarting)],
  'kill-starting-routing': [1, services('routing', killStarting)],
  'kill-starting-ack': [1, services('ack', killStarting)],
  'kill-starting-broker': [1, (from) => of.brokers(from).map((handle) => killStarting(handle))],
  'kill-starting-database': [1, of.killStartingDatabase],
  'freeze-gateway': [2, services('gateway', freeze)],
  'freeze-routing': [2, services('routing', freeze)],
  'freeze-ack': [1, services('ack', freeze)],
  'freeze-webhook': [1, services('webhook', freeze)],
  'freeze-broker': [1, (from) => of.brokers(from).map(freeze)],
  'freeze-pooler': [1, (from) => of.poolers(from).map(freeze)],
  'freeze-clients': [2, (from) => from.clientProcesses.map(freeze)],
  'stall-clients': [1, stall('clients')],
  'stall-broker': [2, stall('broker')],
  'stall-database': [2, stall('database')],
  'cut-database': [1, cut('database')],
  'slow-commits': [1, slowCommits],
  'lose-clients': [1, lose('clients')],
  'lose-broker': [1, lose('broker')],
  'lose-database': [1, lose('database')],
  'deploy-gateway': [1, services('gateway', deploy)],
  'deploy-routing': [1, services('routing', deploy)],
  'deploy-ack': [1, services('ack', deploy)],
  'deploy-webhook': [1, services('webhook', deploy)],
  'operator-unbinds-gateway': [1, unbindGateway],
  'operator-deletes-row': [1, deleteRow],
  'operator-deletes-queue': [1, deleteQueue],
  'operator-deletes-exchange': [1, deleteExchange],
  'operator-unbinds-returned': [1, unbindReturned],
  'clock-services': [2, serviceClocks],
  'clock-clients': [1, clientClocks],
  'token-endpoint-down': [1, tokenEndpoint('refuses')],
  'token-endpoint-hangs': [1, tokenEndpoint('hangs')],
  'token-endpoint-nonsense': [1, tokenEndpoint('talks nonsense')],
  'disk-clients': [1, fullDisks],
  'tabs-reload': [1, reloadTabs],
  'tabs-close': [1, closeTabs],
  'tabs-crash': [1, crashTabs],
  'tabs-freeze': [1, freezeTabs],
} satisfies Record<string, [weight: number, targets: Targets]>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
