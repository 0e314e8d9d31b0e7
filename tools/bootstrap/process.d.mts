export function statFields(stat: string): string[];
export function statOf(pid: number | 'self'): string[] | undefined;
export function startedAt(pid: number): string | undefined;
export function ps(...args: string[]): string;
