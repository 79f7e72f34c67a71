/** IPv6 with addresses that were set: between workloads of one node and of two, through a gateway, and past the groups that stand there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IpAddress } from '@weft/core/ip';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { waitFor } from '@weft/lab/wait';
import { addrList } from '@weft/netlink/addr';
import { Rtnl } from '@weft/netlink/rtnl';
import { gatewayIp6, ip, ip6, TwoNodes, WORKLOADS } from './two-nodes.testing.ts';

const ANY6 = '::' as IpAddress;

async function reaches(place: Place, target: IpAddress, payloadBytes = 56): Promise<void> {
  await waitFor({ expected: `${place.mac} reaches ${target}`, withinMs: 5000 }, async () => {
    const { received, sendError } = await ping(place, target, { timeoutMs: 250, payloadBytes });
    return received === 1 ? { done: undefined } : { seen: `no echo, ${sendError}` };
  });
}

for (const topology of ['mesh', 'concentrator'] as const) {
  test(`${topology}: workloads of both families reach each other across nodes and through their gateway, and a second look finds nothing to do`, async () => {
    using nodes = new TwoNodes(topology, { ipv6: true });
    nodes.apply();
    const [w1, w2, w3] = [1, 2, 3].map((n) => nodes.workload(n)) as [Place, Place, Place];
    await reaches(w1, ip6('fd00:1::12'));
    await reaches(w2, ip6('fd00:1::11'), 3000);
    await reaches(w1, gatewayIp6(1));
    await reaches(w2, gatewayIp6(1));
    await reaches(w1, ip6('fd00:2::13'));
    await reaches(w3, ip6('fd00:1::12'));
    await reaches(w1, ip('10.0.0.12'));
    using server = tcpServer(w2, 80, { address: ANY6 });
    const outcome = await tcpConnect(w1, ip6('fd00:1::12'), server.port, { timeoutMs: 3000 });
    assert.equal(outcome.kind === 'connected' ? outcome.seenAs : outcome.kind, 'fd00:1::11');
    for (const { kernel, dataplane, plan } of nodes.nodes) {
      const before = kernel.observe().map(({ key, content }) => `${key} ${content}`);
      dataplane.observe();
      assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
      assert.deepEqual(
        kernel.observe().map(({ key, content }) => `${key} ${content}`),
        before,
      );
    }
  });
}

test('two tenants have the same prefix, addresses and MACs on one node, and do not meet', async () => {
  using nodes = new TwoNodes('mesh', { ipv6: true });
  nodes.apply();
  const [w2, w4] = [nodes.workload(2), nodes.workload(4)];
  await reaches(w2, ip6('fd00:1::11'));
  await reaches(w4, gatewayIp6(3));
  assert.equal((await ping(w4, ip6('fd00:1::12'), { timeoutMs: 500 })).received, 0, 'nobody of tenant 2 has that address');
});

test('the fabric has no address of IPv6 and a workload exactly its own and its link-local one', () => {
  using nodes = new TwoNodes('mesh', { ipv6: true });
  nodes.apply();
  const addresses = (netns: Parameters<typeof Rtnl.open>[0]): readonly string[] => {
    using rtnl = Rtnl.open(netns);
    return addrList(rtnl).flatMap(({ address, prefix }) => (address.includes(':') && address !== '::1' ? [`${address}/${prefix}`] : []));
  };
  assert.deepEqual(addresses(nodes.fabricNetns()), []);
  for (const { n, address6 } of WORKLOADS) {
    assert.deepEqual(addresses(nodes.workload(n).netns).toSorted(), [`${address6}/64`, `fe80::aff:fe00:1${n}/64`].toSorted());
  }
  assert.deepEqual(addresses(nodes.gatewayNetns(1)).toSorted(), [
    'fd00:1::1/64',
    'fd00:2::1/64',
    'fe80::aff:fe00:101/64',
    'fe80::aff:fe00:102/64',
  ]);
});
