import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DropCount } from '@weft/core/drop-reason';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { encodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { encodeIpv4, ipv4Packet } from '@weft/core/packet/ipv4';
import { udpFrame } from '@weft/lab/probe/frames';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { sendDatagram, sendFrame } from '@weft/lab/probe/send-frame';
import { waitFor } from '@weft/lab/wait';
import { gatewayPortName } from './names.ts';
import { gatewayId, ip, OUTSIDE, setPublicIp, TwoNodes, vni, WORKLOADS } from './two-nodes.testing.ts';

const PUBLIC = ip('203.0.113.101');
const UPLINK = ip('203.0.113.11');
const payload = new TextEncoder().encode('why is it dropped');

async function reachable(from: Place, target: Ipv4): Promise<void> {
  await waitFor({ expected: `an echo of ${target}`, withinMs: 5000 }, async () =>
    (await ping(from, target, { count: 1, intervalMs: 20, timeoutMs: 250 })).received === 1 ? { done: undefined } : { seen: 'none' },
  );
}

/** Of workload `n` at the gateway of tenant 1. */
function dropsOf({ hub }: TwoNodes, n: number, publicAddresses: readonly Ipv4[] = []): Readonly<Record<string, number>> {
  const { segment, address } = WORKLOADS[n - 1]!;
  const mac = `02:00:0a:00:00:1${n}` as Mac;
  const traces = { concentratorId: gatewayId(1), vni: vni(segment), mac, addresses: [address], publicAddresses };
  return Object.fromEntries((hub.dataplane.gatewayDrops(traces) as readonly DropCount[]).map(({ kind, packets }) => [kind, packets]));
}

async function counted(nodes: TwoNodes, n: number, expected: Readonly<Record<string, number>>, publicAddresses?: readonly Ipv4[]) {
  await waitFor({ expected: JSON.stringify(expected), withinMs: 3000 }, () => {
    const seen = JSON.stringify(dropsOf(nodes, n, publicAddresses));
    return seen === JSON.stringify(expected) ? { done: undefined } : { seen };
  });
}

test('what a gateway drops is counted once, for the workload that sent it or was to have it, and nobody else', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane } = nodes.hub;
  setPublicIp(plan, PUBLIC, ip('10.0.0.11'));
  nodes.apply();
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  for (const from of [w1, w2]) for (const target of [ip('10.0.0.1'), OUTSIDE]) await reachable(from, target);
  await reachable(nodes.outside, PUBLIC);
  await reachable(nodes.outside, UPLINK);
  assert.deepEqual(
    [1, 2, 3].map((n) => dropsOf(nodes, n)),
    [{}, {}, {}],
    'nothing of what passes',
  );

  sendDatagram(w1, { target: ip('172.30.0.12'), port: 9, payload });
  await counted(nodes, 1, { 'gateway to_infrastructure sent': 1 });
  sendDatagram(w2, { target: ip('10.0.0.1'), port: 9, payload });
  await counted(nodes, 2, { 'gateway service sent': 1 });

  const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, local: undefined } as const;
  const deny = (direction: 'inbound' | 'outbound', port: number) =>
    ({ ...any, direction, action: 'deny', protocol: 'udp', portMin: port, portMax: port }) as const;
  plan.set('firewall', gatewayId(1), { concentratorId: gatewayId(1), rules: [deny('outbound', 25), deny('inbound', 26)] });
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'firewall', key: gatewayId(1) }]), new Map());
  sendDatagram(w2, { target: OUTSIDE, port: 25, payload });
  await counted(nodes, 2, { 'gateway service sent': 1, 'gateway firewall sent': 1 });
  sendDatagram(nodes.outside, { target: PUBLIC, port: 26, payload });
  await counted(nodes, 1, { 'gateway to_infrastructure sent': 1, 'gateway firewall received': 1 });

  sendDatagram(nodes.outside, { target: UPLINK, port: 9, payload });
  await counted(nodes, 2, { 'gateway service sent': 1, 'gateway firewall sent': 1, 'gateway no_mapping received': 1 }, [UPLINK]);
  assert.deepEqual(dropsOf(nodes, 3), {});

  // The gateway's table is replaced.
  const body = plan.get('gateway', gatewayId(1))!;
  plan.set('gateway', gatewayId(1), { ...body, infrastructure: [...body.infrastructure, '172.31.0.0/24' as never] });
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'gateway', key: gatewayId(1) }]), new Map());
  await counted(nodes, 1, { 'gateway to_infrastructure sent': 1, 'gateway firewall received': 1 });
});

test('a foreign source and a connection that nobody knows are counted at the gateway when the port does not look', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const w1 = nodes.workload(1);
  await reachable(w1, ip('10.0.0.1'));
  const gateway = { mac: nodes.hub.plan.get('gateway', gatewayId(1))!.segments[0]!.mac, ip: OUTSIDE };
  // As the gateway's port in the fabric would hand it over.
  const wire = { netns: nodes.fabricNetns(), ifname: gatewayPortName(gatewayId(1), vni(1)), mac: w1.mac, ip: w1.ip! };
  sendFrame(wire, udpFrame({ source: { mac: w1.mac, ip: ip('198.51.100.7') }, destination: gateway, payload }));
  await counted(nodes, 1, { 'gateway foreign_source sent': 1 });
  const packet = ipv4Packet(w1.ip!, OUTSIDE, 6, new Uint8Array(20));
  sendFrame(wire, encodeEthernet({ source: w1.mac, destination: gateway.mac, etherType: ETHERTYPE_IPV4, payload: encodeIpv4(packet) }));
  await counted(nodes, 1, { 'gateway invalid sent': 1, 'gateway foreign_source sent': 1 });
  assert.deepEqual(dropsOf(nodes, 2), {});
});

test('a gateway that is not here has counted nothing, and says that it is not here', () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const traces = { concentratorId: gatewayId(7), vni: vni(1), mac: '02:00:0a:00:00:11' as never, addresses: [], publicAddresses: [] };
  assert.equal(nodes.hub.dataplane.gatewayDrops(traces), undefined);
});
