import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  const load = (address: string) =>
    rpc.call('browsingContext.navigate', { context, url: address, wait: 'none' });
  await load(url);
  return {
    async evaluate(expression) {
      const params = { expression: asJson(expression), awaitPromise: true, target: { context } };
      const { result, exceptionDetails } = await rpc.call<Evaluated>('script.evaluate', params);
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return JSON.parse(result?.value ?? 'null') as unknown;
    },
    reload: () => rpc.order('browsingContext.reload', { context, wait: 'none' }),
    resize: (width, height) =>
      rpc.order('browsingContext.setViewport', { context, viewport: { width, height } }),
    close: () => rpc.order('browsingContext.close', { context }),
    // The page cannot answer any more.
    crash: () => {
      load('about:crashcontent').catch(() => undefined);
      return Promise.resolve();
    },
  };
}
