import type { Server } from 'node:http';
import { closeHttp, createHttp, listen } from './http.ts';
import type { Logger } from './logger.ts';

/**
 * HTTP of a service that serves only metrics and probes: up from the start, ready when every condition holds.
 */
export class Probes {
  readonly #server: Server;
  readonly #conditions = new Map<string, () => boolean>();

  private constructor() {
    this.#server = createHttp({ notReady: () => this.#unmet() });
  }

  static async listen(address: { HOST: string; PORT: number }, log: Logger): Promise<Probes> {
    const probes = new Probes();
    const port = await listen(probes.#server, {
      host: address.HOST,
      port: address.PORT,
      onError: (error) => log.error({ err: error }, 'http'),
    });
    log.info({ port }, 'metrics and probes listen');
    return probes;
  }

  /** @param otherwise the reason to report while the condition does not hold */
  require(otherwise: string, condition: () => boolean): void {
    this.#conditions.set(otherwise, condition);
  }

  close(): Promise<void> {
    return closeHttp(this.#server);
  }

  #unmet(): string[] {
    if (this.#conditions.size === 0) return ['starting'];
    return [...this.#conditions].filter(([, holds]) => !holds()).map(([otherwise]) => otherwise);
  }
}
