import type { Tab } from './driver/driver.ts';
import { until } from '../stack/until.ts';

/** Everything arrives in the end; a busy machine may take its time. */
export const PATIENCE_MS = 120_000;

/** A message in the list of a person, as it is shown. */
export interface Shown {
  text: string;
  /** Of each receiver. */
  states: string[];
}

/** The demo page in a tab, by what is on the screen. People are `p1` to `p4`. */
export class DemoTab {
  readonly tab: Tab;

  constructor(tab: Tab) {
    this.tab = tab;
  }

  evaluate(expression: string): Promise<unknown> {
    return this.tab.evaluate(expression);
  }

  /** The sessions of all people are there. */
  untilOnline(people = 2): Promise<unknown> {
    const links = `[...document.querySelectorAll('.link')].map(({ dataset }) => dataset.state)`;
    return this.until(
      `${links}.length === ${people} && ${links}.every((state) => state === 'online')`,
      'all to be online',
    );
  }

  /** Puts text into the field, as a paste does. */
  async write(who: string, text: string): Promise<void> {
    await this.evaluate(`(() => {
      const field = document.querySelector('#write-${who}');
      field.focus();
      field.value = ${JSON.stringify(text)};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    })()`);
  }

  /** Writes, and presses the button. */
  async send(who: string, text: string): Promise<void> {
    await this.write(who, text);
    const button = `document.querySelector('#write-${who}').form.querySelector('.send')`;
    await this.until(`!${button}.disabled`, 'the button to send');
    await this.evaluate(`${button}.click()`);
  }

  /** Presses a button, by the text or the label that it has within `scope`. */
  async click(label: string, scope = 'body'): Promise<void> {
    const found = `[...document.querySelectorAll('${scope} button')].find((button) =>
      !button.disabled && [button.textContent.trim(), button.ariaLabel].includes('${label}'))`;
    await this.until(`${found} !== undefined`, `the button “${label}”`);
    await this.evaluate(`${found}.click()`);
  }

  /** Presses a switch of a person's faults. */
  fault(who: string, label: string): Promise<void> {
    return this.click(label, `.card[data-hue=${who}] .faults`);
  }

  async delay(who: string, ms: number): Promise<void> {
    await this.evaluate(`(() => {
      const select = document.querySelector('.card[data-hue=${who}] .delay select');
      select.value = '${ms}';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    })()`);
  }

  async messages(who: string): Promise<Shown[]> {
    return (await this
      .evaluate(`[...document.querySelectorAll('.card[data-hue=${who}] .message')].map((message) => ({
      text: message.querySelector('.text').textContent,
      states: [...message.querySelectorAll('.state')].map(({ dataset }) => dataset.state),
    }))`)) as Shown[];
  }

  /** Waits until a message has this state at its sender. */
  async untilState(who: string, text: string, ...states: string[]): Promise<void> {
    const reached = async () =>
      (await this.messages(who)).find((message) => message.text === text)?.states.join() === states.join();
    await until(reached, {
      what: `“${text}” of ${who} to be ${states.join()}`,
      timeoutMs: PATIENCE_MS,
    }).catch(async (cause: unknown) => {
      throw new Error(`${who} sees ${JSON.stringify(await this.messages(who))}`, { cause });
    });
  }

  /** How often a person sees a text, once it is there. */
  async copies(who: string, text: string): Promise<number> {
    const count = async () => (await this.messages(who)).filter((message) => message.text === text).length;
    return until(count, { what: `“${text}” at ${who}`, timeoutMs: PATIENCE_MS });
  }

  /** Waits until an expression is true in the page. */
  until(expression: string, what: string): Promise<unknown> {
    const holds = async () => (await this.evaluate(expression)) === true;
    return until(holds, { what, timeoutMs: PATIENCE_MS });
  }
}
