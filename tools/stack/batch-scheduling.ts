import { spawnSync } from 'node:child_process';

let available: boolean | undefined;

/** Whether this machine has what it takes: Linux, and `chrt` of util-linux. */
function canChoose(): boolean {
  available ??=
    process.platform === 'linux' &&
    spawnSync('chrt', ['--batch', '0', 'true'], { stdio: 'ignore' }).status === 0;
  return available;
}

/**
 * A command that runs the same program as SCHED_BATCH (sched(7)): when it wakes, it does not push aside who is running,
 * but waits for its turn. A dozen processes that hand messages on to each other on few cores interrupt each other
 * thousands of times a second otherwise; like this each takes all that has arrived in one go. Where that cannot be
 * chosen, the command as it is. `chrt` replaces itself by the program, which so has the pid of the process started.
 */
export function inBatches(command: string, args: readonly string[]): [string, readonly string[]] {
  return canChoose() ? ['chrt', ['--batch', '0', command, ...args]] : [command, args];
}
