import type { ChaosUser, Receiver } from '../users.ts';

/**
 * A process full of reference clients. Takes its {@link Orders} as the only argument; reports its counter and obeys
 * {@link Command}s through the channel to its parent.
 */
export interface Orders {
  /** 1 for the first start: names of messages and connections must differ between runs. */
  run: number;
  seed: number;
  users: ChaosUser[];
  /** Everybody whom a list of receivers may name, also in other processes. */
  receivers: Receiver[];
  urls: string[];
  /** Address of the token endpoint. */
  tokens: string;
  /** Folder of this process: its history. */
  dir: string;
  /** Folder for the storage of its clients. */
  storageDir: string;
  /** Mean time between two messages of one sender, milliseconds. */
  everyMs: number;
  /** Share of the messages on which the receiving application fails. */
  failing: number;
}

/** `settle`: send nothing more, and come back if you ever will; `end`: close everything and exit. */
export type Command = 'settle' | 'end';
