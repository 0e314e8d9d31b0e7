import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from '../io/api.ts';
import type { Watched } from './use-overview.ts';

/** What every view has. */
export interface Console {
  api: Api;
  overview: Watched;
  /** Says what was done, to everybody. */
  announce: (text: string) => void;
}

export const ConsoleContext = createContext<Console | undefined>(undefined);

export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (!found) throw new Error('a view outside of the console');
  return found;
}
