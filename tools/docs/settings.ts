import { z } from 'zod';
import { brokerConfig } from '#libs/broker/config.ts';
import { eventsConfig } from '#libs/events/config.ts';
import { common } from '#libs/runtime/config.ts';
import { storeConfig } from '#libs/store/config.ts';
import { ackConfig } from '../../services/ack/config.ts';
import { gatewayConfig } from '../../services/gateway/config.ts';
import { consoleConfig, consoleSettings } from '../../services/console/config.ts';
import { demoConfig } from '../../services/gateway/demo/config.ts';
import { admissionConfig } from '../../services/gateway/admission/config.ts';
import { accessConfig } from '../../services/gateway/settings/access.ts';
import { authorizeConfig } from '../../services/gateway/settings/authorize.ts';
import { httpConfig } from '../../services/gateway/settings/http.ts';
import { processConfig } from '../../services/gateway/settings/process.ts';
import { sessionConfig } from '../../services/gateway/settings/session.ts';
import { mailboxConfig, routingConfig } from '../../services/routing/config.ts';
import { webhookConfig, webhookSettings } from '../../services/webhook/config.ts';

/** A setting as the services read it. */
interface Setting {
  name: string;
  /** As text; undefined when there is none, or it depends on the machine. */
  default: string | undefined;
  /** The default in words, where it is no value. */
  inWords: string | undefined;
  unit: string | undefined;
  /** Markdown. */
  meaning: string;
  /** Services that read it. */
  services: string[];
}

const SERVICES: Record<string, z.ZodRawShape> = {
  gateway: gatewayConfig,
  routing: routingConfig,
  ack: ackConfig,
  webhook: webhookConfig,
  console: consoleConfig,
};

/** The tables of docs/CONFIGURATION.md, by the names in their markers. */
const TABLES: Record<string, z.ZodRawShape> = {
  'every service': { ...common, ...brokerConfig },
  'routing and ack': { ...storeConfig, ...eventsConfig, ...mailboxConfig },
  access: accessConfig,
  authorize: authorizeConfig,
  admission: admissionConfig,
  session: sessionConfig,
  http: httpConfig,
  process: processConfig,
  demo: demoConfig,
  webhook: webhookSettings,
  console: consoleSettings,
};

/** Every setting of every service. */
export const settings = (): Setting[] =>
  Object.entries(Object.assign({}, ...Object.values(SERVICES)) as z.ZodRawShape).map(([name, schema]) =>
    settingOf(name, schema),
  );

function settingOf(name: string, schema: z.ZodRawShape[string]): Setting {
  const { unit, description = '', default: inWords } = z.globalRegistry.get(schema) ?? {};
  const value = z.parse(schema, undefined) as string | number | boolean | string[] | undefined;
  return {
    name,
    default: value === undefined || inWords !== undefined ? undefined : String(value),
    inWords: text(inWords),
    unit: text(unit),
    meaning: description,
    services: readersOf(name, schema),
  };
}

/** @throws Error when a service reads the setting in a way of its own */
function readersOf(name: string, schema: z.ZodRawShape[string]): string[] {
  const readers = Object.entries(SERVICES).filter(([, config]) => name in config);
  for (const [service, config] of readers)
    if (config[name] !== schema) throw new Error(`${service} has another ${name} than the others`);
  return readers.map(([service]) => service);
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** The page with its tables of settings, each between its markers, as the schemas have them now. */
export function withTables(page: string): string {
  return page.replace(
    /(<!-- settings: (.+?) -->\n)[^]*?(<!-- \/settings -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}\n${tableOf(name)}\n\n${end}`,
  );
}

function tableOf(name: string): string {
  const table = TABLES[name];
  if (!table) throw new Error(`there is no table of settings named ${name}`);
  const rows = Object.entries(table).map(([setting, schema]) => rowOf(settingOf(setting, schema)));
  return [
    cells('Setting', 'Unit', 'Default', 'Read by', 'Meaning'),
    cells(...Array<string>(5).fill('---')),
    ...rows,
  ].join('\n');
}

function rowOf({ name, unit = '', inWords = 'none', services, meaning, ...setting }: Setting): string {
  const value = setting.default === undefined ? inWords : `\`${setting.default}\``;
  return cells(`\`${name}\``, unit, value, services.join(', '), meaning);
}

const cells = (...columns: string[]) => `| ${columns.join(' | ')} |`;
