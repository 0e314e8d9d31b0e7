import {
  clientProcesses,
  disks,
  freezeClients,
  killClients,
  shiftClientsClock,
  tokenEndpoint,
} from './clients.ts';
import type { Fault } from './fault.ts';
import { cut, lose, stall, ways } from './network.ts';
import { deleteExchange, deleteQueue, forgetGateway, unbindGateway, unbindReturned } from './operator.ts';
import {
  clocksOfServices,
  deploy,
  freeze,
  kill,
  killStarting,
  killStartingDatabase,
  members,
} from './processes.ts';
import { slowCommits } from './slow-commits.ts';

/**
 * What the nemesis knows to do. `stall`, `lose` and `cut` are about the network between two parties; `operator` is
 * what a person removes and nobody puts back.
 */
export const FAULTS = {
  'kill-gateway': { weight: 3, targets: members('gateway', kill) },
  'kill-routing': { weight: 3, targets: members('routing', kill) },
  'kill-ack': { weight: 2, targets: members('ack', kill) },
  'kill-broker': { weight: 1, targets: ({ brokers }) => brokers.map(kill) },
  'kill-database': { weight: 1, targets: ({ databases }) => databases.map(kill) },
  'kill-pooler': { weight: 1, targets: ({ poolers }) => poolers.map(kill) },
  'kill-clients': { weight: 2, targets: clientProcesses(killClients) },
  'kill-starting-gateway': { weight: 1, targets: members('gateway', killStarting) },
  'kill-starting-routing': { weight: 1, targets: members('routing', killStarting) },
  'kill-starting-ack': { weight: 1, targets: members('ack', killStarting) },
  'kill-starting-broker': { weight: 1, targets: ({ brokers }) => brokers.map(killStarting) },
  'kill-starting-database': {
    weight: 1,
    targets: ({ databases, dataDir }) => databases.map((handle) => killStartingDatabase(handle, dataDir)),
  },
  'freeze-gateway': { weight: 2, targets: members('gateway', freeze) },
  'freeze-routing': { weight: 2, targets: members('routing', freeze) },
  'freeze-ack': { weight: 1, targets: members('ack', freeze) },
  'freeze-broker': { weight: 1, targets: ({ brokers }) => brokers.map(freeze) },
  'freeze-pooler': { weight: 1, targets: ({ poolers }) => poolers.map(freeze) },
  'freeze-clients': { weight: 2, targets: clientProcesses(freezeClients) },
  'stall-clients': { weight: 1, targets: ways('clients', stall) },
  'stall-broker': { weight: 2, targets: ways('broker', stall) },
  'stall-database': { weight: 2, targets: ways('database', stall) },
  'cut-database': { weight: 1, targets: ways('database', cut) },
  'slow-commits': { weight: 1, targets: slowCommits },
  'lose-clients': { weight: 1, targets: ways('clients', lose) },
  'lose-broker': { weight: 1, targets: ways('broker', lose) },
  'lose-database': { weight: 1, targets: ways('database', lose) },
  'deploy-gateway': { weight: 1, targets: members('gateway', deploy) },
  'deploy-routing': { weight: 1, targets: members('routing', deploy) },
  'deploy-ack': { weight: 1, targets: members('ack', deploy) },
  'operator-unbinds-gateway': { weight: 1, targets: unbindGateway },
  'operator-deletes-row': { weight: 1, targets: forgetGateway },
  'operator-deletes-queue': { weight: 1, targets: deleteQueue },
  'operator-deletes-exchange': { weight: 1, targets: deleteExchange },
  'operator-unbinds-returned': { weight: 1, targets: unbindReturned },
  'clock-services': { weight: 2, targets: clocksOfServices },
  'clock-clients': { weight: 1, targets: clientProcesses(shiftClientsClock, ', their clock') },
  'token-endpoint-down': { weight: 1, targets: tokenEndpoint('refuses') },
  'token-endpoint-hangs': { weight: 1, targets: tokenEndpoint('hangs') },
  'token-endpoint-nonsense': { weight: 1, targets: tokenEndpoint('talks nonsense') },
  'disk-clients': { weight: 1, targets: disks },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
