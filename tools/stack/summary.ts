import { relative } from 'node:path';
import { styleText } from 'node:util';
import { setting } from './environment.ts';
import type { LocalOptions } from './plan.ts';
import { secretFromEnvironment, usesPublicKey, webhookSecretFile } from './secret.ts';
import { webSocketUrl } from './service.ts';
import type { StackFile } from './stack-file.ts';

/** Rows of cells as lines, each column as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  return rows.map((row) => `  ${line(row).trimEnd()}`).join('\n');
}

/** What a user wants to know when everything is up: what runs where, and what to do now. */
export function summary(stack: StackFile, options: LocalOptions, detached: boolean): string {
  const address = ({ name, http, port }: StackFile['processes'][number]) => {
    if (name.startsWith('gateway') && http !== undefined) return webSocketUrl(http);
    return http ?? (port === undefined ? '' : `127.0.0.1:${port}`);
  };
  const rows = stack.processes.map((process) => [process.name, String(process.pid), address(process)]);
  const data = dataArgument(options.dataDir);
  const hints = [
    ...demoHint(stack),
    ['Operate: the console', `npm run console${data ? ` -- ${data}` : ''}`],
    ...tokenHint(data),
    ...curlHint(stack, data),
    ...webhookHint(stack, options.dataDir),
    ['See all six packets', `npm run tour${data ? ` -- ${data}` : ''}`],
    ['State', `npm run status${data ? ` -- ${data}` : ''}`],
    ['Stop', detached ? `npm stop${data ? ` -- ${data}` : ''}` : 'Ctrl-C'],
    ['Logs', `${shown(options.dataDir)}/logs`],
  ];
  const title = styleText('bold', 'Sixfold is up.');
  return `\n${title}\n\n${table([['name', 'pid', 'address'], ...rows])}\n\n${table(hints)}\n`;
}

/** The page of the first gateway. */
function demoHint({ processes }: StackFile): string[][] {
  const http = processes.find(({ name }) => name.startsWith('gateway'))?.http;
  if (http === undefined || (setting('DEMO') ?? '1') !== '1') return [];
  return [['See it: the demo page', `${http}/`]];
}

function tokenHint(data: string): string[][] {
  if (usesPublicKey()) return [['Token', 'from your own issuer']];
  const secret = secretFromEnvironment() ? 'AUTH_SECRET=… ' : '';
  return [['Make a token', `${secret}npm run --silent token -- alice${data ? ` ${data}` : ''}`]];
}

/** One message, over HTTP. */
function curlHint({ processes }: StackFile, data: string): string[][] {
  const http = processes.find(({ name }) => name.startsWith('gateway'))?.http;
  if (http?.startsWith('http:') !== true || usesPublicKey()) return [];
  const secret = secretFromEnvironment() ? 'AUTH_SECRET=… ' : '';
  const token = `$(${secret}npm run --silent token -- alice${data ? ` ${data}` : ''})`;
  const body = `{"id":"m1","to":"bob","body":"hello"}`;
  const headers = `-H "Authorization: Bearer ${token}" -H 'Content-Type: application/json'`;
  return [['Send a message', `curl ${http}/v1/messages ${headers} -d '${body}'`]];
}

function webhookHint({ processes }: StackFile, dataDir: string): string[][] {
  if (!processes.some(({ name }) => name.startsWith('webhook'))) return [];
  const own = setting('WEBHOOK_SECRET') === undefined;
  return [['Webhook secret', own ? shown(webhookSecretFile(dataDir)) : 'WEBHOOK_SECRET']];
}

/** A path as short as it goes without leaving the current folder. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

/** The `--data` argument that other commands need, unless it is the default. */
function dataArgument(dataDir: string): string {
  return shown(dataDir) === '.sixfold' ? '' : `--data ${shown(dataDir)}`;
}
