import { SeededRandom } from '../testkit/seeded-random.ts';
import { signToken } from '../stack/token.ts';
import { faultIn } from './answers.ts';
import { type Script, scriptOf, type HostileUser } from './scripts.ts';
import { httpScriptOf } from './http-scripts.ts';
import { Wire } from './wire.ts';
import { SECRET } from './environment.ts';

/** Longest that a hostile connection stays, milliseconds. */
const STAY_MS = 400;
/** A client that hangs is let go after a while; these wait for it. */
const HANG_MS = 1_500;
const REMEMBERED = 50;
/** One in as many connections speaks to the HTTP interface. */
const HTTP_EVERY = 3;
const A_YEAR_S = 31_536_000;

/** Hostile clients, many at a time, each with a script of its own. */
export class HostileClients {
  count = 0;
  /** Of these: connections that speak to the HTTP interface. */
  http = 0;
  fault: string | undefined;
  /** Scripts of the latest connections, the last one last. */
  readonly latest: Script[] = [];
  readonly #port: number;
  readonly #users: readonly HostileUser[];
  /** Those of service tokens, which act as any of the users. */
  readonly #services: readonly HostileUser[];

  private constructor(port: number, users: readonly HostileUser[], services: readonly HostileUser[]) {
    this.#services = services;
    this.#port = port;
    this.#users = users;
  }

  static async create(port: number): Promise<HostileClients> {
    const users = Array.from({ length: 8 }, (_, n) => `hostile-${n + 1}`);
    const tokens = await Promise.all(users.map((user) => signToken(SECRET, user, A_YEAR_S)));
    const sixfold = { as: users, scopes: ['send', 'mailbox', 'presence', 'admin'] };
    const service = await signToken(SECRET, 'hostile-service', A_YEAR_S, { sixfold });
    return new HostileClients(
      port,
      users.map((user, n) => ({ user, token: tokens[n] ?? '' })),
      users.map((user) => ({ user, token: service })),
    );
  }

  /** Keeps `atATime` connections open until the signal, or until one finds something. */
  async run(seed: number, atATime: number, signal: AbortSignal): Promise<void> {
    const work = async () => {
      while (!signal.aborted && this.fault === undefined) {
        const random = new SeededRandom((seed + 7_919 * ++this.count) % 2 ** 31);
        if (this.count % HTTP_EVERY === 0) {
          this.http++;
          await this.play(httpScriptOf(random, [...this.#users, ...this.#services]));
        } else await this.play(scriptOf(random, this.#users));
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
  }

  /** Sends a script, and looks at what comes back. */
  async play(script: Script): Promise<void> {
    this.latest.push(script);
    if (this.latest.length > REMEMBERED) this.latest.shift();
    const wire = new Wire(this.#port);
    if (script.end === 'hang') wire.hang();
    const writes = script.writes.map((text) => Buffer.from(text, 'base64'));
    for (const bytes of writes.slice(0, script.early)) await wire.write(bytes);
    if (script.end !== 'hang') await wire.settles(() => wire.status !== undefined, STAY_MS);
    for (const bytes of writes.slice(script.early)) {
      if (wire.ended || wire.closeCode !== undefined) break;
      await Promise.race([wire.write(bytes), new Promise((resolve) => setTimeout(resolve, HANG_MS))]);
    }
    if (script.end === 'stay' || script.end === 'hang')
      await wire.settles(() => wire.closeCode !== undefined, STAY_MS);
    else wire.end(script.end);
    this.fault ??= faultIn(wire);
    wire.destroy();
  }
}
