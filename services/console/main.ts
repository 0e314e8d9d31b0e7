import { closeHttp, createHttp, listen } from '#libs/runtime/http.ts';
import { run } from '#libs/runtime/lifecycle.ts';
import { Operator } from '../admin/operator.ts';
import { readConsoleConfig } from './config.ts';
import { consoleRouter } from './console.ts';
import { Running } from './running.ts';

/** The console: a page for operators, with the rights of `admin`. */
await run('console', readConsoleConfig, async ({ config, log, lifecycle }) => {
  const running = new Running();
  const router = consoleRouter({ config, log, running, operator: new Operator(config) });
  const server = createHttp({
    // Without broker or database it still shows what the services say.
    notReady: () => (running.closed ? ['stopping'] : []),
    routes: { '/': router },
  });
  lifecycle.onStop('http', () => closeHttp(server));
  const port = await listen(server, {
    host: config.CONSOLE_HOST,
    port: config.CONSOLE_PORT,
    onError: (error) => log.error({ err: error }, 'http'),
  });
  lifecycle.onStop('actions', () => lifecycle.inTime(config.DRAIN_TIMEOUT_MS, running.close()));
  log.info({ host: config.CONSOLE_HOST, port, metrics: config.METRICS_URLS.length }, 'the console listens');
});
