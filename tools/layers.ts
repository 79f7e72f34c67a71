// The layers of the repository as data, and the function that finds what breaks them (style §1, ARCHITECTURE.md).
//
//   apps ─▶ lab (for `weft lab`)              lab may import everything but apps; tests may import lab
//    │
//    ▼
//   agents            never one another: they meet on the wire
//    ▼
//   dataplane store pki provider* daemon api ssntp      never one another (their tests may)
//    ▼
//   netlink ─▶ sys ─▶ core            core imports nothing at all
//
// Pure: it is given the files. `layers.test.ts` gives it the repository's, and made-up ones that break each rule.
import { posix } from 'node:path';

/** One workspace: its folder, its manifest's names, and its sources by path relative to the folder. */
export interface Workspace {
  /** For example `packages/core`. */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** npm packages that only one workspace may import, so that they can be replaced there. */
const confined: Readonly<Record<string, string>> = {
  koffi: 'packages/sys',
  '@peculiar/x509': 'packages/pki',
  '@aws-sdk/client-ec2': 'packages/provider-aws',
};

/** Programs whose work the product does itself, through netlink and libnftables. */
const networkPrograms = new Set(['ip', 'nft', 'bridge', 'tc', 'brctl', 'iptables', 'ip6tables', 'ifconfig', 'ethtool', 'conntrack']);

/** Height of a folder's layer; an import must go to a lower one. Undefined: this folder belongs to no layer that we know. */
function height(folder: string): number | undefined {
  if (folder === 'packages/core') return 0;
  if (folder === 'packages/sys') return 1;
  if (folder === 'packages/netlink') return 2;
  if (folder.startsWith('packages/')) return 3;
  if (folder.startsWith('agents/')) return 4;
  if (folder === 'lab') return 5;
  if (folder.startsWith('apps/')) return 6;
  return undefined;
}

/** Tests, and what is made for them: contract tests, fixtures. The name says so, or that it uses the test runner or assertions. */
function isTest(file: string, source: string): boolean {
  return /\.(test|testing)\.ts$/.test(file) || importsOf(source).some(({ specifier }) => /^node:(test|assert)(\/|$)/.test(specifier));
}

/** Strings and template literals are kept, comments become blanks of the same shape, so that lines still count. */
function withoutComments(source: string): string {
  const token = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/[^\n]*/g;
  return source.replaceAll(token, (all: string, literal: string | undefined) => literal ?? all.replaceAll(/[^\n]/g, ' '));
}

/** Every module that a source names: `import`, `export … from`, `import()`, also for types only. */
export function importsOf(source: string): readonly Import[] {
  const code = withoutComments(source);
  const patterns = [
    /^(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])(?<name>[^'"\n]+)\1/gm,
    /^import\s*(['"])(?<name>[^'"\n]+)\1/gm,
    /\bimport\s*\(\s*(['"`])(?<name>[^'"`\n]+)\1/g,
    /\brequire\s*\(\s*(['"`])(?<name>[^'"`\n]+)\1/g,
  ];
  return patterns
    .flatMap((pattern) =>
      [...code.matchAll(pattern)].map((match) => {
        const end = match.index + match[0].length;
        return { specifier: match.groups?.['name'] ?? '', line: code.slice(0, end).split('\n').length };
      }),
    )
    .toSorted((a, b) => a.line - b.line);
}

/** The npm package that a specifier names: `@weft/core/vni` → `@weft/core`. Undefined for relative paths and Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** Why `from` may not import `to`, undefined if it may. */
function whyForbidden(from: Workspace, to: Workspace, fromTest: boolean): string | undefined {
  const [own, other] = [height(from.folder), height(to.folder)];
  if (own === undefined) return `${from.folder} belongs to no layer: add it to tools/layers.ts`;
  if (other === undefined) return `${to.folder} belongs to no layer: add it to tools/layers.ts`;
  if (to.folder === 'lab' && fromTest) return undefined;
  if (own === 0) return 'core imports nothing';
  if (from.folder.startsWith('agents/') && to.folder.startsWith('agents/')) return 'agents meet on the wire, never in code';
  if (to.folder === 'lab' && !from.folder.startsWith('apps/')) return 'only tests and apps may import lab';
  if (own === other && !fromTest) return `${from.folder} and ${to.folder} are on the same layer`;
  if (own < other) return `the arrow points up: ${from.folder} is below ${to.folder}`;
  return undefined;
}

/** Programs of the network tools that a source starts: a string in a file that imports child_process begins with such a name. */
function networkProgramsIn(source: string): readonly string[] {
  if (!importsOf(source).some(({ specifier }) => /^(node:)?child_process$/.test(specifier))) return [];
  const strings = withoutComments(source).matchAll(/(['"`])(?<text>(?:\\.|(?!\1)[^\\])*)\1/g);
  const words = [...strings].map((match) => posix.basename((match.groups?.['text'] ?? '').trim().split(/\s+/)[0] ?? ''));
  return [...new Set(words.filter((word) => networkPrograms.has(word)))];
}

interface Context {
  readonly all: readonly Workspace[];
  readonly rootDev: readonly string[];
  /** Whether the importing file is a test. */
  readonly test: boolean;
}

function problemsOfImport(from: Workspace, file: string, specifier: string, { all, rootDev, test }: Context): string[] {
  if (specifier.startsWith('.')) {
    const target = posix.join(from.folder, posix.dirname(file), specifier);
    if (!target.startsWith(`${from.folder}/`)) return ['a relative import leaves its package: import the package by its name'];
    if (!test && isTest(target, from.files.get(target.slice(from.folder.length + 1)) ?? ''))
      return ['only tests may import what is made for tests'];
    return [];
  }
  const core = height(from.folder) === 0;
  if (specifier.startsWith('node:')) return core && !test ? ['core is pure: not even Node’s own modules'] : [];
  const name = packageOf(specifier) ?? specifier;
  if (name === from.name) return ['a package imports itself: use a relative path'];
  const problems: string[] = [];
  const workspace = all.find((candidate) => candidate.name === name);
  if (workspace !== undefined) {
    const reason = whyForbidden(from, workspace, test);
    if (reason !== undefined) problems.push(reason);
  } else if (core && !test) {
    problems.push('core imports nothing');
  }
  const home = confined[name];
  if (home !== undefined && home !== from.folder) problems.push(`only ${home} may import ${name}`);
  const declared = [...from.dependencies, ...(test ? [...from.devDependencies, ...rootDev] : [])];
  // Workspaces are always installed, and a declaration for a test's sake would draw arrows that the product does not have.
  const ofTest = test && workspace !== undefined;
  if (!declared.includes(name) && !ofTest) problems.push(`${name} is not declared in ${from.folder}/package.json`);
  return problems;
}

/** Everything that breaks a rule, one line each, with the reason. `rootDev`: the root's devDependencies, which all tests may use. */
export function layerProblems(all: readonly Workspace[], rootDev: readonly string[]): readonly string[] {
  const problems: string[] = [];
  for (const from of all) {
    for (const name of from.dependencies) {
      const to = all.find((candidate) => candidate.name === name);
      const reason = to === undefined ? undefined : whyForbidden(from, to, false);
      if (reason !== undefined) problems.push(`${from.folder}/package.json: ${name}: ${reason}`);
    }
    for (const [file, source] of from.files) {
      const test = isTest(file, source);
      for (const { specifier, line } of importsOf(source)) {
        for (const reason of problemsOfImport(from, file, specifier, { all, rootDev, test })) {
          problems.push(`${from.folder}/${file}:${line}: ${specifier}: ${reason}`);
        }
      }
      if (from.folder === 'lab' || test) continue;
      for (const program of networkProgramsIn(source)) {
        problems.push(`${from.folder}/${file}: starts ${program}: the kernel is programmed through netlink and libnftables`);
      }
    }
  }
  return problems;
}

/** Sources that nothing imports: no other file, no test, and not started themselves (a `bin`). Paths from the repository's root. */
export function unusedFiles(all: readonly Workspace[], entries: readonly string[]): readonly string[] {
  const paths = all.flatMap((workspace) => [...workspace.files.keys()].map((file) => `${workspace.folder}/${file}`));
  const used = new Set<string>(entries);
  for (const workspace of all) {
    for (const [file, source] of workspace.files) {
      for (const { specifier } of importsOf(source)) {
        const target = all.find((candidate) => candidate.name === packageOf(specifier));
        if (specifier.startsWith('.')) used.add(posix.join(workspace.folder, posix.dirname(file), specifier));
        else if (target !== undefined) used.add(`${target.folder}/src/${specifier.slice(target.name.length + 1)}.ts`);
      }
      // Workers, child processes and the like name a file by its URL.
      for (const match of source.matchAll(/new URL\(\s*(['"])(?<path>\.[^'"]+)\1,\s*import\.meta\.url/g)) {
        used.add(posix.join(workspace.folder, posix.dirname(file), match.groups?.['path'] ?? ''));
      }
    }
  }
  return paths.filter((path) => !used.has(path) && !path.endsWith('.test.ts'));
}
