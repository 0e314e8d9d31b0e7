import type { Entry, Fate } from './entries.ts';
import type { Faults } from './faults.ts';
import type { Wired } from './wire.ts';

export interface Gateway {
  readonly name: string;
  readonly url: string;
}

/** The state of a person's connection, in short. */
export interface Link {
  readonly state: 'connecting' | 'online' | 'waiting' | 'closed';
  readonly reason?: string | undefined;
}

/** One column of the page: a user on one device. */
export interface Person {
  /** `p1` to `p4`. */
  readonly who: string;
  readonly user: string;
  readonly device: string;
  /** Name of the gateway. */
  readonly gateway: string;
  readonly link: Link;
  readonly entries: readonly Entry[];
  /** Who types, and until when it is shown, milliseconds since the epoch. */
  readonly typing: Readonly<Record<string, number>>;
  readonly faults: Faults;
  /** The people that the next message is for. */
  readonly to: readonly string[];
}

/** One process of the local stack. */
export interface Process {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
}

/** What a service did with the highlighted message. Times are milliseconds since the epoch. */
export interface Step {
  readonly service: string;
  readonly instance: string;
  /** The name of its span. */
  readonly step: string;
  readonly outcome: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** End of the step before: until then, this one waited in a queue. */
  readonly previousEndedAt?: number | undefined;
}

/** What just happened, in a sentence. */
export interface Sentence {
  readonly n: number;
  readonly at: number;
  readonly text: string;
  readonly tone: 'plain' | 'good' | 'warn' | 'bad';
  /** The message that it is about. */
  readonly message?: string | undefined;
}

/** All that the page shows. */
export interface World {
  readonly gateways: readonly Gateway[];
  readonly people: readonly Person[];
  readonly packets: readonly Wired[];
  readonly story: readonly Sentence[];
  readonly processes: readonly Process[];
  /** The message whose packets are highlighted. */
  readonly focus: string | undefined;
  /** What is known of it from the traces of the services; empty where they send none. */
  readonly steps: readonly Step[];
}

/** Everything that can happen. */
export type Happening =
  | { type: 'joined'; person: Person }
  | { type: 'left'; who: string }
  | {
      type: 'changed';
      who: string;
      change: Partial<Pick<Person, 'faults' | 'to' | 'gateway' | 'user' | 'device' | 'entries'>>;
    }
  | { type: 'linked'; who: string; link: Link; at: number }
  | { type: 'packet'; packet: Omit<Wired, 'n'> }
  | { type: 'wrote'; who: string; entry: Entry }
  | { type: 'advanced'; who: string; key: string; fates: readonly Fate[] }
  | { type: 'received'; who: string; entry: Entry }
  | { type: 'seen'; who: string; keys: readonly string[] }
  | { type: 'typing'; who: string; from: string; until: number }
  | { type: 'focused'; message: string | undefined }
  | { type: 'traced'; message: string; steps: readonly Step[] }
  | { type: 'processes'; processes: readonly Process[]; at: number }
  | { type: 'said'; text: string; tone: Sentence['tone']; at: number };

export const emptyWorld = (gateways: readonly Gateway[]): World => ({
  ...{ gateways, people: [], packets: [], story: [], processes: [], focus: undefined, steps: [] },
});
