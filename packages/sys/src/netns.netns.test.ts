import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync, statSync, writeFileSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { before } from 'node:test';
import {
  netnsCreate,
  netnsCreateUnpinned,
  netnsDelete,
  netnsEnsure,
  netnsIsPinned,
  netnsOpen,
  netnsSelf,
  warmThreadPool,
} from './netns.ts';
import { isSysError } from './sys-error.ts';
import { sysctlRead, sysctlWrite } from './sysctl.ts';

before(warmThreadPool);

/** A temporary directory; what is pinned at `pin` in it is taken away. */
function pinned() {
  const dir = mkdtempDisposableSync(join(tmpdir(), 'weft-netns-'));
  const pin = join(dir.path, 'deep', 'ns');
  return {
    dir: dir.path,
    pin,
    [Symbol.dispose]: () => {
      netnsDelete(pin);
      dir.remove();
    },
  };
}

/** The identity of the namespace that this thread is in. */
function here(): number {
  return statSync('/proc/thread-self/ns/net').ino;
}

test('a namespace is made, pinned, opened, and gone after its deletion', () => {
  using temp = pinned();
  const home = here();
  assert.equal(netnsIsPinned(temp.pin), false);
  using made = netnsCreate(temp.pin);
  assert.equal(here(), home);
  assert.notEqual(made.inode, home);
  assert.equal(netnsIsPinned(temp.pin), true);
  using opened = netnsOpen(temp.pin);
  using ensured = netnsEnsure(temp.pin);
  assert.deepEqual([opened.inode, ensured.inode], [made.inode, made.inode]);
  assert.throws(
    () => netnsCreate(temp.pin),
    (error) => isSysError(error, 'EEXIST'),
  );
  netnsDelete(temp.pin);
  assert.equal(netnsIsPinned(temp.pin), false);
  assert.throws(
    () => netnsOpen(temp.pin),
    (error) => isSysError(error, 'ENOENT'),
  );
  netnsDelete(temp.pin);
});

test('the file that an interrupted creation left is taken over, or deleted', () => {
  using temp = pinned();
  mkdirSync(join(temp.dir, 'deep'));
  writeFileSync(temp.pin, '');
  using made = netnsEnsure(temp.pin);
  assert.notEqual(made.inode, here());
  netnsDelete(temp.pin);
  writeFileSync(temp.pin, '');
  netnsDelete(temp.pin);
  assert.equal(statSync(temp.pin, { throwIfNoEntry: false }), undefined);
});

test('a file that is no namespace is neither pinned upon, nor opened, nor deleted', () => {
  using temp = pinned();
  const path = join(temp.dir, 'precious');
  writeFileSync(path, 'data');
  assert.throws(
    () => netnsCreate(path),
    (error) => isSysError(error, 'EEXIST'),
  );
  assert.throws(
    () => netnsOpen(path),
    (error) => isSysError(error, 'EINVAL'),
  );
  assert.throws(
    () => netnsDelete(path),
    (error) => isSysError(error, 'EINVAL'),
  );
  assert.equal(statSync(path).size, 4);
});

test('run calls inside and comes back, also when the function throws', () => {
  using netns = netnsCreateUnpinned();
  const home = here();
  assert.equal(netns.run(here), netns.inode);
  assert.equal(here(), home);
  const bug = new Error('inside');
  assert.throws(
    () =>
      netns.run(() => {
        throw bug;
      }),
    bug,
  );
  assert.equal(here(), home);
});

test('run nests and comes back to where it was called', () => {
  using a = netnsCreateUnpinned();
  using b = netnsCreateUnpinned();
  const home = here();
  const seen = a.run(() => {
    const made = netnsCreateUnpinned();
    made[Symbol.dispose]();
    return [here(), b.run(here), here(), a.run(here), here()];
  });
  assert.deepEqual(seen, [a.inode, b.inode, a.inode, a.inode, a.inode]);
  assert.equal(here(), home);
});

test('run refuses an asynchronous function, and is back by then', () => {
  using netns = netnsCreateUnpinned();
  const home = here();
  assert.throws(() => netns.run(() => Promise.resolve()), /asynchronous/);
  assert.throws(() => netns.run(async () => readFile('/dev/null')), /asynchronous/);
  assert.equal(here(), home);
});

test('file operations on the thread pool stay outside', async () => {
  using netns = netnsCreateUnpinned();
  const { inode: home } = netnsSelf();
  let pending: Promise<string> | undefined;
  netns.run(() => {
    pending = readlink('/proc/thread-self/ns/net');
  });
  assert.equal(await pending, `net:[${home}]`);
});

test('a disposed handle refuses to enter; disposing twice is nothing', () => {
  const netns = netnsCreateUnpinned();
  netns[Symbol.dispose]();
  netns[Symbol.dispose]();
  assert.throws(() => netns.run(here), /is closed/);
});

test('kernel parameters are read and written in their namespace only', () => {
  using netns = netnsCreateUnpinned();
  const outside = sysctlRead(undefined, 'net.ipv4.ip_forward');
  for (const value of ['1', '0']) {
    sysctlWrite(netns, 'net.ipv4.ip_forward', value);
    assert.equal(sysctlRead(netns, 'net/ipv4/ip_forward'), value);
    assert.equal(sysctlRead(undefined, 'net.ipv4.ip_forward'), outside);
  }
});

test('an absent parameter is ENOENT, a refused value EINVAL, a path is no key', () => {
  using netns = netnsCreateUnpinned();
  for (const access of [() => sysctlRead(netns, 'net.weft.none'), () => sysctlWrite(netns, 'net.weft.none', '1')]) {
    assert.throws(access, (error) => isSysError(error, 'ENOENT'));
  }
  assert.throws(
    () => sysctlWrite(netns, 'net.ipv4.ip_forward', 'perhaps'),
    (error) => isSysError(error, 'EINVAL'),
  );
  for (const key of ['', 'net..ipv4', '../kernel/version', 'net/../kernel/hostname', '/net/ipv4/ip_forward']) {
    assert.throws(() => sysctlRead(netns, key), /kernel parameter/, `key "${key}"`);
  }
});
