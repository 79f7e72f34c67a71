// Which test files there are, and how each kind is run; the name says it (CONTRIBUTING.md, "Tests").
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** @typedef {'unit' | 'netns' | 'system'} TestKind */

const notSearched = new Set(['node_modules', 'testdata', 'dist', 'coverage']);

/** The kind of a test file by its name, undefined if it is none. @param {string} file @returns {TestKind | undefined} */
export function testKind(file) {
  const match = /\.(?:(netns|system)\.)?test\.(?:ts|mjs)$/.exec(file);
  if (match === null) return undefined;
  return match[1] === 'netns' || match[1] === 'system' ? match[1] : 'unit';
}

/** All test files under `dir`, sorted. Hidden directories and node_modules are left out. @param {string} dir @returns {string[]} */
export function findTestFiles(dir) {
  return readdirSync(dir, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) return entry.name.startsWith('.') || notSearched.has(entry.name) ? [] : findTestFiles(path);
      return entry.isFile() && testKind(entry.name) !== undefined ? [path] : [];
    });
}

/**
 * The test files that `paths` (files or directories, relative to `cwd`) name; all of the repository's if there are none.
 * Answers paths relative to `root`. Throws an Error that says which path is wrong.
 * @param {string[]} paths @param {string} root @param {string} cwd
 */
export function chooseTestFiles(paths, root, cwd) {
  if (paths.length === 0) return findTestFiles(root).map((file) => relative(root, file));
  const chosen = paths.flatMap((path) => {
    const full = resolve(cwd, path);
    if (full !== resolve(root) && !full.startsWith(resolve(root) + sep)) throw new Error(`${path} is outside the repository`);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) throw new Error(`${path} does not exist`);
    const files = stat.isDirectory() ? findTestFiles(full) : testKind(full) === undefined ? [] : [full];
    if (files.length === 0) throw new Error(`${path} is not a test file and holds none (they end in .test.ts or .test.mjs)`);
    return files;
  });
  return [...new Set(chosen)].map((file) => relative(root, file));
}
