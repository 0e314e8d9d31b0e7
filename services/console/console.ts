import { Router } from 'express';
import { join } from 'node:path';
import { pageFiles, pageHeaders } from '#libs/runtime/page.ts';
import { onlyLoopbackNames } from './access/gate.ts';
import { api, type ApiOptions } from './api.ts';

/** What `npm run build:page` makes. */
const BUILT_PAGE = join(import.meta.dirname, '../../web/console/dist');

/** Probes and metrics are asked for by address: other processes of the platform do so. */
const PROBES = ['/healthz', '/readyz', '/metrics'];

/** The console: its page, and its requests under `/api`. What is not its own passes through. */
export function consoleRouter(options: ApiOptions, folder = BUILT_PAGE): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use((request, response, next) => {
    if (PROBES.includes(request.path)) next();
    else onlyLoopbackNames(request, response, next);
  });
  const headers = pageHeaders();
  router.use('/api', headers, api(options));
  router.use(pageFiles(folder, headers));
  return router;
}
