import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sendSignal, untilGone } from '../../stack/processes.ts';
import { until } from '../../stack/until.ts';
import { asJson, type BrowserKind, type Driver, type Tab } from './driver.ts';
import { Rpc } from './rpc.ts';

const PREFERENCES = {
  // Killed again and again, it would offer to start without extensions, or with the tabs of last time.
  'toolkit.startup.max_resumed_crashes': -1,
  'browser.sessionstore.resume_from_crash': false,
  'browser.startup.page': 0,
  'browser.startup.homepage_override.mstone': 'ignore',
  // A process for each tab, so that one can crash alone.
  'dom.ipc.processCount.webIsolated': 16,
  // What it would do by itself: the network, and processes in advance.
  'dom.ipc.processPrelaunch.enabled': false,
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.systemAddon.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
};

/** Firefox, by WebDriver BiDi. */
export const firefox: BrowserKind = {
  name: 'firefox',
  programs: ['firefox-esr', 'firefox'],
  debianPackage: 'firefox-esr',
  // The reporter would be a process of its own.
  env: { MOZ_CRASHREPORTER_DISABLE: '1' },
  args: (profile) => [
    ...['--headless', '--no-remote', '--remote-debugging-port=0', '--remote-allow-system-access'],
    ...['--profile', profile, 'about:blank'],
  ],
  prepare: (profile) => {
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    return writeFile(join(profile, 'user.js'), lines.join(''));
  },
  listening: /WebDriver BiDi listening on (ws:\S+)/,
  async connect(address): Promise<Driver> {
    const rpc = await Rpc.open(`${address}/session`);
    await rpc.call('session.new', { capabilities: {} });
    return { open: (url) => openTab(rpc, url), close: () => rpc.close() };
  },
};

interface Evaluated {
  result?: { value?: string };
  exceptionDetails?: { text: string };
}

async function openTab(rpc: Rpc, url: string): Promise<Tab> {
  const { context } = await rpc.call<{ context: string }>('browsingContext.create', { type: 'tab' });
  await rpc.order('browsingContext.navigate', { context, url, wait: 'none' });
  return {
    evaluate: async (expression) => JSON.parse(await evaluate(rpc, context, asJson(expression))) as unknown,
    reload: () => rpc.order('browsingContext.reload', { context, wait: 'none' }),
    resize: (width, height) =>
      rpc.order('browsingContext.setViewport', { context, viewport: { width, height } }),
    async press(key, modifier) {
      await rpc.order('browsingContext.activate', { context }); // keys go to the tab in front
      const actions = strokes(KEYS[key] ?? key, modifier && KEYS[modifier]);
      await rpc.order('input.performActions', { context, actions: [{ type: 'key', id: 'keys', actions }] });
    },
    async screenshot() {
      const { data } = await rpc.call<{ data: string }>('browsingContext.captureScreenshot', { context });
      return Buffer.from(data, 'base64');
    },
    async prefer(scheme) {
      const value = scheme === 'dark' ? 0 : 1;
      const preference = `'layout.css.prefers-color-scheme.content-override', ${value}`;
      await evaluate(rpc, await ownWindow(rpc), `Services.prefs.setIntPref(${preference}), ''`);
    },
    close: () => rpc.order('browsingContext.close', { context }),
    async crash() {
      const pid = await processOf(rpc, context);
      sendSignal(pid, 'SIGKILL');
      await untilGone([pid], 10_000);
    },
    async memory() {
      const pid = await processOf(rpc, context);
      const own = `children.find((one) => one.pid === ${pid})`;
      const memory = `ChromeUtils.requestProcInfo().then(({ children }) => String(${own}?.memory ?? 0))`;
      return Number(await evaluate(rpc, await ownWindow(rpc), memory));
    },
  };
}

/** Keys without a character have one of their own in WebDriver. */
const KEYS: Record<string, string | undefined> = {
  ...{ Tab: '\uE004', Enter: '\uE007', Shift: '\uE008', Alt: '\uE00A', Escape: '\uE00C' },
  ...{ ArrowUp: '\uE013', ArrowDown: '\uE015' },
};

function strokes(value: string, modifier: string | undefined): object[] {
  const stroke = [
    { type: 'keyDown', value },
    { type: 'keyUp', value },
  ];
  if (modifier === undefined) return stroke;
  return [{ type: 'keyDown', value: modifier }, ...stroke, { type: 'keyUp', value: modifier }];
}

/** The window of the browser itself, whose scripts may ask and set everything. */
async function ownWindow(rpc: Rpc): Promise<string> {
  const scope = { 'moz:scope': 'chrome', maxDepth: 0 };
  const { contexts } = await rpc.call<{ contexts: { context: string }[] }>('browsingContext.getTree', scope);
  return contexts[0]?.context ?? '';
}

/** The process of a tab: the one whose address gets a mark. */
async function processOf(rpc: Rpc, context: string): Promise<number> {
  await evaluate(rpc, context, `location.hash = '${context}'`);
  const tab = `gBrowser.browsers.find(({ currentURI }) => currentURI.spec.endsWith('#${context}'))`;
  const pid = `String(${tab}?.browsingContext.currentWindowGlobal.osPid ?? 0)`;
  const ask = async () => Number(await evaluate(rpc, await ownWindow(rpc), pid));
  return until(ask, { what: 'the process of the tab' });
}

/** @returns the value of an expression that is a string, or a promise of one */
async function evaluate(rpc: Rpc, context: string, expression: string): Promise<string> {
  const params = { expression, awaitPromise: true, target: { context } };
  const { result, exceptionDetails } = await rpc.call<Evaluated>('script.evaluate', params);
  if (exceptionDetails) throw new Error(exceptionDetails.text);
  return result?.value ?? 'null';
}
