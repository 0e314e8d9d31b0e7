import { useEffect, useState } from 'preact/hooks';
import { hashOf, type View } from '../model/route.ts';

interface Field {
  name: string;
  label: string;
  /** What is allowed, as a regular expression. */
  pattern: string;
  hint: string;
  optional?: boolean;
}

export const USER = { pattern: '[A-Za-z0-9._:@\\-]{1,128}', hint: 'Letters, digits and . _ : @ -' };
export const MESSAGE = { pattern: '[A-Za-z0-9_\\-]{1,64}', hint: 'Letters, digits, _ and -' };

/** Asks what to look up; the answer is in the address, so that it can be gone back to. */
export function Search({
  view,
  fields,
  params,
}: {
  view: View;
  fields: readonly Field[];
  params: Record<string, string>;
}) {
  const [texts, setTexts] = useState(params);
  useEffect(() => setTexts(params), [params]);
  const submit = (event: Event) => {
    event.preventDefault();
    location.hash = hashOf(view, texts);
  };
  return (
    <form class="search" role="search" onSubmit={submit}>
      {fields.map(({ name, label, pattern, hint, optional = false }) => (
        <label key={name} class="field">
          <span>{label}</span>
          <input
            class="input"
            name={name}
            {...{ pattern, title: hint, required: !optional }}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            value={texts[name] ?? ''}
            onInput={({ currentTarget: { value } }) =>
              setTexts((others) => ({ ...others, [name]: value.trim() }))
            }
          />
        </label>
      ))}
      <button type="submit" class="button primary">
        Look up
      </button>
    </form>
  );
}
