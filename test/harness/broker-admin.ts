import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../tools/stack/environment.ts';
import { locate } from '../../tools/stack/install.ts';
import type { Addresses } from '../../tools/testkit/backends.ts';

const run = promisify(execFile);

/** What the broker knows of a queue. */
export interface QueueState {
  name: string;
  /** Node of the leader, such as `sixfold1@localhost`; `''` while there is none. */
  leader: string;
  /** Nodes that have a copy, running or not. */
  members: string[];
  /** Those of them that are in touch. */
  online: string[];
}

/** Creates a virtual host that the broker's user may use. */
export async function createVirtualHost(addresses: Addresses, name: string): Promise<void> {
  const everything = '<<".*">>';
  const user = `<<"${new URL(addresses.amqpUrl.split(',')[0] ?? '').username}">>`;
  const rights = `${user}, <<"${name}">>, ${everything}, ${everything}, ${everything}, <<"test">>`;
  await evaluate(addresses, [
    `rabbit_vhost:add(<<"${name}">>, <<"test">>)`,
    `rabbit_auth_backend_internal:set_permissions(${rights})`,
  ]);
}

/** Runs a script of the repository that uses `rabbitmqctl`, on this broker. @param input what it reads */
export async function runWithRabbitmqctl(
  { dataDir, epmdPort, brokerNode }: Addresses,
  script: string,
  args: readonly string[],
  input: string,
): Promise<void> {
  const home = join(dataDir, 'rabbitmq');
  const path = `${dirname(locate('rabbitmq-server') ?? '')}:${process.env['PATH'] ?? ''}`;
  const node = { RABBITMQ_NODENAME: brokerNode, ERL_EPMD_PORT: String(epmdPort), HOME: home };
  const running = run(join(REPOSITORY, script), args, {
    env: { PATH: path, LANG: 'C.UTF-8', RABBITMQ_CONF_ENV_FILE: '/dev/null', ...node },
    timeout: 60_000,
  });
  running.child.stdin?.end(input);
  await running;
}

/** Tags of a broker user, such as `administrator`. */
export async function tagsOf(addresses: Addresses, user: string): Promise<string> {
  return erlang(
    addresses,
    `{ok, User} = rpc:call('${addresses.brokerNode}', rabbit_auth_backend_internal, lookup_user, [<<"${user}">>]),
     io:format("~p", [rpc:call('${addresses.brokerNode}', internal_user, get_tags, [User])])`,
  );
}

/** Deletes a virtual host with its queues, and closes the connections to it. */
export async function deleteVirtualHost(addresses: Addresses, name: string): Promise<void> {
  await evaluate(addresses, [`rabbit_vhost:delete(<<"${name}">>, <<"test">>)`]);
}

const ALARMS = {
  memory: { on: 'vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000000})', off: '1073741824' },
  disk: { on: 'rabbit_disk_monitor:set_disk_free_limit(1000000000000000)', off: '1000000' },
};

/** Raises a resource alarm, by a limit that is exceeded at once, or clears it. */
export async function setAlarm(
  addresses: Addresses,
  kind: keyof typeof ALARMS,
  raise: boolean,
): Promise<void> {
  const { on, off } = ALARMS[kind];
  await evaluate(addresses, [raise ? on : on.replace(/\d+/, off)]);
}

/** The quorum queues of a virtual host. @param ask which node to ask */
export async function quorumQueues(
  addresses: Addresses,
  virtualHost: string,
  ask = addresses.brokerNode,
): Promise<QueueState[]> {
  const wanted = `[<<"${virtualHost}">>, [name, leader, members, online]]`;
  const output = await erlang(
    addresses,
    `lists:foreach(fun
      ([_, _, {_, ''}, _]) -> ok; % classic
      ([{_, {resource, _, queue, Name}}, {_, Leader}, {_, Members}, {_, Online}]) ->
        Text = fun (Nodes) -> lists:join(<<",">>, [atom_to_binary(Node) || Node <- Nodes]) end,
        io:format("~s ~s ~s ~s~n", [Name, Leader, Text(Members), Text(Online)])
    end, rpc:call('${ask}', rabbit_amqqueue, info_all, ${wanted}))`,
    ask,
  );
  const lines = output.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [name = '', leader = '', members = '', online = ''] = line.split(' ');
    return { name, leader, members: members.split(','), online: online.split(',') };
  });
}

/** Has the broker evaluate Erlang calls that return `ok`. */
async function evaluate(addresses: Addresses, calls: readonly string[]): Promise<void> {
  const remote = calls.map((call) => {
    const [, module, name, args] = /^(\w+):(\w+)\((.*)\)$/s.exec(call) ?? [];
    return `ok = rpc:call('${addresses.brokerNode}', ${module ?? ''}, ${name ?? ''}, [${args ?? ''}])`;
  });
  await erlang(addresses, remote.join(', '));
}

/**
 * Evaluates an expression in a bare Erlang node that may call the broker's; returns what it prints. That takes 0.35 s,
 * rabbitmqctl 0.65 s, and the management plugin adds to every boot.
 */
async function erlang(
  { dataDir, epmdPort, machines, brokerNode }: Addresses,
  expression: string,
  beside = brokerNode,
): Promise<string> {
  const cookie = readFileSync(join(dataDir, 'rabbitmq', '.erlang.cookie'), 'utf8').trim();
  const machine = machines[beside];
  const host = machine?.inner ?? 'localhost';
  const self = `harness-${process.pid}-${Math.random().toString(36).slice(2)}@${host}`;
  const [command, ...args] = [...(machine?.enter ?? []), 'erl'];
  const node = ['-noinput', '-hidden', machine ? '-name' : '-sname', self, '-setcookie', cookie];
  const settings = { ERL_EPMD_PORT: String(epmdPort), ERL_CRASH_DUMP_SECONDS: '0', HOME: dataDir };
  const options = { env: { ...process.env, ...settings }, timeout: 20_000 };
  const all = [...args, ...node, '-eval', `${expression}, halt().`];
  return (await run(command, all, options)).stdout;
}
