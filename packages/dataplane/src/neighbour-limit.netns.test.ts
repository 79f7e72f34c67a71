/** The kernel's one table of neighbours, which all tenants of a node share: nobody fills it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { IpAddress } from '@weft/core/ip';
import { arpFrame } from '@weft/lab/probe/frames';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { sendDatagram } from '@weft/lab/probe/send-frame';
import { waitFor } from '@weft/lab/wait';
import { NEIGH_PERMANENT, neighList } from '@weft/netlink/neigh';
import { Rtnl } from '@weft/netlink/rtnl';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { PacketSocket } from '@weft/sys/packet-socket';
import { portName } from './names.ts';
import { gatewayId, gatewayIp6, ip, ip6, OUTSIDE, TwoNodes } from './two-nodes.testing.ts';

/** The kernel's own limit is 1,024 for the whole machine. */
const TABLE = 1024;
const SCANNED = 4000;

/** Tenant 1's second subnet is a /16, and the port has room for a scan of it. */
function largeSubnet(): TwoNodes {
  const nodes = new TwoNodes('mesh', { ipv6: true, connectionsPerPort: 2 * SCANNED });
  const body = nodes.hub.plan.get('gateway', gatewayId(1));
  assert.ok(body !== undefined);
  const segments = body.segments.map((segment) => ({
    ...segment,
    subnets: segment.subnets.map((subnet) => (subnet.gatewayIp === '10.1.0.1' ? { ...subnet, cidr: '10.1.0.0/16' as Cidr } : subnet)),
  }));
  nodes.hub.plan.set('gateway', gatewayId(1), { ...body, segments });
  nodes.apply();
  return nodes;
}

/** Entries of the machine's table that a namespace takes up. */
function neighbours(netns: Netns): number {
  using rtnl = Rtnl.open(netns);
  return neighList(rtnl).filter(({ state }) => (state & NEIGH_PERMANENT) === 0).length;
}

function dropped(netns: Netns, family: 'ip' | 'ip6' | 'bridge', counter: string): number {
  using nft = NftContext.open(netns);
  const listing = nft.json(`list counter ${family} weft ${counter}`) as { nftables: { counter?: { packets: number } }[] };
  return listing.nftables.find((row) => row.counter !== undefined)?.counter?.packets ?? 0;
}

async function answers(place: Place, target: IpAddress): Promise<void> {
  await waitFor({ expected: `${target} answers ${place.mac}`, withinMs: 5000 }, async () => {
    const { received, sendError } = await ping(place, target, { timeoutMs: 500 });
    return received === 1 ? { done: undefined } : { seen: `no echo, ${sendError}` };
  });
}

const families = [
  { family: 'ip', address: (n: number) => ip(`10.1.${100 + (n >> 8)}.${n & 255}`), known: ip('10.1.0.13') },
  { family: 'ip6', address: (n: number) => ip6(`fd00:2::${(0x1000 + n).toString(16)}`), known: ip6('fd00:2::13') },
] as const;

for (const { family, address, known } of families) {
  test(`${family}: a workload that scans a subnet through its gateway fills no table, and whom it talks with goes on answering`, async () => {
    using nodes = largeSubnet();
    const [w1, w4, gateway] = [nodes.workload(1), nodes.workload(4), nodes.gatewayNetns(1)];
    await answers(w1, known);
    for (let n = 0; n < SCANNED; n += 1) sendDatagram(w1, { target: address(n), port: 9, payload: Uint8Array.of(n & 255) });
    const taken = neighbours(gateway);
    assert.ok(dropped(gateway, family, 'neighbours') > 0, 'more came than a gateway looks for');
    assert.ok(taken > 100, `${taken}: the scan came as far as the gateway`);
    assert.ok(taken < TABLE, `${taken} of ${SCANNED}`);
    assert.equal((await ping(w1, known, { timeoutMs: 2000 })).received, 1, 'whom it knew');
    // Their gateway has looked for nobody yet.
    await answers(w4, family === 'ip' ? OUTSIDE : gatewayIp6(3));
    await waitFor({ expected: 'the gateway looks for somebody new again', withinMs: 10_000 }, async () => {
      const { received } = await ping(w1, ip('10.1.0.1'), { timeoutMs: 500 });
      return received === 1 ? { done: undefined } : { seen: 'no echo' };
    });
  });
}

test('a port that claims many addresses is held back', async () => {
  using nodes = largeSubnet();
  const body = nodes.hub.plan.get('port', '00000001-0000-4000-8000-000000000000');
  assert.ok(body !== undefined);
  nodes.hub.plan.set('port', body.portId, { ...body, portSecurity: false, groups: [] });
  nodes.apply();
  const [w1, gateway, fabric] = [nodes.workload(1), nodes.gatewayNetns(1), nodes.fabricNetns()];
  await answers(w1, ip('10.0.0.1'));
  const before = neighbours(gateway);
  using socket = PacketSocket.open({ netns: w1.netns, ifname: w1.ifname });
  for (let n = 0; n < SCANNED; n += 1) {
    const senderIp = ip(`10.0.0.${n % 254}`);
    const message = { kind: 'request', senderMac: w1.mac, senderIp, targetMac: w1.mac, targetIp: ip('10.0.0.1') } as const;
    socket.send(arpFrame({ source: w1.mac, message }));
  }
  assert.ok(neighbours(gateway) > before, 'some claims come as far as the gateway');
  assert.ok(dropped(fabric, 'bridge', 'arp_flood') > SCANNED / 2, 'most do not');
  assert.equal(dropped(fabric, 'bridge', 'spoof_arp'), 0, 'for it may claim what it likes');
  using nft = NftContext.open(fabric);
  const rates = (): boolean => JSON.stringify(nft.json('list set bridge weft neighbour_rate')).includes(portName(body.portId));
  assert.equal(rates(), true, 'its rate is kept');
  nodes.hub.plan.delete('port', body.portId);
  assert.deepEqual(nodes.hub.dataplane.apply(nodes.hub.plan, [{ kind: 'port', key: body.portId }]), new Map());
  assert.equal(rates(), false, 'and goes with the port');
});
