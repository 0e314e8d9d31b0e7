import { resolve } from 'node:path';
import { backendsOf } from './stack/stack-file.ts';

/** `npm run admin`: the admin program (services/admin), with the addresses of the local stack where none are set. */

const at = process.argv.indexOf('--data');
const [, data = '.sixfold'] = at < 0 ? [] : process.argv.splice(at, 2);
for (const [name, url] of Object.entries(backendsOf(resolve(data))))
  if (url !== undefined && !process.env[name]) process.env[name] = url;
await import('../services/admin/main.ts');
