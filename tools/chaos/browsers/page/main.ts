/// <reference lib="dom" />
import type { Counter } from '../../clients/counter.ts';
import type { Command, Orders } from '../../clients/orders.ts';
import { runClients } from '../../clients/run-clients.ts';
import type { ClientEvent } from '../../history.ts';
import { pagePlatform } from './page-platform.ts';

/** The page of a browser full of clients: as clients/main.ts, with HTTP in place of files and the channel to the parent. */
async function main(): Promise<void> {
  const orders = (await (await fetch('/orders', { method: 'POST' })).json()) as Orders;
  const clients = runClients(orders, pagePlatform, { history: [], write, report });
  let ending = false;

  function report(counter: Counter): void {
    const body = JSON.stringify(counter);
    fetch(`/counter?run=${orders.run}`, { method: 'POST', body })
      .then((response) => response.text())
      .then(obey, () => undefined); // the page goes
  }

  function obey(command: string): void {
    if (command === ('settle' satisfies Command)) clients.settle();
    if (command !== ('end' satisfies Command) || ending) return;
    ending = true;
    void clients.end().then(() => fetch('/ended', { method: 'POST' }));
  }
}

/**
 * Synchronous: what happened is written down before anything comes of it, and a page that is killed loses none.
 * @throws Error when the page goes
 */
function write(event: ClientEvent): void {
  const request = new XMLHttpRequest();
  request.open('POST', '/history', false);
  request.send(JSON.stringify(event));
  if (request.status !== 200) throw new Error('the page goes');
}

void main();
