import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import { PingStream } from '@weft/lab/probe/ping-stream';
import { ping } from '@weft/lab/probe/ping';
import { waitFor } from '@weft/lab/wait';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { tunnelName } from './names.ts';
import { GATEWAY_MAC, ipv4, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const TUNNEL = tunnelName(vni(VNI));

/** 11 on node 1, with the gateway; 13 on node 2, which finds both at `home`. */
function twoNodes(underlay: TestUnderlay): readonly [TestNode, TestNode] {
  const [one, two] = [underlay.node(1), underlay.node(2)];
  one.builder.workload({ n: 11, vni: VNI }).peer({ n: 13, vni: VNI }, vtepOf(2)).vtep(VNI, vtepOf(2)).gateway(1, [VNI]);
  two.builder.workload({ n: 13, vni: VNI });
  findsNodeOne(two, vtepOf(1));
  for (const node of [one, two]) {
    node.builder.segment(VNI).group(1);
    for (const n of [11, 13]) node.builder.member(1, ipv4(`10.0.0.${n}`));
    node.apply();
  }
  return [one, two];
}

function findsNodeOne(two: TestNode, at: Ipv4): void {
  two.builder
    .peer({ n: 11, vni: VNI }, at)
    .vtep(VNI, at)
    .peerAt(VNI, { mac: GATEWAY_MAC, ips: [ipv4('10.0.0.1')] }, at);
}

/** As a renumbering does it: the old address goes, and with it what is routed by it. */
function readdress(node: TestNode, from: Ipv4, to: Ipv4): void {
  const rtnl = node.rtnl('node');
  const { index } = linkGet(rtnl, 'under')!;
  addrDelete(rtnl, { index, address: from, prefix: 24 });
  addrReplace(rtnl, { index, address: to, prefix: 24 });
}

test('a node whose address changed keeps its tunnels, and is found at the new address only', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay);
  const tunnel = linkGet(one.rtnl('fabric'), TUNNEL)!;
  for (const target of ['10.0.0.11', '10.0.0.1']) await reachable(two.at(13), ipv4(target));
  const [old, moved] = [vtepOf(1), vtepOf(101)];

  readdress(one, old, moved);
  one.dataplane.relocate({ vtep: moved, underlayInterface: 'under' });
  one.apply();
  assert.equal((await ping(two.at(13), ipv4('10.0.0.11'), { timeoutMs: 300 })).received, 0, 'nobody has told node 2 yet');
  findsNodeOne(two, moved);
  two.builder.plan.delete('vtepfilter', old);
  two.builder.plan.delete('vtep', `${VNI}/${old}`);
  two.apply();
  for (const target of ['10.0.0.11', '10.0.0.1']) await reachable(two.at(13), ipv4(target), { what: 'after the change' });
  await reachable(one.at(11), ipv4('10.0.0.13'), { what: 'after the change' });
  const now = linkGet(one.rtnl('fabric'), TUNNEL)!;
  assert.deepEqual([now.index, now.vxlan?.local], [tunnel.index, moved]);

  // Whoever takes the old address over is nobody: node 2 drops what comes from it, and node 1 what is sent to it.
  const strangers = two.counter('node', 'inet', 'tunnel_foreign');
  readdress(one, moved, old);
  one.dataplane.relocate({ vtep: old, underlayInterface: 'under' });
  one.apply();
  assert.equal((await ping(one.at(11), ipv4('10.0.0.13'), { timeoutMs: 300 })).received, 0);
  assert.ok(two.counter('node', 'inet', 'tunnel_foreign') > strangers, 'the packet came, and was refused');
});

test('what came to the old address before the change is refused at it after, though the interface has both', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay);
  await reachable(two.at(13), ipv4('10.0.0.11'));
  const rtnl = one.rtnl('node');
  addrReplace(rtnl, { index: linkGet(rtnl, 'under')!.index, address: vtepOf(101), prefix: 24 });
  one.dataplane.relocate({ vtep: vtepOf(101), underlayInterface: 'under' });
  one.apply();
  const refused = one.counter('node', 'inet', 'tunnel_foreign');
  assert.equal((await ping(two.at(13), ipv4('10.0.0.11'), { timeoutMs: 300 })).received, 0);
  assert.ok(one.counter('node', 'inet', 'tunnel_foreign') > refused);
});

test('a relocation to where the node is loses nothing, and a restarted process finds nothing to change', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay);
  await reachable(two.at(13), ipv4('10.0.0.11'));
  using stream = new PingStream({ place: two.at(13), target: ipv4('10.0.0.11') });
  stream.start();
  for (let round = 0; round < 5; round += 1) {
    one.dataplane.relocate({ vtep: vtepOf(1), underlayInterface: 'under' });
    one.apply();
    one.restarted();
    one.apply();
    const { sent } = stream.count();
    await waitFor({ expected: '20 more echoes', withinMs: 3000 }, () => {
      const now = stream.count().sent;
      return now >= sent + 20 ? { done: undefined } : { seen: `${now - sent}` };
    });
  }
  const { sent, lost } = await stream.stop();
  assert.ok(sent >= 100, `${sent} sent`);
  assert.equal(lost, 0);
});
