import type { Process, Step } from '../model/world.ts';
import type { DemoConfig } from './demo-api.ts';

/** Kills processes of the local stack, and tells which run. */
export class Control {
  readonly #control: NonNullable<DemoConfig['control']>;

  constructor(control: NonNullable<DemoConfig['control']>) {
    this.#control = control;
  }

  async processes(): Promise<Process[]> {
    const response = await this.#ask('GET', '/processes');
    return ((await response.json()) as { processes: Process[] }).processes;
  }

  /** What the services did with a message, as far as their traces have come. */
  async steps(from: string, id: string): Promise<Step[]> {
    const response = await this.#ask('GET', `/steps?${new URLSearchParams({ from, id }).toString()}`);
    return ((await response.json()) as { steps: Step[] }).steps;
  }

  async kill(name: string): Promise<boolean> {
    return (await this.#ask('POST', `/kill/${name}`)).ok;
  }

  #ask(method: string, path: string): Promise<Response> {
    const { url, token } = this.#control;
    return fetch(`${url}${path}`, { method, headers: { Authorization: `Bearer ${token}` } });
  }
}
