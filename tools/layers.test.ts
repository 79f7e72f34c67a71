import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importsOf, layerProblems, packageOf, unusedFiles, type Workspace } from './layers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function readWorkspace(folder: string): Workspace {
  const manifest = readManifest(folder);
  const files = globSync(['src/**/*.ts', 'bin/**/*.{ts,mjs}'], { cwd: join(root, folder) }).toSorted();
  return {
    folder,
    name: manifest.name,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    files: new Map(files.map((file) => [file, readFileSync(join(root, folder, file), 'utf8')])),
  };
}

function readRepository(): readonly Workspace[] {
  const folders = globSync(['packages/*', 'agents/*', 'apps/*', 'lab'], { cwd: root });
  return folders
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .toSorted()
    .map(readWorkspace);
}

test('no arrow in the repository points up, and every import is declared', () => {
  const all = readRepository();
  assert.ok(
    all.some((workspace) => workspace.folder === 'packages/core' && workspace.files.size > 0),
    'the repository was found',
  );
  const problems = layerProblems(all, Object.keys(readManifest('.').devDependencies ?? {}));
  assert.ok(problems.length === 0, `\n${problems.join('\n')}\n`);
});

test('every source file is imported by another or by a test, or is started', () => {
  const all = readRepository();
  const bins = all.flatMap(({ folder }) => Object.values(readManifest(folder).bin ?? {}).map((file) => posix.join(folder, file)));
  const unused = unusedFiles(all, bins);
  assert.ok(unused.length === 0, `nothing imports:\n${unused.join('\n')}\n`);
});

/** A small good repository; `changes` replaces or adds files, by path from the root. */
function madeUp(
  changes: Readonly<Record<string, string>>,
  dependencies: Readonly<Record<string, readonly string[]>> = {},
): readonly Workspace[] {
  const declared: Readonly<Record<string, readonly string[]>> = {
    'packages/core': [],
    'packages/sys': ['@weft/core', 'koffi'],
    'packages/netlink': ['@weft/core', '@weft/sys'],
    'packages/store': ['@weft/core'],
    'packages/pki': ['@weft/core', '@peculiar/x509'],
    'agents/controller': ['@weft/core', '@weft/store'],
    'agents/launcher': ['@weft/core', '@weft/netlink', '@weft/sys'],
    'apps/weft': ['@weft/core', '@weft/controller', '@weft/lab'],
    lab: ['@weft/core', '@weft/netlink'],
    ...dependencies,
  };
  const good: Readonly<Record<string, string>> = {
    'packages/core/src/vni.ts': 'export const vni = 1;',
    'packages/core/src/vni.test.ts': `import fc from 'fast-check';\nimport { test } from 'node:test';\nimport { fake } from '@weft/lab/fake';`,
    'packages/netlink/src/link.ts': `import { vni } from '@weft/core/vni';\nimport { open } from '@weft/sys/fd';\nimport { x } from './codec/x.ts';`,
    'agents/controller/src/rest.ts': `import { createServer } from 'node:https';\nimport { sqlite } from '@weft/store/sqlite';`,
    'apps/weft/src/lab.ts': `import { up } from '@weft/lab/up';\nawait import('@weft/controller/rest');`,
    'packages/store/src/tls.test.ts': `import { test } from 'node:test';\nimport { ca } from '@weft/pki/ca';`,
    'lab/src/up.ts': `import { execFileSync } from 'node:child_process';\nexecFileSync('ip', ['link']);`,
  };
  const files = Object.entries({ ...good, ...changes });
  return Object.entries(declared).map(([folder, names]) => ({
    folder,
    name: `@weft/${posix.basename(folder)}`,
    dependencies: names,
    devDependencies: [],
    files: new Map(files.filter(([path]) => path.startsWith(`${folder}/`)).map(([path, text]) => [path.slice(folder.length + 1), text])),
  }));
}

test('a good repository has no problems', () => {
  assert.deepEqual(layerProblems(madeUp({}), ['fast-check']), []);
});

interface Breach {
  readonly rule: string;
  readonly path: string;
  readonly source: string;
  readonly says: RegExp;
  readonly dependencies?: Readonly<Record<string, readonly string[]>>;
  readonly more?: Readonly<Record<string, string>>;
}

const bad: readonly Breach[] = [
  { rule: 'core may not use Node’s modules', path: 'packages/core/src/a.ts', source: `import 'node:fs';`, says: /core is pure/ },
  {
    rule: 'core may not use npm packages, even declared',
    path: 'packages/core/src/a.ts',
    source: `import yaml from 'yaml';`,
    says: /core imports nothing/,
    dependencies: { 'packages/core': ['yaml'] },
  },
  {
    rule: 'core may not import a higher package, for a type either',
    path: 'packages/core/src/a.ts',
    source: `import type { Fd } from '@weft/sys/fd';`,
    says: /core imports nothing/,
  },
  {
    rule: 'an arrow may not point up',
    path: 'packages/sys/src/a.ts',
    source: `export { link } from '@weft/netlink/link';`,
    says: /points up: packages\/sys is below packages\/netlink/,
  },
  {
    rule: 'a package may not import an agent',
    path: 'packages/store/src/a.ts',
    source: `const rest = await import('@weft/controller/rest');`,
    says: /points up/,
  },
  {
    rule: 'adapters of one layer may not import one another',
    path: 'packages/store/src/a.ts',
    source: `import { ca } from '@weft/pki/ca';`,
    says: /same layer/,
  },
  {
    rule: 'agents may not import one another',
    path: 'agents/launcher/src/a.ts',
    source: `import { rest } from '@weft/controller/rest';`,
    says: /meet on the wire/,
  },
  {
    rule: 'an agent’s manifest may not name another agent',
    path: 'agents/launcher/src/a.ts',
    source: '',
    says: /^agents\/launcher\/package\.json: @weft\/controller: agents meet on the wire/,
    dependencies: { 'agents/launcher': ['@weft/controller'] },
  },
  {
    rule: 'only tests and apps may import lab',
    path: 'agents/launcher/src/a.ts',
    source: `import { fake } from '@weft/lab/fake';`,
    says: /only tests and apps/,
  },
  { rule: 'lab may not import apps', path: 'lab/src/a.ts', source: `import { main } from '@weft/weft/main';`, says: /points up/ },
  {
    rule: 'what is imported must be declared',
    path: 'agents/controller/src/a.ts',
    source: `import fastify\n  from 'fastify';`,
    says: /src\/a\.ts:2: fastify: fastify is not declared in agents\/controller\/package\.json/,
  },
  {
    rule: 'the root’s devDependencies are for tests only',
    path: 'packages/store/src/a.ts',
    source: `import fc from 'fast-check';`,
    says: /not declared/,
  },
  {
    rule: 'FFI is confined to sys',
    path: 'packages/netlink/src/a.ts',
    source: `import koffi from 'koffi';`,
    says: /only packages\/sys may import koffi/,
    dependencies: { 'packages/netlink': ['koffi', '@weft/core', '@weft/sys'] },
  },
  {
    rule: 'certificate issuing is confined to pki',
    path: 'agents/controller/src/a.ts',
    source: `import { X509Certificate } from '@peculiar/x509';`,
    says: /only packages\/pki/,
  },
  {
    rule: 'a relative import may not leave its package',
    path: 'agents/controller/src/a.ts',
    source: `import { vni } from '../../../packages/core/src/vni.ts';`,
    says: /leaves its package/,
  },
  { rule: 'a package may not import itself', path: 'packages/store/src/a.ts', source: `import '@weft/store/b';`, says: /imports itself/ },
  {
    rule: 'a product file may not import a test’s helper',
    path: 'packages/store/src/a.ts',
    source: `import { contract } from './contract.testing.ts';`,
    says: /only tests may import/,
  },
  {
    rule: 'a product file may not import a file that uses the test runner',
    path: 'packages/store/src/a.ts',
    source: `import { contract } from './contract.ts';`,
    says: /only tests may import/,
    more: { 'packages/store/src/contract.ts': `import { test } from 'node:test';` },
  },
  {
    rule: 'a test may not import a higher package',
    path: 'packages/store/src/a.test.ts',
    source: `import { rest } from '@weft/controller/rest';`,
    says: /points up/,
  },
  {
    rule: 'the product may not start ip',
    path: 'packages/netlink/src/a.ts',
    source: `import { spawn } from 'node:child_process';\nspawn('/usr/sbin/ip', ['link']);`,
    says: /starts ip/,
  },
  {
    rule: 'the product may not start nft through a shell',
    path: 'agents/launcher/src/a.ts',
    source: `import { execSync } from 'node:child_process';\nexecSync(\`nft list ruleset\`);`,
    says: /starts nft/,
  },
];
for (const { rule, path, source, says, dependencies, more } of bad) {
  test(`the layer check finds a breach: ${rule}`, () => {
    const problems = layerProblems(madeUp({ ...more, [path]: source }, dependencies), ['fast-check']);
    assert.ok(
      problems.some((problem) => says.test(problem)),
      `${says} not in: ${problems.join('\n')}`,
    );
  });
}

test('a folder of no known layer is reported', () => {
  const stray: Workspace = {
    folder: 'extras/x',
    name: '@weft/x',
    dependencies: [],
    devDependencies: [],
    files: new Map([['src/a.ts', `import '@weft/core/vni';`]]),
  };
  assert.match(layerProblems([...madeUp({}), stray], []).join('\n'), /extras\/x belongs to no layer/);
});

test('imports are found however they are written, and not in comments', () => {
  const source = [
    `import a from 'a';`,
    `import {`,
    `  b,`,
    `} from "@weft/core/b";`,
    `import type { C } from './c.ts';`,
    `export * from 'd';`,
    `import 'e';`,
    `// import 'no1';`,
    `/* import 'no2'; */`,
    ` * import('no3')`.replace(' *', '//'),
    `type F = import('f').F; const g = await import('g');`,
    `const url = 'https://weft.example/'; const h = await import("h");`,
  ].join('\n');
  assert.deepEqual(
    importsOf(source).map(({ specifier, line }) => `${line} ${specifier}`),
    ['1 a', '4 @weft/core/b', '5 ./c.ts', '6 d', '7 e', '11 f', '11 g', '12 h'],
  );
  assert.deepEqual(['@weft/core/vni', 'pino', 'yaml/x', './a.ts', 'node:fs'].map(packageOf), [
    '@weft/core',
    'pino',
    'yaml',
    undefined,
    undefined,
  ]);
});

test('a file that nothing imports is found, one that is started or used is not', () => {
  const all = madeUp({
    'packages/core/src/lonely.ts': 'export const a = 1;',
    'packages/core/src/deep/tested.ts': '',
    'packages/core/src/deep/tested.test.ts': `import './tested.ts';`,
    'lab/src/worker.ts': '',
    'lab/src/pool.ts': `new Worker(new URL('./worker.ts', import.meta.url))`,
    'apps/weft/bin/weft.mjs': `import '../src/lab.ts'`,
  });
  assert.deepEqual(unusedFiles(all, ['apps/weft/bin/weft.mjs']), [
    'packages/core/src/lonely.ts',
    'packages/netlink/src/link.ts',
    'lab/src/pool.ts',
  ]);
});
