import { MachineLacks } from './failure.ts';

/** Throws MachineLacks. `doing`: what needs root. */
export function requireRoot(doing: string): void {
  if (process.getuid?.() === 0) return;
  throw new MachineLacks('root_needed', `${doing} needs root`, { remedy: 'Run the same command as root, for example with sudo.' });
}
