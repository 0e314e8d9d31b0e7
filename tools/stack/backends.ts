import { join } from 'node:path';
import { readSecret } from './secret.ts';
import { readStackFile } from './stack-file.ts';

/** Where the private broker and database of a running stack are, as far as it has its own: AMQP_URL and DATABASE_URL. */
export function backendsOf(dataDir: string): NodeJS.ProcessEnv {
  const processes = readStackFile(dataDir)?.processes ?? [];
  const urlOf = (name: string, scheme: string, path: string) => {
    const port = processes.find((one) => one.name === name)?.port;
    const password = readSecret(join(dataDir, name, 'password'));
    return port === undefined || !password
      ? undefined
      : `${scheme}://sixfold:${password}@127.0.0.1:${port}${path}`;
  };
  return {
    AMQP_URL: urlOf('rabbitmq', 'amqp', ''),
    DATABASE_URL: urlOf('postgres', 'postgres', '/postgres'),
  };
}
