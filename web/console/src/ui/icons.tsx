import { Icon } from '../../../shared/ui/icons.tsx';
import type { View } from '../model/route.ts';

export { Logo } from '../../../shared/ui/icons.tsx';

const PATHS: Record<View | 'refresh' | 'out', string> = {
  overview: 'M2 8h3l2-5 3 10 2-5h2',
  users: 'M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8ZM2.800 13.500a5.300 5.300 0 0 1 10.400 0',
  trace: 'M3 3v4.500a2 2 0 0 0 2 2h8M10 6.500l3 3-3 3',
  dead: 'M2 4.500h12v8H2zM2 5l6 4.500L14 5',
  partitions:
    'M2.500 2.500h4.500v4.500H2.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500H2.500zM9 9h4.500v4.500H9z',
  slow: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.800V8l2.200 1.700',
  refresh: 'M13 8a5 5 0 1 1-1.600-3.700M13 2.500v2.700h-2.700',
  out: 'M6.500 3H3v10h3.500M7 8h6.500M11 5.300 13.700 8 11 10.700',
};

export const Glyph = ({ name }: { name: keyof typeof PATHS }) => (
  <Icon>
    <path d={PATHS[name]} />
  </Icon>
);
