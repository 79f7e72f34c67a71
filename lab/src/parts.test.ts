import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cidrContains } from '@weft/core/cidr';
import { ipv4ToNumber } from '@weft/core/ipv4';
import { LabBusy, LabLock } from './lab-lock.ts';
import { isOrphanedLab, markIn, newLabId } from './marked-processes.ts';
import { mountPoints } from './remains.ts';
import { labTopology } from './topology.ts';
import { DeadlinePassed, NoUseWaiting, waitFor } from './wait.ts';

void test('the mark is found only as a variable of its own', () => {
  assert.equal(markIn('A=1\0WEFT_LAB=lab-7\0B=2\0'), 'lab-7');
  assert.equal(markIn('NOT_WEFT_LAB=1\0X=WEFT_LAB=2\0'), undefined);
  assert.equal(markIn('WEFT_LAB=\0'), undefined);
  assert.equal(markIn(''), undefined);
});

void test('a lab is an orphan once the process that made it has ended, and foreign marks are nobody’s', () => {
  const id = newLabId();
  assert.equal(isOrphanedLab(id), false);
  assert.equal(isOrphanedLab(id.replace(/-\d+-([0-9a-f]{8})$/, '-1-$1')), true, 'the pid belongs to another process now');
  for (const foreign of ['test', 'lab-1', `${id}x`]) assert.equal(isOrphanedLab(foreign), false, foreign);
});

void test('mount points lose their escapes', () => {
  const text = '36 35 0:3 net:[1] /run/weft-lab/netns/a\\040b rw - nsfs nsfs rw\n37 35 0:4 / /proc rw - proc proc rw\n';
  assert.deepEqual(mountPoints(text), ['/run/weft-lab/netns/a b', '/proc']);
  fc.assert(fc.property(fc.array(fc.string()), (lines) => mountPoints(lines.join('\n')).every((path) => typeof path === 'string')));
});

void test('every address of the topology lies in its wire and none is given twice', () => {
  const topology = labTopology();
  const addresses = topology.nodes.flatMap((node) => node.legs).filter((leg) => leg.address !== undefined);
  for (const { wire, address } of addresses) assert.equal(cidrContains(topology.wires[wire], address!), true, `${address} on ${wire}`);
  assert.equal(new Set(addresses.map((leg) => leg.address)).size, addresses.length);
  assert.equal(cidrContains(topology.uplink.cidr, topology.uplink.first), true);
  const [first, last] = [topology.slice.first, topology.slice.last].map(ipv4ToNumber);
  assert.ok(cidrContains(topology.wires.data, topology.slice.first) && cidrContains(topology.wires.data, topology.slice.last));
  for (const { address } of addresses)
    assert.ok(ipv4ToNumber(address!) < first! || ipv4ToNumber(address!) > last!, `${address} is of the slice`);
});

void test('the lock names its holder, excludes a second lab and leaves no file', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-lock-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'lab', 'lock');
  {
    using first = LabLock.acquire(path);
    assert.equal(readFileSync(first.path, 'utf8'), `${process.pid}\n`);
    assert.throws(
      () => LabLock.acquire(path),
      (error) => error instanceof LabBusy && error.message.includes(`pid ${process.pid}`),
    );
  }
  assert.equal(existsSync(join(dir, 'lab')), false);
  LabLock.acquire(path)[Symbol.dispose]();
});

void test('waiting ends with the answer, or with what was expected and last seen', async () => {
  let looks = 0;
  assert.equal(
    await waitFor({ expected: 'three', withinMs: 10_000, everyMs: 1 }, () => (++looks === 3 ? { done: looks } : { seen: '' })),
    3,
  );
  const ended = new NoUseWaiting('lab_process_ended', 'the server ended');
  await assert.rejects(
    waitFor({ expected: 'an answer', withinMs: 60_000 }, () => Promise.reject(ended)),
    ended,
    'what cannot come is not waited for',
  );
  const failing = waitFor({ expected: 'a node', withinMs: 0, where: '/log' }, () => Promise.reject(new Error('refused')));
  await assert.rejects(
    failing,
    (error) => error instanceof DeadlinePassed && error.message === 'expected a node within 0 s; seen: refused (see /log)',
  );
  const reason = new Error('stop');
  await assert.rejects(
    waitFor({ expected: 'x', withinMs: 1000, signal: AbortSignal.abort(reason) }, () => ({ seen: '' })),
    reason,
  );
});
