import assert from 'node:assert/strict';
import test from 'node:test';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { linkAdd, linkDelete, linkGet } from './link.ts';
import { isAbsent, NetlinkError } from './netlink-error.ts';
import { TC_CLSACT, TC_ROOT, clsactAdd, qdiscDelete, qdiscList, tbfReplace } from './qdisc.ts';
import type { Tbf } from './qdisc.ts';
import { redirectAdd, redirectList } from './redirect.ts';
import { Rtnl } from './rtnl.ts';

/** A pair `p`, and an ifb beside it. */
function pair() {
  const stack = new DisposableStack();
  const rtnl = stack.use(Rtnl.open(stack.use(netnsCreateUnpinned())));
  linkAdd(rtnl, { kind: 'veth', name: 'p', peer: { name: 'q' }, up: true });
  linkAdd(rtnl, { kind: 'ifb', name: 'i', alias: 'weft:limit:1', up: true });
  const index = (name: string): number => linkGet(rtnl, name)!.index;
  return { rtnl, p: index('p'), i: index('i'), [Symbol.dispose]: () => stack.dispose() };
}

const rootOf = (rtnl: Rtnl, index: number) => qdiscList(rtnl).find((qdisc) => qdisc.index === index && qdisc.parent === TC_ROOT);

test('a token bucket shows what was asked for, is changed in place, and goes', () => {
  using s = pair();
  const { rtnl, p: index } = s;
  const wishes: Tbf[] = [
    { bytesPerSecond: 8000, burstBytes: 4096, limitBytes: 24_000 },
    { bytesPerSecond: 2_500_000, burstBytes: 28_672, limitBytes: 125_000 },
    { bytesPerSecond: 125_000_000, burstBytes: 1_253_376, limitBytes: 6_250_000 },
    { bytesPerSecond: 12_500_000_000, burstBytes: 125_001_728, limitBytes: 625_000_000 },
  ];
  const handles = new Set<number>();
  for (const wish of wishes) {
    tbfReplace(rtnl, { index, ...wish });
    tbfReplace(rtnl, { index, ...wish });
    const found = rootOf(rtnl, index);
    const { burstBytes, ...exact } = found!.tbf!;
    assert.deepEqual(exact, { bytesPerSecond: wish.bytesPerSecond, limitBytes: wish.limitBytes });
    const error = 2 + 2 * 64e-9 * wish.bytesPerSecond;
    assert.ok(Math.abs(burstBytes - wish.burstBytes) <= error, `${burstBytes} instead of ${wish.burstBytes}`);
    handles.add(found!.handle);
  }
  assert.equal(handles.size, 1, 'it is the same one all the time');
  assert.ok(!handles.has(0));
  qdiscDelete(rtnl, index, TC_ROOT);
  assert.equal(rootOf(rtnl, index)?.handle ?? 0, 0);
  assert.throws(() => tbfReplace(rtnl, { index: 999, ...wishes[0]! }), isAbsent);
});

test('a redirection shows its target, even when that is gone, and goes with clsact', () => {
  using s = pair();
  const { rtnl, p: index, i: to } = s;
  assert.throws(() => redirectAdd(rtnl, { index, to }), NetlinkError, 'without clsact');
  clsactAdd(rtnl, index);
  assert.throws(() => clsactAdd(rtnl, index), { errno: 'EEXIST' });
  assert.deepEqual(redirectList(rtnl, index), []);
  assert.throws(() => redirectAdd(rtnl, { index, to: 999 }), isAbsent);
  redirectAdd(rtnl, { index, to });
  assert.deepEqual(redirectList(rtnl, index), [{ index, to }]);
  linkDelete(rtnl, to);
  assert.deepEqual(redirectList(rtnl, index), [{ index, to: 0 }]);
  qdiscDelete(rtnl, index, TC_CLSACT);
  assert.deepEqual(
    qdiscList(rtnl).filter(({ parent }) => parent === TC_CLSACT),
    [],
  );
  assert.throws(() => qdiscDelete(rtnl, index, TC_CLSACT), NetlinkError);
});
