import type { ComponentChildren } from 'preact';

export const Icon = ({ children, size = 16 }: { children: ComponentChildren; size?: number }) => (
  <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    {children}
  </svg>
);

export const Logo = () => (
  <svg class="logo" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="9" />
    <path d="M7 10.5h16m-4.500-4.500 4.500 4.500-4.500 4.500" />
    <path d="M25 21.500H9m4.500-4.500-4.500 4.500 4.500 4.500" opacity=".7" />
  </svg>
);
