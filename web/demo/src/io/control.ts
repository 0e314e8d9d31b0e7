import type { Process } from '../model/world.ts';
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

  async kill(name: string): Promise<boolean> {
    return (await this.#ask('POST', `/kill/${name}`)).ok;
  }

  #ask(method: string, path: string): Promise<Response> {
    const { url, token } = this.#control;
    return fetch(`${url}${path}`, { method, headers: { Authorization: `Bearer ${token}` } });
  }
}
