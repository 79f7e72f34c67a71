/** IPv6 of ports that are otherwise than usual – address pairs, no port security, stateless groups – and what gateways say, wherever they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import type { Cidr6 } from '@weft/core/cidr6';
import type { Ipv6 } from '@weft/core/ipv6';
import type { PortBody } from '@weft/core/plan/port';
import { arrivals } from '@weft/lab/probe/arrives';
import { routerAdvertisementFrames } from '@weft/lab/probe/frames6';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { ALL_OUT, ALL_OUT6, ANY_IN6, ipv4, mac, portId } from './plan-builder.testing.ts';
import { TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';
import { gatewayId, gatewayIp6, ip6, setGateway, TwoNodes, vni } from './two-nodes.testing.ts';

const VNI = 10_001;
const address = (n: number): Ipv6 => ip6(`fd00:1::${n}`);
/** One that workload 11 takes besides its own. */
const OTHER = ip6('fd00:1::c8');
const IN_VAIN = { timeoutMs: 400 };

async function reaches(from: Place, target: Ipv6, payloadBytes = 56): Promise<void> {
  await waitFor({ expected: `an echo of ${target}`, withinMs: 8000 }, async () => {
    const { received } = await ping(from, target, { timeoutMs: 250, payloadBytes });
    return received === 1 ? { done: undefined } : { seen: 'none' };
  });
}

/** 11 and 12 on the first node, 13 on the second; all of both families. */
function threeWorkloads(underlay: TestUnderlay, floods?: true): readonly [TestNode, TestNode] {
  const nodes = [underlay.node(1), underlay.node(2)] as const;
  const ips = (n: number) => [ipv4(`10.0.0.${n}`), address(n)];
  for (const { builder } of nodes) builder.segment(VNI, floods === true ? { floods } : {}).group(1, [ALL_OUT, ALL_OUT6, ANY_IN6]);
  for (const [at, { builder }] of nodes.entries()) {
    for (const n of [11, 12, 13]) {
      if ((n === 13) === (at === 1)) builder.workload({ n, vni: VNI }, { ips: ips(n) });
      else builder.peerAt(VNI, { mac: mac(n), ips: ips(n) }, vtepOf(2 - at));
    }
    builder.vtep(VNI, vtepOf(2 - at));
  }
  for (const node of nodes) node.apply();
  return nodes;
}

function change(node: TestNode, n: number, as: Partial<PortBody>): void {
  node.builder.workload({ n, vni: VNI }, { ips: [ipv4(`10.0.0.${n}`), address(n)], ...as });
  node.apply([{ kind: 'port', key: portId(n) }]);
}

function take({ netns, ifname }: Place, taken: Ipv6): void {
  using rtnl = Rtnl.open(netns);
  addrReplace(rtnl, { index: linkGet(rtnl, ifname)!.index, address: taken, prefix: 64 });
}

for (const pair of ['fd00:1::c8/128', 'fd00:1::c0/124', '::/0'] as const) {
  test(`a port has what its pair ${pair} admits, also across nodes where solicitations go everywhere, and nothing without it`, async () => {
    using underlay = new TestUnderlay();
    const [one, two] = threeWorkloads(underlay, true);
    take(one.at(11), OTHER);
    await reaches(one.at(12), address(11));
    assert.equal((await ping(one.at(12), OTHER, IN_VAIN)).received, 0, 'without');
    assert.ok((one.drops({ n: 11, vni: VNI })['port spoof_nd sent'] ?? 0) > 0, 'counted');
    change(one, 11, { pairs: [{ mac: mac(11), cidr: pair as Cidr6 }] });
    await reaches(one.at(12), OTHER);
    await reaches(two.at(13), OTHER);
    change(one, 11, {});
    assert.equal((await ping(one.at(12), OTHER, IN_VAIN)).received, 0, 'without it again');
  });
}

test('a port without port security has any address', async () => {
  using underlay = new TestUnderlay();
  const [one] = threeWorkloads(underlay);
  take(one.at(11), OTHER);
  change(one, 11, { portSecurity: false, groups: [] });
  await reaches(one.at(12), OTHER);
  await reaches(one.at(12), address(11));
});

test('a stateless group asks of answers too', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = threeWorkloads(underlay);
  two.builder.group(2, [ALL_OUT6], { stateless: true }).workload({ n: 13, vni: VNI, groups: [2] }, { ips: [address(13)] });
  two.apply();
  assert.equal((await ping(two.at(13), address(11), IN_VAIN)).received, 0, 'no rule for answers');
  two.builder.group(2, [ALL_OUT6, ANY_IN6], { stateless: true });
  two.apply();
  await reaches(two.at(13), address(11));
  await reaches(one.at(11), address(13));
});

test('a gateway’s advertisement reaches workloads here and on the other node, and another tenant’s none', async () => {
  using nodes = new TwoNodes('concentrator', { ipv6: true });
  nodes.apply();
  const [w1, w2, w4] = [1, 2, 4].map((n) => nodes.workload(n)) as [Place, Place, Place];
  await reaches(w2, gatewayIp6(1));
  const netns = nodes.gatewayNetns(1);
  using rtnl = Rtnl.open(netns);
  const leg = { netns, ifname: `seg${vni(1)}`, mac: linkGet(rtnl, `seg${vni(1)}`)!.mac! };
  const token = newToken();
  const [frame] = routerAdvertisementFrames({ mac: leg.mac, ip: eui64Address(LINK_LOCAL, leg.mac) }, token, 'plain');
  const sender = (): void => sendFrame(leg, frame!);
  const at = async (receivers: readonly Place[], expect: 'arrival' | 'silence'): Promise<readonly number[]> =>
    (await arrivals({ receivers, token, sender, withinMs: expect === 'arrival' ? 3000 : 200, expect })).map(({ count }) => count);
  assert.deepEqual(await at([w1, w2], 'arrival'), [1, 1]);
  assert.deepEqual(await at([w4], 'silence'), [0]);
});

test('what is too big for the way behind a gateway is told to its sender, which sends less', async () => {
  using nodes = new TwoNodes('mesh', { ipv6: true });
  for (const { plan } of nodes.nodes) {
    const key = String(vni(2));
    plan.set('segment', key, { ...plan.get('segment', key)!, mtu: 1300 });
    const gateway = plan.get('gateway', gatewayId(1));
    if (gateway === undefined) continue;
    const segments = gateway.segments.map((segment) => (segment.vni === vni(2) ? { ...segment, mtu: 1300 } : segment));
    plan.set('gateway', gatewayId(1), { ...gateway, segments });
  }
  nodes.apply();
  const w1 = nodes.workload(1);
  await reaches(w1, ip6('fd00:2::13'));
  await reaches(w1, ip6('fd00:2::13'), 1390);
});

test('a gateway that moves to the other node keeps its addresses, and everybody gets through it again', async () => {
  using nodes = new TwoNodes('mesh', { ipv6: true });
  nodes.apply();
  const [w1, w2, w3] = [1, 2, 3].map((n) => nodes.workload(n)) as [Place, Place, Place];
  await reaches(w1, ip6('fd00:2::13'));
  const [old, next] = nodes.nodes as [(typeof nodes.nodes)[number], (typeof nodes.nodes)[number]];
  for (const segment of [1, 2]) {
    const key = `${vni(segment)}/02:00:0a:00:01:0${segment}`;
    const peer = next.plan.get('peer', key)!;
    next.plan.delete('peer', key);
    old.plan.set('peer', key, { ...peer, vtep: ipv4('172.30.0.12') });
  }
  old.plan.delete('gateway', gatewayId(1));
  setGateway(next.plan, 1, [1, 2], true);
  const { uplink: _, ...inside } = next.plan.get('gateway', gatewayId(1))!;
  next.plan.set('gateway', gatewayId(1), { ...inside, uplink: undefined });
  nodes.apply();
  await reaches(w1, ip6('fd00:2::13'));
  await reaches(w3, ip6('fd00:1::11'));
  await reaches(w2, gatewayIp6(1));
});
