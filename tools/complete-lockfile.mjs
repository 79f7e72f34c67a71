// Completes package-lock.json after `npm install` against a registry that mirrors only some platforms.
//
// npm leaves an optional dependency that it could not look up out of the lockfile, and then `npm ci` refuses the lockfile as out of
// date – everywhere. The left-out packages are native builds for other platforms; their names say for which. An entry with that
// platform and no integrity is enough for `npm ci` to know and skip them here, and to look them up where they are wanted.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const cpus = ['arm64', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'arm'];

let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined) continue;
    const words = name.split(/[/-]/);
    const os = systems.filter((system) => words.includes(system));
    const cpu = cpus.filter((word) => words.includes(word));
    if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name}: cannot tell its platform from its name; add it by hand`);
    lock.packages[key] = { version, cpu, dev: entry.dev, optional: true, os };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} packages of other platforms added`);
