import { expect, test, vi } from 'vitest';
import { warnOfRemovedSettings } from './removed-settings.ts';

test('a removed setting that is still set is named in one warning', () => {
  const warn = vi.fn();
  warnOfRemovedSettings(
    { warn },
    { TLS_RELOAD_MS: '500', ACK_PREFETCH: '64', HOUSEKEEPING_MS: '', PORT: '1' },
  );
  expect(warn.mock.calls).toEqual([
    [{ settings: ['ACK_PREFETCH', 'TLS_RELOAD_MS'] }, expect.stringContaining('no effect')],
  ]);
});

test('no warning without one', () => {
  const warn = vi.fn();
  warnOfRemovedSettings({ warn }, { PORT: '8080' });
  expect(warn).not.toHaveBeenCalled();
});
