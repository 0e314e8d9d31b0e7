import type { Entry } from '../model/entries.ts';

const PREFIX = 'sixfold-demo:';

/** The messages that a person saw, as the last visit left them. */
export function readHistory(name: string): Entry[] {
  const entries: unknown = read(`history:${name}`);
  return Array.isArray(entries) ? (entries as Entry[]) : [];
}

/** Keeps them. It is synchronous: a message counts as delivered only when it is kept. */
export const writeHistory = (name: string, entries: readonly Entry[]): void =>
  write(`history:${name}`, entries);

/** The people of the page, as the last visit left them. */
export interface SavedPerson {
  who: string;
  user: string;
  device: string;
  gateway: string;
  to: readonly string[];
}

export function readPeople(room: number): SavedPerson[] {
  const people: unknown = read(`people:${room}`);
  return Array.isArray(people) ? (people as SavedPerson[]) : [];
}

export const writePeople = (room: number, people: readonly SavedPerson[]): void =>
  write(
    `people:${room}`,
    people.map(({ who, user, device, gateway, to }) => ({ who, user, device, gateway, to })),
  );

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? 'null');
  } catch {
    return undefined; // another version wrote it, or there is no storage
  }
}

function write(name: string, value: unknown): void {
  localStorage.setItem(PREFIX + name, JSON.stringify(value));
}
