import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Session } from '../../../libs/client/index.ts';
import { backendsOf } from '../../stack/stack-file.ts';
import { CliError, EXIT } from '../exit.ts';
import { type Surroundings, writeLine } from '../surroundings.ts';
import { gatewaysOf, type TargetOptions, userId, withTarget } from '../target/options.ts';
import { checkBroker } from './broker.ts';
import { checkCertificate } from './certificate.ts';
import { checkDatabase } from './database.ts';
import { type Finding, Findings } from './finding.ts';
import { checkGateway } from './gateway.ts';
import { checkLogin } from './login.ts';
import { checkSettings } from './settings.ts';

interface DoctorOptions extends TargetOptions {
  as: string;
  amqp?: string;
  database?: string;
  settings?: string;
  json?: true;
}

const HELP = `
Addresses of broker and database may hold passwords: give them in AMQP_URL and DATABASE_URL. Without these, those of
\`npm start\` in --data. For a CA of your own set NODE_EXTRA_CA_CERTS.
Exit code: 0, or 1 when it found a problem.
`;

/** The command `doctor`. */
export const doctorCommand = (surroundings: Surroundings): Command =>
  withTarget(new Command('doctor'))
    .description(
      'Look at gateways, broker, database, clocks and certificates; say what is wrong, and what to do.',
    )
    .option('--as <user>', 'the user that logs in', userId, 'doctor')
    .option('--amqp <urls>', 'the broker; default: AMQP_URL')
    .option('--database <url>', 'the database; default: DATABASE_URL')
    .option('--settings <file>', 'check the settings of the services in this file, NAME=value in each line')
    .option('--json', 'print a JSON line for each finding')
    .addHelpText('after', HELP)
    .action((options: DoctorOptions) => doctor(options, surroundings));

async function doctor(options: DoctorOptions, surroundings: Surroundings): Promise<void> {
  const { env, output } = surroundings;
  const own = backendsOf(resolve(options.data));
  const brokers = (options.amqp ?? env['AMQP_URL'] ?? own['AMQP_URL'])?.split(',') ?? [];
  const database = options.database ?? env['DATABASE_URL'] ?? own['DATABASE_URL'];
  const found = await Promise.all([
    ...brokers.flatMap((url) => [checkBroker(url.trim()), ...certificate(url.trim(), 'amqps:', 5671)]),
    ...(database === undefined ? [] : [checkDatabase(database)]),
  ]);
  found.unshift(...(await checkGateways(options, surroundings)));
  if (options.settings !== undefined) found.push(settingsIn(options.settings));
  const all = found.flatMap(({ list }) => list);
  for (const finding of all)
    await writeLine(output, options.json ? JSON.stringify(finding) : textOf(finding));
  const problems = all.filter(({ level }) => level === 'problem').length;
  if (problems > 0)
    throw new CliError(
      EXIT.failed,
      `${problems === 1 ? 'One problem' : `${problems} problems`}: do what stands below.`,
    );
}

async function checkGateways(options: DoctorOptions, surroundings: Surroundings): Promise<Findings[]> {
  const found: Findings[] = [];
  const limits = new Map<string, Session['limits']>();
  for (const url of gatewaysOf(options)) {
    found.push(await checkGateway(url), ...(await Promise.all(certificate(url, 'wss:', 443))));
    const login = await checkLogin(url, options, surroundings);
    found.push(login.findings);
    if (login.limits) limits.set(url, login.limits);
  }
  if (limits.size > 1) found.push(compareLimits(limits));
  return found;
}

/** Gateways that tell clients different limits have different settings. */
export function compareLimits(limits: ReadonlyMap<string, Session['limits']>): Findings {
  const findings = new Findings('gateways');
  const [first, ...others] = [...limits.values()].map((one) => JSON.stringify(one));
  if (others.every((one) => one === first)) findings.ok('all tell clients the same limits');
  else
    findings.problem(
      'tell clients different limits',
      'Give all gateways the same settings, and restart them.',
    );
  return findings;
}

const certificate = (url: string, protocol: string, port: number) =>
  url.startsWith(protocol) ? [checkCertificate(url, port, Date.now())] : [];

function settingsIn(file: string): Findings {
  try {
    return checkSettings(parseEnv(readFileSync(file, 'utf8')), file);
  } catch (cause) {
    throw new CliError(EXIT.usage, `${file} cannot be read: name a file with NAME=value in each line.`, {
      cause,
    });
  }
}

const SIGNS = { ok: '✔', warning: '!', problem: '✖' };

const textOf = ({ level, about, what, advice }: Finding): string =>
  `${SIGNS[level]} ${about}: ${what}${advice === undefined ? '' : `\n    → ${advice}`}`;
