import { randomUUID } from 'node:crypto';
import type { GatewayEntry, RouteEntry } from '#libs/broker/entries.ts';
import type { Incarnation } from '../incarnation.ts';
import { questionsTotal } from '../metrics.ts';
import type { Publishers } from '../publishers.ts';
import { Problem, unavailable } from './problems.ts';

/** A question that is not answered in this time fails, milliseconds: routing may be gone. Asking again is safe. */
export const QUESTION_TIMEOUT_MS = 10_000;
/** Most questions of one gateway that wait for an answer; a further one fails at once. */
export const MAX_QUESTIONS = 1_000;

/** What the questions need of the gateway. */
export interface QuestionsContext {
  readonly publishers: Pick<Publishers, 'route'>;
  readonly incarnation: Pick<Incarnation, 'name' | 'ready'>;
}

/** Where the answer goes: part of the question. `session` is the name of the question. */
export interface Asker {
  session: string;
  gateway: string;
}

/** What may answer a question. A page and the end of a device also answer sessions. */
export type Reply = Extract<GatewayEntry, { kind: 'answer' | 'mailbox' | 'logged-out' }>;
type ReplyOf<K extends Reply['kind']> = Extract<Reply, { kind: K }>;

/** No answer came: the effect of the question is unknown. Asking again is safe (PROTOCOL: unavailable). */
export class UnansweredError extends Problem {
  constructor(why: string) {
    const { status, code, headers } = unavailable(why);
    super(status, code, why, { headers });
  }
}

interface Waiting {
  kind: Reply['kind'];
  answered: (reply: Reply) => void;
  failed: (why: string) => void;
}

/**
 * Questions to routing on behalf of requests over HTTP. A question travels through its user's partition, behind all that
 * was accepted for that user before; the answer comes through this gateway's queue.
 */
export class Questions {
  readonly #context: QuestionsContext;
  readonly #waiting = new Map<string, Waiting>();

  constructor(context: QuestionsContext) {
    this.#context = context;
  }

  /** Questions without an answer. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Asks in the partition of a user.
   *
   * @param kind of the entry that answers
   * @param question builds the entry
   * @throws UnansweredError
   */
  async ask<K extends Reply['kind']>(
    user: string,
    kind: K,
    question: (asker: Asker) => RouteEntry,
  ): Promise<ReplyOf<K>> {
    const { incarnation, publishers } = this.#context;
    // Without an incarnation there is no queue that the answer could come through.
    if (!incarnation.ready) throw refused('this gateway has no connection to the others now');
    if (this.#waiting.size >= MAX_QUESTIONS) throw refused('too many requests wait for an answer');
    const name = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<ReplyOf<K>>();
    const failed = (why: string) => {
      if (!this.#waiting.has(name)) return;
      questionsTotal.inc({ outcome: 'unanswered' });
      reject(new UnansweredError(why));
    };
    const late = setTimeout(() => failed('no answer came in time'), QUESTION_TIMEOUT_MS);
    this.#waiting.set(name, { kind, answered: (reply) => resolve(reply as ReplyOf<K>), failed });
    publishers.route(user, question({ session: name, gateway: incarnation.name }), {
      settled: (error) => {
        if (error) failed('the broker did not take the question');
      },
    });
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(name);
    }
  }

  /** An entry came that may be an answer. One that comes late or again is nobody's. */
  answered(reply: Reply): void {
    const waiting = this.#waiting.get(reply.session);
    if (waiting?.kind !== reply.kind) return;
    this.#waiting.delete(reply.session);
    questionsTotal.inc({ outcome: 'answered' });
    waiting.answered(reply);
  }

  /** The queue that answers come through is gone. */
  lost(): void {
    for (const { failed } of this.#waiting.values()) failed('the connection to the broker was lost');
  }
}

function refused(why: string): UnansweredError {
  questionsTotal.inc({ outcome: 'refused' });
  return new UnansweredError(why);
}
