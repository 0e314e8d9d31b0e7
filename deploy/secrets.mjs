// Makes the secrets of docker-compose.yml at the first `docker compose up`, each once: random ones, or those of .env where
// that has any. Each container gets a volume with what it needs to know, and no more; here they are folders.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = process.argv[2] ?? '/secrets';
const { env } = process;

const hex = () => randomBytes(32).toString('hex');
/** As Standard Webhooks has them. */
const whsec = () => `whsec_${randomBytes(32).toString('base64')}`;

/** A secret of its own, in the folder of the container that it belongs to: from the environment, else as it is, else new. */
function secret(variable, file, make = hex) {
  const value = env[variable]?.trim() || read(file) || make();
  write(file, value);
  return value;
}

function read(file) {
  try {
    return readFileSync(join(root, file), 'utf8').trim();
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

/** Whole or not at all. Whoever sees the volume may read it: only one container does, as a user of its own. */
function write(file, value) {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(`${path}.new`, { force: true }); // of a run that was killed: read-only for us, too
  writeFileSync(`${path}.new`, `${value}\n`, { mode: 0o444 });
  renameSync(`${path}.new`, path);
}

secret('AUTH_SECRET', 'gateway/auth-secret');
secret('RECEIPT_SECRET', 'gateway/receipt-secret');
secret('RECEIPT_SECRET_PREVIOUS', 'gateway/receipt-secret-previous'); // a random one until the key is changed
secret('WEBHOOK_SECRET', 'webhook/webhook-secret', whsec);
secret('POSTGRES_PASSWORD', 'postgres/password');
secret('GRAFANA_PASSWORD', 'grafana/password');
secret('CONSOLE_TOKEN', 'console/console-token');
secret('SIXFOLD_ERLANG_COOKIE', 'rabbitmq/cookie');
const ofBroker = encodeURIComponent(secret('SIXFOLD_BROKER_PASSWORD', 'rabbitmq/password'));
const ofDatabase = encodeURIComponent(secret('SIXFOLD_DATABASE_PASSWORD', 'postgres/services-password'));

const nodes = (env.BROKER_NODES ?? 'rabbitmq').split(' ');
const broker = nodes.map((node) => `amqp://sixfold:${ofBroker}@${node}:5672/sixfold`).join(',');
for (const service of ['gateway', 'workers', 'webhook', 'console']) write(`${service}/amqp-url`, broker);
for (const service of ['workers', 'console'])
  write(`${service}/database-url`, `postgres://sixfold_services:${ofDatabase}@postgres:5432/sixfold`);
console.log('the secrets are there');
