import { Icon } from '../../../shared/ui/icons.tsx';

export { Logo } from '../../../shared/ui/icons.tsx';

export const Send = () => (
  <Icon>
    <path d="M8 13V3.500M3.800 7.500 8 3.300l4.200 4.200" />
  </Icon>
);

export const Plus = () => (
  <Icon>
    <path d="M8 3v10M3 8h10" />
  </Icon>
);

export const Cross = () => (
  <Icon>
    <path d="m4 4 8 8m0-8-8 8" />
  </Icon>
);

export const Device = () => (
  <Icon>
    <rect x="4.500" y="1.800" width="7" height="12.400" rx="1.600" />
    <path d="M7.300 12h1.400" />
  </Icon>
);

export const Restart = () => (
  <Icon>
    <path d="M13 8a5 5 0 1 1-1.600-3.700M13 2.500v2.700h-2.700" />
  </Icon>
);

export const NoNetwork = () => (
  <Icon>
    <path d="M1.800 6.200a9 9 0 0 1 12.400 0M4.200 8.800a5.500 5.500 0 0 1 7.600 0M8 12h.01M2.500 14 13.500 2" />
  </Icon>
);
