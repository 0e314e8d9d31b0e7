import type { Watched } from './use-overview.ts';

/** Whether all is well, in a word. */
export function Status({ overview: { value, error, loading } }: { overview: Watched }) {
  const [level, text] = judge();
  return (
    <p class="health" data-level={level} role="status">
      <span class="dot" /> {text}
    </p>
  );

  function judge(): [level: string, text: string] {
    if (loading) return ['none', 'Asking…'];
    if (error !== undefined || !value) return ['bad', 'No connection'];
    const ill = value.parts.filter(({ state }) => state !== 'ready').length;
    if (value.parts.length === 0) return ['warn', 'No services named'];
    return ill === 0 ? ['good', 'All ready'] : ['bad', `${ill} of ${value.parts.length} not ready`];
  }
}
