// What has to be on a machine before Weft can run, and how it gets there.
//
// Three things, in this order: the npm packages of the lockfile, a few distribution packages, and the Node that we pin (it comes with
// the npm packages). This is the one part of Weft that runs on whatever Node a machine already has, from 20 on, and before anything
// is installed: plain JavaScript without dependencies.
//
// Killed at any moment it can simply be run again: the mark that says "installed" is removed before `npm ci` and written after it,
// and distribution packages are looked for each time by what we need of them, not by what a package manager remembers.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's directory. */
export const repository = fileURLToPath(new URL('..', import.meta.url));

/** Something that a person must change before Weft can start. `exitCode` is 3 where this machine lacks something, otherwise 1. */
export class PrepareError extends Error {
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode) {
    super(message);
    this.name = 'PrepareError';
    this.exitCode = exitCode;
  }
}

/** Exit code for "this machine lacks something that Weft needs". */
export const EXIT_MACHINE = 3;

const systemBinDirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const libraryRoots = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];

/** Debian's package names, and the file that each is needed for. */
const distributionPackages = [
  { name: 'dnsmasq-base', binary: 'dnsmasq' },
  { name: 'libnftables1', library: 'libnftables.so.1' },
  { name: 'nftables', binary: 'nft' },
  { name: 'iproute2', binary: 'ip' },
];

/** What some tests would like to have, and are skipped without: the field's own clients of the API. */
const testPackages = [{ name: 'python3-openstackclient', binary: 'openstack' }];

/** @param {string} message */
export function toStderr(message) {
  process.stderr.write(`${message}\n`);
}

/**
 * PATH with the directories that an ordinary user's PATH often lacks (`/usr/sbin`), and without npm's `node_modules/.bin`
 * directories: `npm ci` deletes what is in there, so nothing that runs npm may depend on it.
 * @param {string | undefined} path
 */
export function systemPath(path) {
  const dirs = (path ?? '').split(delimiter).filter((dir) => dir !== '' && !/(^|\/)node_modules\/\.bin\/?$/.test(dir));
  return [...dirs, ...systemBinDirs.filter((dir) => !dirs.includes(dir))].join(delimiter);
}

/** @param {string} file */
function isExecutableFile(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Full path of a program in PATH or the system's directories. @param {string} name @param {NodeJS.ProcessEnv} env */
export function findBinary(name, env = process.env) {
  for (const dir of systemPath(env.PATH).split(delimiter)) {
    const file = join(dir, name);
    if (isExecutableFile(file)) return file;
  }
  return undefined;
}

/** @param {string} name */
function hasLibrary(name) {
  for (const root of libraryRoots) {
    if (existsSync(join(root, name))) return true;
    if (!existsSync(root)) continue;
    // Debian's multi-architecture directories: /usr/lib/x86_64-linux-gnu and the like.
    const triplets = readdirSync(root).filter((entry) => entry.includes('-linux-'));
    if (triplets.some((triplet) => existsSync(join(root, triplet, name)))) return true;
  }
  const cache = spawnSync('ldconfig', ['-p'], { encoding: 'utf8', env: { ...process.env, PATH: systemPath(process.env.PATH) } });
  return cache.status === 0 && cache.stdout.includes(`${name} `);
}

/**
 * The distribution packages that this machine lacks, with those that only tests want if `forTests`. The functions are replaced in tests only.
 * @param {boolean} forTests
 */
export function missingPackages(
  hasProgram = (/** @type {string} */ name) => findBinary(name) !== undefined,
  hasLib = hasLibrary,
  forTests = false,
) {
  return [...distributionPackages, ...(forTests ? testPackages : [])]
    .filter(({ binary, library }) => (binary === undefined ? !hasLib(library) : !hasProgram(binary)))
    .map(({ name }) => name);
}

/**
 * What to do about missing packages: `nothing`, `install` them ourselves, or `ask` a person to run `command`.
 * @param {{ missing: string[], isRoot: boolean, hasApt: boolean, mayInstall: boolean }} machine
 */
export function planPackages({ missing, isRoot, hasApt, mayInstall }) {
  if (missing.length === 0) return { kind: /** @type {const} */ ('nothing') };
  if (isRoot && hasApt && mayInstall) return { kind: /** @type {const} */ ('install'), packages: missing };
  const reason = !mayInstall
    ? 'WEFT_NO_INSTALL is set'
    : !hasApt
      ? 'this machine has no apt-get (the names below are Debian’s)'
      : 'installing them needs root';
  return { kind: /** @type {const} */ ('ask'), packages: missing, reason, command: `sudo apt-get install -y ${missing.join(' ')}` };
}

/** Looks at this machine; changes nothing. @param {NodeJS.ProcessEnv} env @param {boolean} forTests */
export function lookAtPackages(env = process.env, forTests = false) {
  return planPackages({
    missing: missingPackages((name) => findBinary(name, env) !== undefined, hasLibrary, forTests),
    isRoot: process.getuid?.() === 0,
    hasApt: findBinary('apt-get', env) !== undefined,
    mayInstall: (env.WEFT_NO_INSTALL ?? '') === '',
  });
}

/** @param {{ packages: string[], reason: string, command: string }} plan */
export function explainMissing(plan) {
  return `Missing distribution packages: ${plan.packages.join(' ')}; not installed because ${plan.reason}. Please run:\n  ${plan.command}`;
}

/**
 * Runs a command without input and keeps what it prints.
 * @param {string} command @param {string[]} args @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
function runQuietly(command, args, { env = process.env, cwd = repository }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8').trimEnd() }));
  });
}

/**
 * Installs the distribution packages that are missing, or says which command would.
 * Throws PrepareError (exit code 3) where a person is needed; nothing has been changed then. With `forTests` also what only tests want.
 */
export async function ensurePackages(log = toStderr, env = process.env, forTests = false) {
  const plan = lookAtPackages(env, forTests);
  if (plan.kind === 'nothing') return;
  if (plan.kind === 'ask') throw new PrepareError(explainMissing(plan), EXIT_MACHINE);

  log(`Installing distribution packages with apt-get: ${plan.packages.join(' ')} (set WEFT_NO_INSTALL=1 to forbid this)`);
  const aptEnv = { ...env, PATH: systemPath(env.PATH), DEBIAN_FRONTEND: 'noninteractive' };
  // A failed update (one broken source is enough) need not matter: the installation decides, and shows both outputs if it fails.
  const update = await runQuietly('apt-get', ['update'], { env: aptEnv });
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
  const install = await runQuietly('apt-get', ['install', ...options, ...plan.packages], { env: aptEnv });
  const left = missingPackages((name) => findBinary(name, env) !== undefined, hasLibrary, forTests);
  if (install.code !== 0 || left.length > 0) {
    const outputs = [update.code === 0 ? '' : update.output, install.output].filter((output) => output !== '');
    throw new PrepareError(
      `${outputs.join('\n')}\napt-get could not install: ${(left.length > 0 ? left : plan.packages).join(' ')}. Please install by hand:\n` +
        `  sudo apt-get install -y ${plan.packages.join(' ')}`,
      EXIT_MACHINE,
    );
  }
}

/** The lockfile's hash; what node_modules was made from is remembered by it. @param {string} root */
export function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** @param {string} root */
function markFile(root) {
  return join(root, 'node_modules', '.weft-lock');
}

/** Whether node_modules was installed, completely, from the lockfile as it is now. @param {string} root */
export function modulesAreCurrent(root = repository) {
  try {
    return readFileSync(markFile(root), 'utf8').trim() === lockHash(root);
  } catch {
    return false;
  }
}

/** Runs `npm ci` if node_modules is missing or the lockfile has changed since. Throws PrepareError (exit code 1) if npm fails. */
export async function ensureModules(log = toStderr, root = repository, env = process.env) {
  if (modulesAreCurrent(root)) return;
  log('Installing npm packages (npm ci)');
  rmSync(markFile(root), { force: true });
  const hash = lockHash(root);
  // The checking tools and the pinned Node are devDependencies: NODE_ENV=production must not leave them out.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const result = await runQuietly('npm', args, { cwd: root, env: { ...env, PATH: systemPath(env.PATH) } });
  if (result.code !== 0) throw new PrepareError(`${result.output}\nnpm ci failed with exit code ${result.code}`, 1);
  writeFileSync(markFile(root), `${hash}\n`);
}

/**
 * Path of the pinned Node, which comes with the `node` package.
 * Throws PrepareError (exit code 1) if it is not there or is not the version of `.node-version`.
 */
export function pinnedNode(root = repository) {
  const file = join(root, 'node_modules', 'node', 'bin', 'node');
  const wanted = readFileSync(join(root, '.node-version'), 'utf8').trim();
  const remedy = 'Remove node_modules and run `npm start` or `npm test` again; npm must be allowed to run the install script of "node".';
  if (!isExecutableFile(file)) throw new PrepareError(`The pinned Node ${wanted} is not at ${file}. ${remedy}`, 1);
  const answer = spawnSync(file, ['--version'], { encoding: 'utf8' });
  const version = answer.status === 0 ? answer.stdout.trim() : `an error (${answer.error?.message ?? answer.stderr.trim()})`;
  if (version !== `v${wanted}`) throw new PrepareError(`${file} reports ${version}, but .node-version asks for ${wanted}. ${remedy}`, 1);
  return file;
}

/** Refuses systems on which nothing of Weft can work. */
export function requirePlatform(platform = process.platform, nodeVersion = process.versions.node) {
  if (platform !== 'linux') {
    throw new PrepareError(`Weft programs the network of the Linux kernel and does not run on ${platform}.`, EXIT_MACHINE);
  }
  if (Number.parseInt(nodeVersion, 10) < 20) {
    throw new PrepareError(`Weft needs Node 20 or newer to start; this is Node ${nodeVersion}.`, EXIT_MACHINE);
  }
}

/**
 * Ends the process with a PrepareError's text and exit code; any other error is a bug and is thrown on.
 * @param {unknown} error
 * @returns {never}
 */
export function exitWith(error) {
  if (!(error instanceof PrepareError)) throw error;
  toStderr(error.message);
  process.exit(error.exitCode);
}
