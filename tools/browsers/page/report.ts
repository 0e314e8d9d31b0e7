import type { Report } from './api.ts';

let waiting: Report[] = [];
let last: Promise<unknown> = Promise.resolve();

/** Tells the site. Resolves when the site has it. What comes while a request is under way goes with the next, in order. */
export function report(one: Report): Promise<unknown> {
  waiting.push(one);
  if (waiting.length === 1) last = last.catch(() => undefined).then(post);
  return last;
}

function post(): Promise<unknown> {
  const body = JSON.stringify(waiting);
  waiting = [];
  return fetch('/reports', { method: 'POST', body });
}
