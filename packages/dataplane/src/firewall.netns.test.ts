import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { TcpServer, tcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { udpAsk, udpEcho } from '@weft/lab/probe/udp-echo';
import { waitFor } from '@weft/lab/wait';
import { Conntrack } from '@weft/netlink/conntrack';
import { Dataplane } from './dataplane.ts';
import { ENDED_MARK } from './ruleset/gateway.ts';
import { gatewayId, ip, OUTSIDE, OUTSIDE_TOO, setGateway, setPublicIp, sha256, TwoNodes } from './two-nodes.testing.ts';

const PUBLIC = ip('203.0.113.101');
const FIREWALL = { kind: 'firewall', key: gatewayId(1) } as const;
const W1 = ip('10.0.0.11');
const W2 = ip('10.0.0.12');

const rule = (given: Partial<CompiledFirewallRule>): CompiledFirewallRule => ({
  direction: 'outbound',
  action: 'deny',
  protocol: undefined,
  remoteCidr: undefined,
  portMin: undefined,
  portMax: undefined,
  local: undefined,
  ...given,
});
const tcp = (port: number, given: Partial<CompiledFirewallRule> = {}): CompiledFirewallRule =>
  rule({ protocol: 'tcp', portMin: port, portMax: port, ...given });
const only = (address: Ipv4): Cidr => `${address}/32` as Cidr;

/** Of tenant 1, on its own. */
function setFirewall({ hub: { plan, dataplane } }: TwoNodes, ...rules: readonly CompiledFirewallRule[]): void {
  if (rules.length === 0) plan.delete(FIREWALL.kind, FIREWALL.key);
  else plan.set(FIREWALL.kind, FIREWALL.key, { concentratorId: gatewayId(1), rules });
  assert.deepEqual(dataplane.apply(plan, [FIREWALL]), new Map());
}

async function reaches(from: Place, target: Ipv4, port: number): Promise<boolean> {
  return (await tcpConnect(from, target, port, { timeoutMs: 500 })).kind === 'connected';
}

async function answers(from: Place, target: Ipv4): Promise<boolean> {
  return (await ping(from, target, { count: 1, intervalMs: 20, timeoutMs: 500 })).received === 1;
}

test('what goes out is denied by workload, remote address, protocol and port; the first rule that fits decides; nothing else is', async () => {
  using nodes = new TwoNodes('mesh');
  nodes.apply();
  const [w1, w2, w3, w4] = [1, 2, 3, 4].map((n) => nodes.workload(n)) as [Place, Place, Place, Place];
  using _web = tcpServer(nodes.outside, 80);
  using _mail = tcpServer(nodes.outside, 25);
  using _neighbour = tcpServer(w3, 25);
  using _echo = udpEcho(nodes.outside, 25);
  setFirewall(nodes, tcp(25));
  assert.equal(await reaches(w1, OUTSIDE, 25), false);
  assert.equal(await reaches(w3, OUTSIDE, 25), false, 'of every network of the tenant');
  assert.equal(await reaches(w1, OUTSIDE, 80), true, 'another port');
  assert.equal((await udpAsk(w1, OUTSIDE, 25, { payload: Uint8Array.of(1), timeoutMs: 2000 })).kind, 'answered', 'another protocol');
  assert.equal(await reaches(w4, OUTSIDE, 25), true, 'another tenant');
  assert.equal(await reaches(w1, ip('10.1.0.13'), 25), true, 'within the tenant');
  setFirewall(nodes, tcp(25, { action: 'allow', local: [W2] }), tcp(25));
  assert.deepEqual([await reaches(w1, OUTSIDE, 25), await reaches(w2, OUTSIDE, 25)], [false, true], 'an exception before it');
  setFirewall(nodes, rule({ local: [W1], remoteCidr: only(OUTSIDE) }));
  assert.deepEqual([await reaches(w1, OUTSIDE, 80), await answers(w1, OUTSIDE)], [false, false], 'any protocol');
  assert.deepEqual([await reaches(w1, OUTSIDE_TOO, 80), await reaches(w2, OUTSIDE, 80)], [true, true], 'others');
  setFirewall(nodes, rule({ protocol: 'icmp' }));
  assert.deepEqual([await answers(w1, OUTSIDE), await reaches(w1, OUTSIDE, 80)], [false, true]);
  setFirewall(nodes);
  assert.deepEqual([await answers(w1, OUTSIDE), await reaches(w1, OUTSIDE, 25)], [true, true], 'without rules');
});

test('what comes in is denied by the workload’s own address and port, and a rule that allows opens nothing that is not public', async () => {
  using nodes = new TwoNodes('concentrator');
  const { plan } = nodes.hub;
  const forward = { concentratorId: gatewayId(1), address: ip('203.0.113.11'), protocol: 'tcp', port: 8080, internal: W1 } as const;
  plan.set('forward', '203.0.113.11/tcp/8080', { ...forward, internalPort: 80 });
  setPublicIp(plan, PUBLIC, W2);
  nodes.apply();
  const [w1, w2] = [nodes.workload(1), nodes.workload(2)];
  using _w1 = tcpServer(w1, 80);
  using _w2 = tcpServer(w2, 80);
  using _other = tcpServer(w2, 81);
  using _outside = tcpServer(nodes.outside, 80);
  setFirewall(nodes, tcp(80, { direction: 'inbound', local: [W1], remoteCidr: '203.0.113.0/24' as Cidr }));
  assert.equal(await reaches(nodes.outside, forward.address, 8080), false, 'by a forwarded port');
  assert.equal(await reaches(nodes.outside, PUBLIC, 80), true, 'another workload');
  assert.equal(await reaches(w1, OUTSIDE, 80), true, 'what it begins itself');
  setFirewall(nodes, tcp(81, { direction: 'inbound', action: 'allow' }), rule({ direction: 'inbound' }));
  assert.deepEqual([await reaches(nodes.outside, PUBLIC, 80), await reaches(nodes.outside, PUBLIC, 81)], [false, true]);
  assert.equal(await answers(nodes.outside, PUBLIC), false);
  assert.equal(await reaches(w1, PUBLIC, 80), true, 'from within the tenant');
  setFirewall(nodes, rule({ direction: 'inbound', action: 'allow' }));
  assert.equal(await reaches(nodes.outside, forward.address, 80), false, 'a port that leads nowhere');
});

test('running connections that a new rule denies end, also when the workload goes on talking, and others go on', async () => {
  using nodes = new TwoNodes('mesh');
  setPublicIp(nodes.hub.plan, PUBLIC, W2);
  nodes.apply();
  const w2 = nodes.workload(2);
  const afterGreeting = { bytesPerSecond: 20_000 };
  using _denied = new TcpServer({ place: w2, port: 80, afterGreeting });
  using _allowed = new TcpServer({ place: w2, port: 81, afterGreeting });
  using denied = new TcpStream({ place: nodes.outside, target: PUBLIC, port: 80, bytesPerSecond: 20_000 });
  using allowed = new TcpStream({ place: nodes.outside, target: PUBLIC, port: 81, bytesPerSecond: 20_000 });
  for (const stream of [denied, allowed]) assert.equal((await stream.start({ timeoutMs: 3000 })).kind, 'connected');
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  const held = (port: number): boolean =>
    conntrack
      .list()
      .some(({ sourcePort, destinationPort, mark }) => mark !== ENDED_MARK && (sourcePort === port || destinationPort === port));
  const moreOf = async (stream: TcpStream, bytes: number): Promise<void> => {
    const before = stream.result().received.bytes;
    await waitFor({ expected: `${bytes} bytes more`, withinMs: 10_000 }, () => {
      const seen = stream.result().received.bytes - before;
      return seen >= bytes ? { done: true } : { seen: `${seen}` };
    });
  };
  for (const stream of [denied, allowed]) await moreOf(stream, 1000);
  assert.deepEqual([held(80), held(81)], [true, true]);
  setFirewall(nodes, tcp(80, { direction: 'inbound', local: [W2] }));
  await moreOf(allowed, 1000);
  const stopped = denied.result().received.bytes;
  await moreOf(allowed, 20_000);
  assert.deepEqual([held(80), held(81), denied.result().received.bytes - stopped], [false, true, 0]);
});

test('a restarted process ends nothing, and a gateway whose table is replaced keeps its firewall', async () => {
  using nodes = new TwoNodes('mesh');
  const { plan, dataplane, kernel, runDir } = nodes.hub;
  nodes.apply();
  const w1 = nodes.workload(1);
  using _web = tcpServer(nodes.outside, 80);
  using _mail = tcpServer(nodes.outside, 25);
  setFirewall(nodes, tcp(25));
  assert.equal(await reaches(w1, OUTSIDE, 80), true);
  using conntrack = Conntrack.open(nodes.gatewayNetns(1));
  const held = (): number => conntrack.list().filter(({ destinationPort }) => destinationPort === 80).length;
  const before = held();
  assert.ok(before > 0);
  const facts = { vtep: ip('172.30.0.11'), underlayInterface: 'under', vxlanPort: 14_789, mtu: 1450, uplinkInterface: 'up' };
  const log = { info: () => {}, warn: () => {} };
  const restarted = new Dataplane({ facts: { ...facts, connectionsPerPort: 1000 }, runDir }, { kernel, log, sha256 });
  assert.deepEqual(restarted.apply(plan, 'all'), new Map());
  assert.equal(held(), before);
  setGateway(plan, 1, [1]);
  assert.deepEqual(dataplane.apply(plan, [{ kind: 'gateway', key: gatewayId(1) }]), new Map());
  assert.deepEqual([await reaches(w1, OUTSIDE, 25), await reaches(w1, OUTSIDE, 80)], [false, true]);
});
