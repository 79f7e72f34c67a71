/** Routers of one tenant as their gateways in a kernel: what is between them, between them and the outside, and behind their next hops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { GatewayBody } from '@weft/core/plan/gateway';
import { arrivals } from '@weft/lab/probe/arrives';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { sendDatagram } from '@weft/lab/probe/send-frame';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { token } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { routeList } from '@weft/netlink/route';
import { Rtnl } from '@weft/netlink/rtnl';
import { gatewayId, ip, OUTSIDE, setGateway, setPublicIp, TwoNodes } from './two-nodes.testing.ts';

const PUBLIC = ip('203.0.113.101');
const GATEWAY = ip('203.0.113.11');

/** Whom the server saw, or why there was no connection. */
async function connect(from: Place, target: Ipv4, port: number, timeoutMs = 3000): Promise<string> {
  const outcome = await tcpConnect(from, target, port, { timeoutMs });
  return outcome.kind === 'connected' ? outcome.seenAs : outcome.kind;
}

/** Tenant 1's gateway, which has legs in segments 1 and 2, as that of a router. */
function change(nodes: TwoNodes, how: Partial<GatewayBody>): void {
  const body = nodes.hub.plan.get('gateway', gatewayId(1));
  assert.ok(body !== undefined);
  nodes.hub.plan.set('gateway', gatewayId(1), { ...body, ...how });
  nodes.hub.dataplane.apply(nodes.hub.plan, [{ kind: 'gateway', key: gatewayId(1) }]);
}

test('without source NAT only what has a public address gets out, with it everybody does', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, ip('10.0.0.12'));
  nodes.apply();
  const [w1, w2, w3] = [1, 2, 3].map((n) => nodes.workload(n)) as [Place, Place, Place];
  using outside = tcpServer(nodes.outside, 80);
  using inside = tcpServer(w3, 80);
  assert.equal(await connect(w1, OUTSIDE, outside.port), GATEWAY, 'with');
  change(nodes, { sourceNat: false });
  assert.equal(await connect(w1, OUTSIDE, 80, 700), 'timeout', 'without');
  assert.equal(await connect(w2, OUTSIDE, 80), PUBLIC, 'who has a public address');
  assert.equal(await connect(w1, ip('10.1.0.13'), inside.port), '10.0.0.11', 'between subnets');
  change(nodes, { sourceNat: true });
  assert.equal(await connect(w1, OUTSIDE, 80), GATEWAY, 'with it again');
});

test('a router that is down forwards nothing, and answers for itself', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const [w1, w3] = [1, 3].map((n) => nodes.workload(n)) as [Place, Place];
  using inside = tcpServer(w3, 80);
  using outside = tcpServer(nodes.outside, 80);
  assert.equal(await connect(w1, ip('10.1.0.13'), inside.port), '10.0.0.11', 'up');
  change(nodes, { forwarding: false });
  assert.equal(await connect(w1, ip('10.1.0.13'), 80, 700), 'timeout', 'between subnets');
  assert.equal(await connect(w1, OUTSIDE, outside.port, 700), 'timeout', 'to the outside');
  assert.equal((await ping(w1, ip('10.0.0.1'), { count: 1, timeoutMs: 2000 })).received, 1, 'its own address');
  change(nodes, { forwarding: true });
  assert.equal(await connect(w1, ip('10.1.0.13'), 80), '10.0.0.11', 'up again');
});

test('two gateways of one tenant, each with a subnet, do not meet; one with both does', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const [w1, w3] = [1, 3].map((n) => nodes.workload(n)) as [Place, Place];
  using inside = tcpServer(w3, 80);
  assert.equal(await connect(w1, ip('10.1.0.13'), inside.port), '10.0.0.11', 'one router');
  setGateway(nodes.hub.plan, 1, [1]);
  setGateway(nodes.hub.plan, 3, [2]);
  for (const tenant of [1, 3]) {
    const body = nodes.hub.plan.get('gateway', gatewayId(tenant));
    assert.ok(body !== undefined);
    const tenantId = nodes.hub.plan.get('gateway', gatewayId(1))?.tenantId ?? body.tenantId;
    nodes.hub.plan.set('gateway', gatewayId(tenant), { ...body, tenantId });
  }
  nodes.hub.dataplane.apply(
    nodes.hub.plan,
    [1, 3].map((tenant) => ({ kind: 'gateway', key: gatewayId(tenant) })),
  );
  using outside = tcpServer(nodes.outside, 80);
  assert.equal(await connect(w1, OUTSIDE, outside.port), GATEWAY, 'the first leads outside');
  assert.equal(await connect(w3, OUTSIDE, 80), '203.0.113.13', 'and so does the second');
  assert.equal(await connect(w1, ip('10.1.0.13'), 80, 700), 'timeout', 'but not to each other');
});

test('a static route leads to its next hop, is read back as it was written, and goes', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const { netns } = nodes.workload(1);
  assert.ok(netns !== undefined);
  const routes = (): readonly (readonly [string, string | undefined])[] => {
    using rtnl = Rtnl.open(nodes.gatewayNetns(1));
    return routeList(rtnl).flatMap(({ destination, gateway }) =>
      destination !== undefined && gateway !== undefined ? [[destination, gateway] as const] : [],
    );
  };
  assert.deepEqual(routes(), []);
  const route = { destination: '172.16.0.0/12' as Cidr, nexthop: ip('10.0.0.12') };
  change(nodes, { routes: [route] });
  assert.deepEqual(routes(), [['172.16.0.0/12', '10.0.0.12']]);
  change(nodes, { routes: [{ ...route, nexthop: ip('10.1.0.13') }] });
  assert.deepEqual(routes(), [['172.16.0.0/12', '10.1.0.13']], 'another next hop');
  change(nodes, { routes: [] });
  assert.deepEqual(routes(), []);
});

test('what is addressed behind a next hop arrives at it, and outside once the route is gone', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const [w1, w2] = [1, 2].map((n) => nodes.workload(n)) as [Place, Place];
  const target = ip('172.16.0.9');
  const seen = async (expect: 'arrival' | 'silence', receivers: readonly Place[]): Promise<boolean[]> => {
    const mark = token();
    const sender = (): void => sendDatagram(w1, { target, port: 9, payload: mark });
    const found = await arrivals({ receivers, token: mark, sender, expect, withinMs: expect === 'arrival' ? 3000 : 300 });
    return found.map(({ count }) => count > 0);
  };
  change(nodes, { routes: [{ destination: '172.16.0.0/12' as Cidr, nexthop: ip('10.0.0.12') }] });
  assert.deepEqual(await seen('arrival', [w2]), [true], 'with the route');
  assert.deepEqual(await seen('silence', [w2, nodes.outside]), [true, false], 'and not outside');
  change(nodes, { routes: [] });
  assert.deepEqual(await seen('arrival', [nodes.outside]), [true], 'without it');
  assert.deepEqual(await seen('silence', [w2, nodes.outside]), [false, true], 'and not at the next hop');
});

test('a stream that left as the gateway ends when source NAT is switched off, one of a public address goes on', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, ip('10.0.0.12'));
  nodes.apply();
  using outside = tcpServer(nodes.outside, 80, { afterGreeting: 'echo' });
  const [w1, w2] = [1, 2].map((n) => nodes.workload(n)) as [Place, Place];
  const open = (place: Place) => new TcpStream({ place, target: OUTSIDE, port: outside.port, bytesPerSecond: 50_000 });
  using ending = open(w1);
  using lasting = open(w2);
  for (const stream of [ending, lasting]) {
    assert.equal((await stream.start({ timeoutMs: 5000 })).kind, 'connected');
    await waitFor({ expected: 'an echo', withinMs: 5000 }, () =>
      stream.result().received.bytes > 0 ? { done: undefined } : { seen: 'none' },
    );
  }
  change(nodes, { sourceNat: false });
  await waitFor({ expected: 'the stream to end', withinMs: 5000 }, () => {
    const { ended, received } = ending.result();
    return ended !== undefined || received.idleMs >= 1000 ? { done: undefined } : { seen: `${received.bytes} bytes` };
  });
  const { bytes } = lasting.result().received;
  await waitFor({ expected: 'the other one to go on', withinMs: 5000 }, () =>
    lasting.result().received.bytes > bytes ? { done: undefined } : { seen: 'nothing more' },
  );
});

test('a workload whose addresses are set has the routes of its plan, and follows when they or its gateway change', () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  using rtnl = Rtnl.open(nodes.workload(1).netns);
  const routes = (): string[] =>
    routeList(rtnl)
      .flatMap(({ destination, gateway }) => (gateway === undefined ? [] : [`${destination ?? 'default'} ${gateway}`]))
      .toSorted();
  const owner = nodes.nodes.find(({ plan }) =>
    [...plan.of('instance').values()].some(({ addresses }) => addresses[0]?.address === '10.0.0.11'),
  );
  const body = [...(owner?.plan.of('instance').values() ?? [])].find(({ addresses }) => addresses[0]?.address === '10.0.0.11');
  assert.ok(owner !== undefined && body !== undefined);
  const set = (how: Partial<typeof body>): string[] => {
    owner.plan.set('instance', body.instanceId, { ...body, ...how });
    owner.dataplane.apply(owner.plan, [{ kind: 'instance', key: body.instanceId }]);
    return routes();
  };
  assert.deepEqual(routes(), ['default 10.0.0.1']);
  const route = { destination: '172.16.0.0/12' as Cidr, nexthop: ip('10.0.0.12') };
  assert.deepEqual(set({ routes: [route] }), ['172.16.0.0/12 10.0.0.12', 'default 10.0.0.1']);
  assert.deepEqual(set({ routes: [{ ...route, nexthop: ip('10.0.0.99') }], gateway: ip('10.0.0.9') }), [
    '172.16.0.0/12 10.0.0.99',
    'default 10.0.0.9',
  ]);
  assert.deepEqual(set({}), ['default 10.0.0.1']);
});
