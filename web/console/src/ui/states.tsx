import type { ComponentChildren } from 'preact';
import { ApiError } from '../io/api.ts';
import type { Loaded } from './use-load.ts';

/** An error, and what to do. */
export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : undefined;
  return (
    <div class="note bad" role="alert">
      <p>
        <strong>{error instanceof Error ? error.message : String(error)}</strong>
        {known && <code class="code">{known.code}</code>}
      </p>
      {known && <p>{known.advice}</p>}
      {retry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** There is nothing to show, and that is all right. */
export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children && <p>{children}</p>}
  </div>
);

/** Grey bars where an answer is to come, as high as it. */
export const Skeleton = ({ rows = 3 }: { rows?: number }) => (
  <div class="skeleton" role="status" aria-label="Loading">
    {Array.from({ length: rows }, (_, row) => (
      <span key={row} />
    ))}
  </div>
);

/** One of: loading, the error, the answer (with an error above it when the last try failed). */
export function Shown<T>({
  loaded,
  rows = 3,
  children,
}: {
  loaded: Loaded<T>;
  rows?: number;
  children: (value: T) => ComponentChildren;
}) {
  const { value, error, loading, reload } = loaded;
  return (
    <>
      {error !== undefined && <ErrorBox error={error} retry={reload} />}
      {loading && <Skeleton rows={rows} />}
      {value !== undefined && children(value)}
    </>
  );
}
