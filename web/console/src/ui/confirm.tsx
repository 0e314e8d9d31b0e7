import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ErrorBox } from './states.tsx';

interface Props {
  title: string;
  children: ComponentChildren;
  /** The name of the action. */
  label: string;
  /** A name that must be typed first. */
  typed?: string;
  /** The dialog closes when it is done, and shows why when it fails. */
  act: () => Promise<void>;
  close: () => void;
}

/** Asks before something is done that cannot be undone. */
export function Confirm({ title, children, label, typed, act, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [text, setText] = useState('');
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  useEffect(() => dialog.current?.showModal(), []);
  const isConfirmed = typed === undefined || text === typed;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!isConfirmed || state.busy) return;
    setState({ busy: true });
    try {
      await act();
      close();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={id} onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>{title}</h2>
        <div class="dialog-text">{children}</div>
        {typed !== undefined && (
          <label class="field">
            <span>
              Type <strong>{typed}</strong> to confirm
            </span>
            <input
              class="input confirm-name"
              autocomplete="off"
              spellcheck={false}
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
            />
          </label>
        )}
        {state.error !== undefined && <ErrorBox error={state.error} />}
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="button danger" disabled={!isConfirmed || state.busy}>
            {state.busy ? 'Wait…' : label}
          </button>
        </div>
      </form>
    </dialog>
  );
}
