import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { tcpConnect, tcpHold } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { udpAsk, udpEcho } from '@weft/lab/probe/udp-echo';
import { Conntrack } from '@weft/netlink/conntrack';
import { neighList } from '@weft/netlink/neigh';
import { linkDelete, linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { addrDelete } from '@weft/netlink/addr';
import { netnsDelete } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { gatewayPlace, gatewayPortName, uplinkMac, uplinkName } from './names.ts';
import { ENDED_MARK } from './ruleset/gateway.ts';
import { gatewayId, ip, OUTSIDE, OUTSIDE_TOO, setGateway, setPublicIp, TwoNodes, vni } from './two-nodes.testing.ts';

const PUBLIC = ip('203.0.113.101');
const [GATEWAY, OTHER_GATEWAY] = [ip('203.0.113.11'), ip('203.0.113.12')];
const PATIENCE = { timeoutMs: 3000 };
const REFUSED = { timeoutMs: 700 };

/** Whom the server saw, or why there was no connection. */
async function connect(from: Place, target: Ipv4, port: number, patience = PATIENCE): Promise<string> {
  const outcome = await tcpConnect(from, target, port, patience);
  return outcome.kind === 'connected' ? outcome.seenAs : outcome.kind;
}

function dropped(netns: Netns): number {
  using nft = NftContext.open(netns);
  const { nftables } = nft.json('list counter ip weft to_infrastructure') as { nftables: { counter?: { packets: number } }[] };
  return nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0;
}

for (const topology of ['mesh', 'concentrator'] as const) {
  test(`${topology}: a public address leads to its workload from outside, its owner, its neighbours and another tenant, and out again`, async () => {
    using nodes = new TwoNodes(topology);
    setPublicIp(nodes.hub.plan, PUBLIC, ip('10.0.0.12'));
    nodes.apply();
    const [w1, w2, w3, w4] = [1, 2, 3, 4].map((n) => nodes.workload(n)) as [Place, Place, Place, Place];
    using inside = tcpServer(w2, 80);
    using outside = tcpServer(nodes.outside, 80);
    assert.equal(await connect(nodes.outside, PUBLIC, inside.port), OUTSIDE, 'from outside');
    assert.equal(await connect(w2, PUBLIC, 80), '10.0.0.1', 'its owner');
    assert.equal(await connect(w1, PUBLIC, 80), '10.0.0.1', 'a neighbour on another node');
    assert.equal(await connect(w3, PUBLIC, 80), '10.0.0.1', 'a neighbour in another subnet');
    assert.equal(await connect(w4, PUBLIC, 80), OTHER_GATEWAY, 'another tenant');
    assert.equal(await connect(w2, OUTSIDE, outside.port), PUBLIC, 'its owner to the outside');
    assert.equal(await connect(w1, OUTSIDE, 80), GATEWAY, 'a neighbour to the outside');
    assert.equal(await connect(w4, ip('10.0.0.12'), 80, REFUSED), 'timeout', 'another tenant to the inside address');
    assert.equal((await ping(nodes.outside, PUBLIC, { count: 2, intervalMs: 20, timeoutMs: 2000 })).received, 2);
  });

  test(`${topology}: a tenant's subnets are routed by its gateway, and no others`, async () => {
    using nodes = new TwoNodes(topology);
    nodes.apply();
    const [w1, w2, w3, w4] = [1, 2, 3, 4].map((n) => nodes.workload(n)) as [Place, Place, Place, Place];
    using server = tcpServer(w3, 80);
    for (const from of [w1, w2]) assert.equal(await connect(from, ip('10.1.0.13'), server.port), from.ip, 'with its own source');
    assert.equal((await ping(w3, ip('10.0.0.11'), { count: 2, intervalMs: 20, timeoutMs: 2000 })).received, 2);
    assert.equal(await connect(w4, ip('10.1.0.13'), 80, REFUSED), 'timeout', 'another tenant');
  });
}

test('forwarded ports of the gateway and of a public address lead to inside ones, for TCP and UDP, before the address as a whole', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan } = nodes.hub;
  const forward = (address: Ipv4, protocol: 'tcp' | 'udp', port: number, internal: Ipv4, internalPort: number): void =>
    plan.set('forward', `${address}/${protocol}/${port}`, {
      concentratorId: gatewayId(1),
      address,
      protocol,
      port,
      internal,
      internalPort,
    });
  forward(GATEWAY, 'tcp', 2222, ip('10.0.0.12'), 22);
  forward(GATEWAY, 'udp', 5353, ip('10.1.0.13'), 53);
  forward(PUBLIC, 'tcp', 8080, ip('10.0.0.11'), 80);
  setPublicIp(plan, PUBLIC, ip('10.0.0.12'));
  nodes.apply();
  const [w1, w2, w3] = [1, 2, 3].map((n) => nodes.workload(n)) as [Place, Place, Place];
  using _ssh = tcpServer(w2, 22);
  using _web = tcpServer(w1, 80);
  using _echo = udpEcho(w3, 53);
  assert.equal(await connect(nodes.outside, GATEWAY, 2222), OUTSIDE);
  assert.equal(await connect(w1, GATEWAY, 2222), '10.0.0.1', 'from inside');
  assert.equal(await connect(nodes.outside, PUBLIC, 8080), OUTSIDE);
  assert.equal(await connect(nodes.outside, PUBLIC, 22), OUTSIDE, 'the rest of the address');
  assert.equal(await connect(nodes.outside, GATEWAY, 22, REFUSED), 'timeout', 'a port that leads nowhere');
  const answer = await udpAsk(nodes.outside, GATEWAY, 5353, { payload: Uint8Array.of(1, 2, 3), ...PATIENCE });
  assert.deepEqual(answer.kind === 'answered' && [answer.from, [...answer.bytes]], [GATEWAY, [1, 2, 3]]);
});

test('a gateway hears questions for names from its own segments, and from nowhere else', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const [w1, w2, w3, w4] = [1, 2, 3, 4].map((n) => nodes.workload(n)) as [Place, Place, Place, Place];
  const gateway = { netns: nodes.gatewayNetns(1), ifname: 'lo', mac: w1.mac };
  using udp = udpEcho(gateway, 53);
  using tcp = tcpServer(gateway, 53);
  using _other = udpEcho(gateway, 54);
  const ask = async (from: Place, target: Ipv4, port: number): Promise<string> =>
    (await udpAsk(from, target, port, { payload: Uint8Array.of(1), timeoutMs: 500 })).kind;
  for (const [from, target] of [
    [w1, '10.0.0.1'],
    [w2, '10.0.0.1'],
    [w3, '10.1.0.1'],
    [w3, '10.0.0.1'],
  ] as const)
    assert.equal(await ask(from, ip(target), udp.port), 'answered', target);
  assert.equal(await connect(w2, ip('10.0.0.1'), tcp.port), '10.0.0.12');
  assert.equal(await ask(w1, ip('10.0.0.1'), 54), 'timeout', 'another port');
  assert.equal(await ask(nodes.outside, GATEWAY, 53), 'timeout', 'from outside');
  assert.equal(await connect(nodes.outside, GATEWAY, 53, REFUSED), 'timeout', 'from outside by TCP');
  for (const target of [ip('10.0.0.1'), ip('10.1.0.1'), GATEWAY]) assert.equal(await ask(w4, target, 53), 'timeout', 'another tenant');
});

test('a public address that comes is announced: whoever had it elsewhere in its table has it right at once', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const w2 = nodes.workload(2);
  using _server = tcpServer(w2, 80);
  using rtnl = Rtnl.open(nodes.outside.netns);
  const { index } = linkGet(rtnl, nodes.outside.ifname)!;
  // Not permanent, since nothing would ever change that.
  execFileSync('nsenter', [
    `--net=/proc/${process.pid}/fd/${nodes.outside.netns.fd}`,
    ...`ip neigh replace ${PUBLIC} lladdr 02:00:00:00:00:99 dev outer nud stale`.split(' '),
  ]);
  assert.equal(neighList(rtnl).find((entry) => entry.address === PUBLIC && entry.index === index)?.mac, '02:00:00:00:00:99');
  setPublicIp(nodes.hub.plan, PUBLIC, ip('10.0.0.12'));
  nodes.hub.dataplane.apply(nodes.hub.plan, [{ kind: 'publicip', key: PUBLIC }]);
  assert.equal(await connect(nodes.outside, PUBLIC, 80), OUTSIDE);
  assert.equal(neighList(rtnl).find((entry) => entry.address === PUBLIC)?.mac, uplinkMac(gatewayId(1)));
});

test('connections of a public address or forward that is taken back or led elsewhere end, and no others', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane } = nodes.hub;
  setPublicIp(plan, PUBLIC, ip('10.0.0.12'));
  const body = { concentratorId: gatewayId(1), address: GATEWAY, protocol: 'tcp', port: 2222, internal: ip('10.0.0.11'), internalPort: 22 };
  const forward = { kind: 'forward', key: `${GATEWAY}/tcp/2222` } as const;
  plan.set(forward.kind, forward.key, body as never);
  nodes.apply();
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  using _ssh = tcpServer(w1, 22);
  using _web = tcpServer(w2, 80);
  using _outer = tcpServer(nodes.outside, 80);
  using first = await tcpHold(nodes.outside, PUBLIC, 80, { count: 2, ...PATIENCE });
  using second = await tcpHold(nodes.outside, GATEWAY, 2222, { count: 1, ...PATIENCE });
  using third = await tcpHold(w2, OUTSIDE, 80, { count: 1, ...PATIENCE });
  using other = await tcpHold(w1, OUTSIDE_TOO, 80, { count: 1, ...PATIENCE });
  assert.deepEqual(
    [first, second, third, other].map(({ connected }) => connected),
    [2, 1, 1, 1],
  );
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  const held = (): string[] =>
    conntrack
      .list()
      .filter(({ mark }) => mark !== ENDED_MARK)
      .map(({ source, destination, destinationPort }) => `${source} ${destination} ${destinationPort ?? ''}`)
      .toSorted();
  const forwarded = `${OUTSIDE} ${GATEWAY} 2222`;
  const outgoing = `10.0.0.11 ${OUTSIDE_TOO} 80`;
  assert.deepEqual(
    held(),
    [outgoing, `10.0.0.12 ${OUTSIDE} 80`, forwarded, `${OUTSIDE} ${PUBLIC} 80`, `${OUTSIDE} ${PUBLIC} 80`].toSorted(),
  );
  setPublicIp(plan, PUBLIC, ip('10.0.0.11'));
  dataplane.apply(plan, [{ kind: 'publicip', key: PUBLIC }]);
  assert.deepEqual(held(), [outgoing, forwarded].toSorted(), 'led elsewhere');
  plan.delete(forward.kind, forward.key);
  dataplane.apply(plan, [forward]);
  assert.deepEqual(held(), [outgoing], 'taken back');
  assert.equal(await connect(nodes.outside, GATEWAY, 2222, REFUSED), 'timeout');
});

test('what leads to the infrastructure by a forward, or by a public address, is dropped and counted', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan } = nodes.hub;
  const underlay = ip('172.30.0.12');
  setPublicIp(plan, PUBLIC, underlay);
  const body = {
    concentratorId: gatewayId(1),
    address: GATEWAY,
    protocol: 'udp',
    port: 9,
    internal: underlay,
    internalPort: 14_789,
  } as const;
  plan.set('forward', `${GATEWAY}/udp/9`, body);
  nodes.apply();
  const w1 = nodes.workload(1);
  const netns = nodes.gatewayNetns(1);
  let before = dropped(netns);
  for (const [from, target] of [
    [w1, GATEWAY],
    [w1, PUBLIC],
    [w1, underlay],
    [nodes.outside, GATEWAY],
    [nodes.outside, PUBLIC],
  ] as const) {
    const answer = await udpAsk(from, target, 9, { payload: Uint8Array.of(1), timeoutMs: 300 });
    assert.notEqual(answer.kind, 'answered', target);
    assert.ok(dropped(netns) > before, `${from.ip ?? ''} to ${target}`);
    before = dropped(netns);
  }
});

test('a restarted process finds nothing to do, and what others took away comes back', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane, kernel } = nodes.hub;
  setPublicIp(plan, PUBLIC, ip('10.0.0.12'));
  const body = {
    concentratorId: gatewayId(1),
    address: GATEWAY,
    protocol: 'tcp',
    port: 2222,
    internal: ip('10.0.0.12'),
    internalPort: 80,
  } as const;
  plan.set('forward', `${GATEWAY}/tcp/2222`, body);
  nodes.apply();
  using _server = tcpServer(nodes.workload(2), 80);
  const netns = nodes.gatewayNetns(1);
  const seen = (): string[] =>
    kernel
      .observe()
      .map(({ key, content }) => `${key} ${content}`)
      .toSorted();
  const before = seen();
  nodes.apply();
  assert.deepEqual(seen(), before);
  using rtnl = Rtnl.open(netns);
  addrDelete(rtnl, { index: linkGet(rtnl, uplinkName(gatewayId(1)))!.index, address: PUBLIC, prefix: 32 });
  using nft = NftContext.open(netns);
  nft.run(`delete element ip weft public_in { ${PUBLIC} }\ndelete element ip weft forwards { ${GATEWAY} . tcp . 2222 }`);
  assert.equal(await connect(nodes.outside, PUBLIC, 80, REFUSED), 'timeout');
  dataplane.observe();
  nodes.apply();
  assert.deepEqual(seen(), before);
  for (const [target, port] of [
    [PUBLIC, 80],
    [GATEWAY, 2222],
  ] as const)
    assert.equal(await connect(nodes.outside, target, port), OUTSIDE);
  // Its table is replaced, and with it all that it holds.
  setGateway(plan, 1, [1]);
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'gateway', key: gatewayId(1) }]), new Map());
  assert.equal(await connect(nodes.outside, PUBLIC, 80), OUTSIDE, 'with another table');
});

test('that a gateway lost its namespace or a leg is noticed without a look, and a look puts it right', async () => {
  using nodes = new TwoNodes('concentrator');
  const { plan, dataplane, kernel, runDir } = nodes.hub;
  setPublicIp(plan, PUBLIC, ip('10.0.0.12'));
  nodes.apply();
  using _server = tcpServer(nodes.workload(2), 80);
  assert.equal(dataplane.disturbed(), false, 'by what was done here');
  using before = nodes.gatewayNetns(1);
  netnsDelete(`${runDir}/netns/${gatewayPlace(gatewayId(1))}`);
  assert.equal(dataplane.disturbed(), true);
  assert.equal(before.inode > 0, true, 'the old one is still held by somebody');
  assert.deepEqual(dataplane.apply(plan, []), new Map());
  assert.equal(dataplane.disturbed(), true, 'what is done meanwhile does not cover it up');
  dataplane.observe();
  assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
  assert.equal(dataplane.disturbed(), false);
  assert.equal(await connect(nodes.outside, PUBLIC, 80), OUTSIDE);
  using fabric = Rtnl.open(nodes.fabricNetns());
  linkDelete(fabric, linkGet(fabric, gatewayPortName(gatewayId(1), vni(1)))!.index);
  assert.equal(dataplane.disturbed(), true);
  assert.deepEqual(dataplane.apply(plan, []), new Map());
  assert.equal(dataplane.disturbed(), true, 'what is done meanwhile does not cover it up');
  dataplane.observe();
  assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
  assert.equal(dataplane.disturbed(), false);
  assert.equal(await connect(nodes.outside, PUBLIC, 80), OUTSIDE);
  assert.ok(kernel.observe().length > 0);
});
