import { sentEntry, unseen } from './model/entries.ts';
import { type Faults, NO_FAULTS } from './model/faults.ts';
import type { Happening, Person } from './model/world.ts';
import { Connection } from './io/connection.ts';
import type { Control } from './io/control.ts';
import { readHistory, readPeople, type SavedPerson, writeHistory, writePeople } from './io/history.ts';
import type { Store } from './store.ts';

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'];

/** People that a tab begins with. */
const FIRST_PEOPLE = 2;

/** Most people side by side. */
export const MAX_PEOPLE = 4;

/** The device that every person has first: each tab is another one. */
const firstDevice = (room: number) => (room === 1 ? 'page' : `tab-${room}`);

/**
 * Everything that the user of the page can do. The page shows a person as of the last frame: what an action depends on is
 * read here, from the person as it is now.
 */
export class Demo {
  readonly store: Store;
  readonly control: Control | undefined;
  readonly #connections = new Map<string, Connection>();

  readonly #room: number;

  /** @param room the number of this tab */
  constructor(store: Store, control: Control | undefined, room: number) {
    this.store = store;
    this.control = control;
    this.#room = room;
  }

  get #people(): readonly Person[] {
    return this.store.world.people;
  }

  #person(who: string): Person | undefined {
    return this.#people.find((person) => person.who === who);
  }

  /** The people of the last visit, or the first two. */
  start(): void {
    const saved = readPeople(this.#room).slice(0, MAX_PEOPLE);
    const names = new Set(this.store.world.gateways.map(({ name }) => name));
    const first = ((this.#room - 1) * FIRST_PEOPLE) % NAMES.length;
    if (saved.length >= FIRST_PEOPLE)
      for (const person of saved)
        this.#join({ ...person, gateway: names.has(person.gateway) ? person.gateway : this.#gateway(0) });
    else for (const name of NAMES.slice(first, first + FIRST_PEOPLE)) this.#newcomer(name);
    // Only now is it known who has two devices here.
    for (const { who } of this.#people) this.#connect(who);
  }

  /** One more person, whose name nobody has here. */
  addPerson(): void {
    const taken = new Set(this.#people.map(({ user }) => user));
    this.#connect(this.#newcomer(NAMES.find((name) => !taken.has(name)) ?? 'zoe'));
  }

  /** A second device of the same user: from now on both are synced ones. */
  addDevice({ who, user, to }: Person): void {
    const devices = this.#people.filter((person) => person.user === user).length;
    const device = devices === 1 ? 'phone' : `device-${devices + 1}`;
    this.#connect(this.#join({ ...this.#place(), user, device, to }));
    void this.#restart(who);
  }

  remove({ who, user }: Person): void {
    const isSynced = this.#people.filter((person) => person.user === user).length > 1;
    void this.#connections.get(who)?.end(isSynced);
    this.#connections.delete(who);
    this.#tell({ type: 'left', who });
    this.#save();
  }

  async rename({ who, user, device }: Person, name: string): Promise<void> {
    if (name === user || !/^[\w.:@-]{1,32}$/.test(name)) return;
    for (const person of this.#people)
      if (person.to.includes(user))
        this.#change(person.who, {
          to: [...new Set(person.to.map((each) => (each === user ? name : each)))],
        });
    this.#change(who, { user: name, entries: readHistory(`${name}@${device}`) });
    await this.#restart(who);
  }

  async moveTo({ who }: Person, gateway: string): Promise<void> {
    this.#change(who, { gateway });
    await this.#restart(who);
  }

  /** The program of this person ends and starts again, without a goodbye. */
  async restart({ who, user }: Person): Promise<void> {
    this.#tell({ type: 'said', text: `The app of ${user} is restarted.`, tone: 'plain', at: Date.now() });
    await this.#restart(who);
  }

  /** @param change computes the receivers of the next message from those of now */
  choose({ who }: Person, change: (to: readonly string[]) => readonly string[]): void {
    this.#change(who, { to: change(this.#person(who)?.to ?? []) });
    this.#save();
  }

  send({ who }: Person, text: string): void {
    const connection = this.#connections.get(who);
    const { user = '', to = [] } = this.#person(who) ?? {};
    if (!connection || to.length === 0) return;
    const id = connection.send(to, text);
    this.#tell({ type: 'wrote', who, entry: sentEntry(user, id, to, text, Date.now()) });
  }

  typing({ who }: Person): void {
    this.#connections.get(who)?.typing();
  }

  /** The person looks at what came. */
  look({ who }: Person): void {
    const news = unseen(this.#person(who)?.entries ?? []);
    if (news.length === 0) return;
    this.#tell({ type: 'seen', who, keys: news.map(({ key }) => key) });
    this.#connections.get(who)?.markRead(news);
  }

  /** @param change computes the faults from those of now */
  setFaults({ who, user }: Person, change: (faults: Faults) => Faults): void {
    const before = this.#person(who)?.faults ?? NO_FAULTS;
    const faults = change(before);
    this.#change(who, { faults });
    const connection = this.#connections.get(who);
    if (faults.offline === before.offline) return;
    const text = faults.offline ? `${user} lost the network.` : `${user} has a network again.`;
    this.#tell({ type: 'said', text, tone: faults.offline ? 'warn' : 'plain', at: Date.now() });
    if (faults.offline) connection?.cut();
    else connection?.reconnect();
  }

  focus(message: string | undefined): void {
    this.#tell({ type: 'focused', message });
    this.refreshSteps().catch(() => undefined); // it is asked again
  }

  /** Traces come a second after their step. */
  async refreshSteps(): Promise<void> {
    const { focus: message } = this.store.world;
    if (message === undefined || !this.control) return;
    const slash = message.indexOf('/'); // no user id has one
    const steps = await this.control.steps(message.slice(0, slash), message.slice(slash + 1));
    this.#tell({ type: 'traced', message, steps });
  }

  async kill(name: string): Promise<void> {
    this.#tell({ type: 'said', text: `You kill ${name}, with SIGKILL.`, tone: 'bad', at: Date.now() });
    await this.control?.kill(name);
    await this.refreshProcesses();
  }

  async refreshProcesses(): Promise<void> {
    const processes = await this.control?.processes();
    if (processes) this.#tell({ type: 'processes', processes, at: Date.now() });
  }

  #newcomer(user: string): string {
    const [to = NAMES[NAMES.indexOf(user) + 1] ?? ''] = this.#people.map((person) => person.user);
    return this.#join({ ...this.#place(), user, device: firstDevice(this.#room), to: [to] });
  }

  /** @returns the person's `who`; not connected yet */
  #join({ who, user, device, gateway, to }: SavedPerson): string {
    const entries = readHistory(`${user}@${device}`);
    const link = { state: 'connecting' as const };
    const person = { who, user, device, gateway, to, entries, link, typing: {}, faults: NO_FAULTS };
    this.#tell({ type: 'joined', person });
    this.#save();
    return who;
  }

  #connect(who: string): void {
    const person = this.#person(who);
    if (!person) return;
    const around = {
      gateways: this.store.world.gateways,
      person: (name: string) => this.#person(name),
      isSynced: () => this.#people.filter(({ user }) => user === person.user).length > 1,
      tell: this.#tell,
    };
    this.#connections.set(who, new Connection(person, around));
  }

  async #restart(who: string): Promise<void> {
    await this.#connections.get(who)?.close();
    this.#connect(who);
    this.#save();
  }

  #change(who: string, change: Extract<Happening, { type: 'changed' }>['change']): void {
    this.#tell({ type: 'changed', who, change });
  }

  #place(): { who: string; gateway: string } {
    const free =
      ['p1', 'p2', 'p3', 'p4'].find((each) => !this.#people.some(({ who }) => who === each)) ?? 'p4';
    return { who: free, gateway: this.#gateway(this.#people.length) };
  }

  #gateway(index: number): string {
    const { gateways } = this.store.world;
    return gateways[index % gateways.length]?.name ?? '';
  }

  readonly #tell = (event: Happening): void => {
    this.store.tell(event);
    if (!['wrote', 'received', 'advanced', 'seen'].includes(event.type) || !('who' in event)) return;
    const person = this.#person(event.who);
    if (person) writeHistory(`${person.user}@${person.device}`, person.entries);
  };

  #save(): void {
    writePeople(this.#room, this.#people);
  }
}
