import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ensureModules,
  explainMissing,
  lockHash,
  missingPackages,
  modulesAreCurrent,
  pinnedNode,
  planPackages,
  PrepareError,
  requirePlatform,
  systemPath,
} from './prepare.mjs';
import { exitCodeOf } from './run-node.mjs';

/** A checkout with a lockfile and a stand-in for npm. @param {import('node:test').TestContext} t @param {string} npm */
function checkout(t, npm = 'exit 0') {
  const root = mkdtempSync(join(tmpdir(), 'weft-prepare-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(join(root, '.node-version'), '24.0.1\n');
  executable(join(root, 'bin', 'npm'), npm);
  return { root, env: { PATH: join(root, 'bin') } };
}

/** @param {string} file @param {string} script */
function executable(file, script) {
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** @param {string} root @param {string} script */
function putNode(root, script) {
  mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true });
  executable(join(root, 'node_modules/node/bin/node'), script);
}

test('npm ci runs once for a lockfile, and again when the lockfile changes', async (t) => {
  const { root, env } = checkout(t, 'mkdir -p node_modules; echo "$@" >> calls');
  /** @type {string[]} */
  const lines = [];
  const log = (/** @type {string} */ line) => void lines.push(line);
  assert.equal(modulesAreCurrent(root), false);
  await ensureModules(log, root, env);
  await ensureModules(log, root, env);
  assert.deepEqual(lines, ['Installing npm packages (npm ci)']);
  assert.equal(modulesAreCurrent(root), true);

  const before = lockHash(root);
  writeFileSync(join(root, 'package-lock.json'), '{"changed": true}');
  assert.notEqual(lockHash(root), before);
  await ensureModules(log, root, env);
  assert.equal(lines.length, 2);
});

test('a failed npm ci shows npm’s output and is tried again the next time', async (t) => {
  const { root, env } = checkout(t, 'mkdir -p node_modules; echo E404 no such package; exit 4');
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await assert.rejects(
      ensureModules(() => undefined, root, env),
      (error) => {
        assert.ok(error instanceof PrepareError);
        assert.equal(error.exitCode, 1);
        assert.match(error.message, /E404 no such package\nnpm ci failed with exit code 4/);
        return true;
      },
    );
    assert.equal(modulesAreCurrent(root), false);
  }
});

test('the pinned Node must be there, run, and have the version asked for', (t) => {
  const { root } = checkout(t);
  assert.throws(() => pinnedNode(root), /24\.0\.1 is not at .*node_modules\/node\/bin\/node/);
  putNode(root, 'echo v20.0.0');
  assert.throws(() => pinnedNode(root), /reports v20\.0\.0, but \.node-version asks for 24\.0\.1/);
  putNode(root, 'echo broken >&2; exit 1');
  assert.throws(() => pinnedNode(root), /reports an error \(broken\)/);
  putNode(root, 'echo v24.0.1');
  assert.equal(pinnedNode(root), join(root, 'node_modules/node/bin/node'));
});

test('packages are named by what is missing of them', () => {
  const all = missingPackages(
    () => false,
    () => false,
  );
  assert.deepEqual(all, ['dnsmasq-base', 'libnftables1', 'nftables', 'iproute2']);
  const some = missingPackages(
    (program) => program !== 'nft',
    () => true,
  );
  assert.deepEqual(some, ['nftables']);
  const forTests = missingPackages(
    (program) => program !== 'openstack',
    () => true,
    true,
  );
  assert.deepEqual(forTests, ['python3-openstackclient']);
});

test('packages are installed only by root, with apt-get, and when nobody forbids it', () => {
  const able = { missing: ['nftables', 'iproute2'], isRoot: true, hasApt: true, mayInstall: true };
  assert.deepEqual(planPackages({ ...able, missing: [] }), { kind: 'nothing' });
  assert.deepEqual(planPackages(able), { kind: 'install', packages: able.missing });
  for (const [lack, reason] of /** @type {const} */ ([
    ['isRoot', 'needs root'],
    ['hasApt', 'no apt-get'],
    ['mayInstall', 'WEFT_NO_INSTALL is set'],
  ])) {
    const plan = planPackages({ ...able, [lack]: false });
    assert.ok(plan.kind === 'ask', lack);
    assert.equal(plan.command, 'sudo apt-get install -y nftables iproute2');
    assert.ok(explainMissing(plan).includes(reason), lack);
    assert.ok(explainMissing(plan).endsWith(`\n  ${plan.command}`), lack);
  }
});

test('npm is run without node_modules/.bin in PATH, and the system’s directories are always there', () => {
  const path = systemPath('/a/node_modules/.bin:/home/x/bin:/node_modules/.bin:/usr/bin').split(':');
  assert.deepEqual(path.slice(0, 2), ['/home/x/bin', '/usr/bin']);
  assert.ok(path.includes('/usr/sbin'));
  assert.equal(new Set(path).size, path.length);
});

test('other systems and old Nodes are refused with exit code 3', () => {
  for (const [platform, version, says] of /** @type {const} */ ([
    ['darwin', '24.0.0', /does not run on darwin/],
    ['linux', '18.19.0', /needs Node 20 or newer/],
  ])) {
    assert.throws(
      () => requirePlatform(platform, version),
      (error) => {
        assert.ok(error instanceof PrepareError && error.exitCode === 3 && says.test(error.message), `${platform} ${version}`);
        return true;
      },
    );
  }
  assert.doesNotThrow(() => requirePlatform('linux', '20.0.0'));
});

test('an exit code is passed on, and a signal becomes a shell’s exit code', () => {
  assert.deepEqual([exitCodeOf(0, null), exitCodeOf(7, null), exitCodeOf(null, 'SIGINT'), exitCodeOf(null, 'SIGKILL')], [0, 7, 130, 137]);
});
