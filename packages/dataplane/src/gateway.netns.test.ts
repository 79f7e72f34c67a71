import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import { arrives } from '@weft/lab/probe/arrives';
import { sendDatagram } from '@weft/lab/probe/send-frame';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { token as newToken } from '@weft/lab/probe/token';
import { linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { gatewayPlace } from './names.ts';
import { concentratorId, GATEWAY_MAC, ipv4 } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const UPLINK = { address: ipv4('203.0.113.11'), prefixLength: 24, gateway: ipv4('203.0.113.254') };
const GATEWAY = gatewayPlace(concentratorId(1));

/** Workload 11 on node 1, 12 beside the gateway on node 2. */
function withGateway(underlay: TestUnderlay, infrastructure: readonly string[] = ['172.30.0.0/24']): readonly [TestNode, TestNode] {
  const [one, two] = [underlay.node(1), underlay.node(2)];
  one.builder.workload({ n: 11, vni: VNI }).peer({ n: 12, vni: VNI }, vtepOf(2));
  one.builder.peerAt(VNI, { mac: GATEWAY_MAC, ips: [ipv4('10.0.0.1')] }, vtepOf(2)).vtep(VNI, vtepOf(2));
  two.builder.workload({ n: 12, vni: VNI }).peer({ n: 11, vni: VNI }, vtepOf(1)).vtep(VNI, vtepOf(1));
  two.builder.gateway(1, [VNI], { uplink: UPLINK, infrastructure: infrastructure as Cidr[] });
  for (const node of [one, two]) {
    node.builder.segment(VNI).group(1);
    node.apply();
  }
  return [one, two];
}

test('workloads reach their gateway and the outside, which sees the uplink address', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = withGateway(underlay);
  const outside = underlay.host('uplink', UPLINK.gateway);
  using server = tcpServer(outside, 80);
  for (const [place, what] of [
    [one.at(11), 'from another node'],
    [two.at(12), 'from the same node'],
  ] as const) {
    await reachable(place, ipv4('10.0.0.1'), { what });
    await reachable(place, UPLINK.gateway, { what });
    assert.equal((await tcpConnect(place, UPLINK.gateway, 80, { timeoutMs: 5000 })).kind, 'connected', what);
  }
  assert.deepEqual(server.peers, [UPLINK.address, UPLINK.address]);
  await reachable(outside, UPLINK.address);
});

test('what a tenant sends to the infrastructure never leaves its gateway', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = withGateway(underlay, ['198.51.100.0/24']);
  const outside = underlay.host('uplink', UPLINK.gateway);
  await reachable(one.at(11), UPLINK.gateway);
  const token = newToken();
  const send = (target: string) => (): void => sendDatagram(one.at(11), { target: ipv4(target), port: 14_789, payload: token });
  const probe = { receiver: outside, token };
  assert.equal(
    (await arrives({ ...probe, sender: send('192.0.2.7'), withinMs: 2000, expect: 'arrival' })).count,
    1,
    'anywhere else it does',
  );
  assert.equal((await arrives({ ...probe, sender: send('198.51.100.7'), withinMs: 200, expect: 'silence' })).count, 0);
  assert.equal(two.counter(GATEWAY, 'ip', 'to_infrastructure'), 1);
});

test('the uplink is announced, so that who knew another MAC for its address learns the new one', async () => {
  using underlay = new TestUnderlay();
  const outside = underlay.host('uplink', UPLINK.gateway);
  const before = underlay.host('uplink', UPLINK.address);
  await reachable(outside, UPLINK.address);
  using rtnl = Rtnl.open(before.netns);
  linkSet(rtnl, linkGet(rtnl, 'eth0')!.index, { up: false });
  withGateway(underlay);
  // Long before the cache would have asked again by itself.
  await reachable(outside, UPLINK.address);
});
