export function take(path: string): boolean;
export function release(path: string): void;
export function record(): string;
export function holder(path: string): number | undefined;
