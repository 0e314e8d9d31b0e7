/** A machine, as far as its network goes. */
export interface Machine {
  /** Its address among the machines. */
  readonly inner: string;
  /** Where this host reaches it, whatever becomes of the network between the machines. */
  readonly outer: string;
  /** What to put before a command, so that it runs there. */
  readonly enter: readonly string[];
}

/** Which node of a cluster: `number` from 1 to `of`. */
export interface Member {
  number: number;
  of: number;
  /** The machines of the nodes, if they do not share this one. */
  network?: ClusterNetwork | undefined;
}

export interface ClusterNetwork {
  machines: readonly Machine[];
  /** How long a node may be silent until the others take it for down, seconds (`net_ticktime`). */
  silenceS: number;
}

/** Any name does, and every broker may have the same ones: each has its own epmd, so they never meet. */
export const nodeName = (member?: Member): string =>
  `sixfold${member?.number ?? ''}@${machineOf(member)?.inner ?? 'localhost'}`;

/** The node's machine, if it has one of its own. */
export const machineOf = (member?: Member) => member?.network?.machines[member.number - 1];

/** As docs/BROKER_CLUSTER.md has it. */
export function clusterSettings({ of, network }: Member): string[] {
  const numbers = Array.from({ length: of }, (_, index) => index + 1);
  return [
    'cluster_formation.peer_discovery_backend = classic_config',
    ...numbers.map(
      (number) => `cluster_formation.classic_config.nodes.${number} = ${nodeName({ number, of, network })}`,
    ),
    'cluster_partition_handling = pause_minority',
    'queue_leader_locator = balanced',
    ...(network ? [`net_ticktime = ${network.silenceS}`] : []),
  ];
}
