import { readFileSync } from 'node:fs';

/** The release, as package.json has it. */
export function weftVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
