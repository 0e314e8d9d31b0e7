import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { debianProgram } from '../../tools/stack/install.ts';
import { folderFor, type Middleman, moved, startMiddleman } from '../../tools/testkit/middleman.ts';
import { freePort } from '../../tools/stack/ports.ts';
import type { Certificates } from './certificates.ts';

/** HAProxy, which takes TLS with this certificate (for `::1`) and speaks plainly to the broker at `amqpUrl`. */
export async function tlsProxy(
  dataDir: string,
  amqpUrl: string,
  certificates: Certificates,
): Promise<Middleman> {
  const [command, port, target] = [await debianProgram('haproxy'), await freePort(), new URL(amqpUrl)];
  const folder = folderFor(dataDir, `haproxy-${port}`);
  const [settings, pem] = [join(folder, 'haproxy.cfg'), join(folder, 'server.pem')];
  writeFileSync(pem, readFileSync(certificates.cert, 'utf8') + readFileSync(certificates.key, 'utf8'));
  const lines = [
    'defaults',
    '  mode tcp',
    // As in Debian's haproxy.cfg.
    '  timeout connect 5000',
    '  timeout client 50000',
    '  timeout server 50000',
    'listen broker',
    `  bind [::1]:${port} ssl crt ${pem}`,
    `  server broker ${target.hostname}:${target.port}`,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const process = await startMiddleman(dataDir, {
    name: 'haproxy',
    port,
    command: [command, '-db', '-f', settings],
    stopSignal: 'SIGTERM',
    isReady: () => listens(port),
  });
  return { process, url: moved(amqpUrl, '[::1]', port).replace('amqp:', 'amqps:') };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '::1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
