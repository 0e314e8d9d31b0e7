import { Actor, must } from './actor.ts';
import { groupMessage, secondDevice } from './more-scenes.ts';
import { showFact, showScene, showStep, showText, type Side } from './screen.ts';
import { type Stage, TourError } from './stage.ts';

/** Characters that make the users of one run different from those of any other. */
const SUFFIX_LENGTH = 4;
const suffix = () =>
  Math.random()
    .toString(36)
    .slice(2, 2 + SUFFIX_LENGTH)
    .padEnd(SUFFIX_LENGTH, '0');

/** The story: who is in it, and what happens to them. */
export class Story {
  readonly #stage: Stage;
  readonly #run = suffix();
  readonly #alice: Actor;
  readonly #bob: Actor;
  /** Those who join later. */
  readonly #others: Actor[] = [];
  #began = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#alice = this.#actor('alice', 'left');
    this.#bob = this.#actor('bob', 'right');
  }

  async tell(): Promise<void> {
    try {
      await this.#login();
      await this.#sixPackets();
      await this.#away();
      await this.#lostReceipt();
      await groupMessage(this.#alice, this.#bob, this.#joins('carol', 'right', { hidden: true }), this);
      await this.#alice.leave();
      this.#bob.hidden = true;
      const phone = this.#joins('alice', 'left', { device: 'phone' });
      await secondDevice(phone, this.#joins('alice', 'right', { device: 'laptop' }), this.#bob, this);
    } finally {
      await Promise.all([this.#alice, this.#bob, ...this.#others].map((actor) => actor.leave()));
    }
    showText('\nNothing was lost, nothing was shown twice, and alice knows what became of every message.');
  }

  /** A user of this run, and of no other. */
  user(name: string): string {
    return `${name}-${this.#run}`;
  }

  /** @param names who stands on each side; default: alice and bob */
  begin(title: string, text: string, names: Record<Side, string> = this.#sides()): void {
    for (const actor of [this.#alice, this.#bob, ...this.#others]) actor.forget();
    showScene(title, text, names);
    this.#began = performance.now();
  }

  #sides(): Record<Side, string> {
    return { left: this.#alice.user, right: this.#bob.user };
  }

  #actor(name: string, side: Side, more: { device?: string; hidden?: boolean } = {}): Actor {
    const gateway = this.#stage.gateways[side === 'left' ? 0 : 1];
    const since = () => performance.now() - this.#began;
    return new Actor({ name, user: this.user(name), side, gateway, ...more }, this.#stage, since);
  }

  #joins(name: string, side: Side, more: { device?: string; hidden?: boolean }): Actor {
    const actor = this.#actor(name, side, more);
    this.#others.push(actor);
    return actor;
  }

  async #login(): Promise<void> {
    this.begin(
      '1  Two users log in, at different gateways',
      `alice at ${this.#alice.gateway}, bob at ${this.#bob.gateway}.\n` +
        'After login:A a client asks for its mailbox (offline:R); both are still empty (offline:N).',
    );
    await this.#alice.arrive();
    await this.#alice.sees('in', 'offline:N');
    await this.#bob.arrive();
    await this.#bob.sees('in', 'offline:N');
    showFact('both are reachable');
  }

  async #sixPackets(): Promise<void> {
    this.begin(
      '2  The six packets of one message',
      'R asks, A accepts, N notifies: msg:R, msg:A, msg:N, ack:R, ack:A, ack:N.\n' +
        'msg:A: the servers have stored it. ack:N: bob has it, and alice knows.',
    );
    const message = this.#alice.client.send(this.#bob.user, 'Hello, Bob!', { id: 'hello' });
    await must('alice learns that it was delivered', message.reached('delivered'));
    await this.#bob.sees('in', 'ack:A');
    for (const type of ['msg:A', 'ack:N']) await this.#alice.sees('in', type);
    await this.#bob.sees('in', 'msg:N');
    await this.#bob.sees('out', 'ack:R');
    this.#bobHas('hello', 1);
    showFact(`alice's message is ${message.state}, and bob has it`);
  }

  async #away(): Promise<void> {
    this.begin(
      '3  Bob is away, and comes back',
      'The message waits in his mailbox, and alice is told so: stored. When he is back he pulls it,\n' +
        'and a hint (an empty offline:N with more) tells alice to pull the receipt: delivered.',
    );
    await this.#bob.leave();
    showStep('bob has left');
    const message = this.#alice.client.send(this.#bob.user, 'Are you there?', { id: 'away' });
    await must('alice learns that it was stored', message.reached('stored'));
    if (message.state !== 'stored')
      throw new TourError(`The message is ${message.state}, though bob is away.`);
    showFact('alice knows that it waits: stored');
    showStep('bob comes back');
    await this.#bob.arrive();
    await this.#bob.sees('out', 'offline:A');
    this.#bobHas('away', 1);
    showFact('bob has it');
    await must('alice learns that it was delivered after all', message.reached('delivered'));
    await this.#alice.sees('out', 'offline:A');
    showFact(`alice's message is ${message.state}`);
  }

  async #lostReceipt(): Promise<void> {
    this.begin(
      '4  A packet gets lost: alice never sees the first ack:N',
      'Nobody answers within her retransmission timeout (1.5 s here), so her client sends the message\n' +
        'again, with the same id. Bob confirms it again, but his application does not see it twice.',
    );
    this.#alice.lose = 'ack:N';
    const message = this.#alice.client.send(this.#bob.user, 'Once, please', { id: 'once' });
    await this.#alice.sees('in', 'ack:N');
    if (message.state !== 'sent')
      throw new TourError(`The message is ${message.state}, though the ack:N was lost.`);
    showFact('the ack:N is lost: for alice the message is still only sent');
    await this.#alice.sees('out', 'msg:R', 2);
    await must('alice learns that it was delivered', message.reached('delivered'));
    await this.#bob.sees('in', 'msg:N', 2);
    await this.#bob.sees('out', 'ack:R', 2);
    await this.#bob.sees('in', 'ack:A', 2);
    this.#bobHas('once', 1);
    showFact(`alice's message is ${message.state}; bob's client got it twice, his application once`);
  }

  #bobHas(id: string, times: number): void {
    const had = this.#bob.handed.filter((message) => message.id === id).length;
    if (had !== times)
      throw new TourError(`Bob's application has message ${id} ${had} times instead of ${times}.`);
  }
}
