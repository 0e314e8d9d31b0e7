/// <reference lib="dom" />
import type { Counter } from '../../clients/counter.ts';
import type { Command, Orders } from '../../clients/orders.ts';
import { runClients } from '../../clients/run-clients.ts';
import { Journal } from './journal.ts';
import { pagePlatform } from './page-platform.ts';

/** The page of a browser full of clients: as clients/main.ts, with HTTP in place of files and the channel to the parent. */
async function main(): Promise<void> {
  const post = (path: string, body?: string) => fetch(path, { method: 'POST', body: body ?? null });
  const orders = (await (await post(`/orders${location.search}`)).json()) as Orders;
  const { run } = orders;
  const journal = new Journal(run);
  const clients = runClients(orders, pagePlatform(journal), {
    history: [],
    write: (event) => journal.write(event),
    report,
  });
  let ending = false;

  function report(counter: Counter): void {
    post(`/counter?run=${run}`, JSON.stringify(counter))
      .then((response) => response.text())
      .then(obey, () => undefined); // the page goes
  }

  function obey(command: string): void {
    if (command === ('settle' satisfies Command)) clients.settle();
    if (command !== ('end' satisfies Command) || ending) return;
    ending = true;
    void clients
      .end()
      .then(() => journal.written())
      .then(() => post(`/ended?run=${run}`));
  }
}

void main();
