import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeConcentrator } from '../command/concentrator.ts';
import { placeInstance } from '../command/instance.ts';
import { updatePort } from '../command/port.ts';
import { createSecurityGroupRule } from '../command/security-group.ts';
import { TestCluster } from '../command/test-support.ts';
import { isIpv6, parseIp, parseIpCidr } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import { compile } from '../plan/compile.ts';
import { memberKey } from '../plan/member.ts';
import { reachDifference } from '../preview/reach-difference.ts';
import type { Network, Port } from '../resource.ts';
import type { SecurityGroupId } from '../uuid.ts';
import { createReach } from './reach.ts';

const FACTS = { infrastructure: [] };

/** Three nodes; a tenant's networks `near` and `far`, each with both families; ports on nodes 1 and 2, the gateway on node 3. */
class Scene {
  readonly cluster = new TestCluster();
  readonly nodes = [1, 2, 3].map((n) => this.cluster.node(n));
  readonly networks: readonly Network[];
  readonly near: readonly [Port, Port];
  readonly far: Port;

  constructor() {
    const { cluster } = this;
    const tenant = cluster.tenant().id;
    this.networks = [0, 1].map((n) => {
      const network = cluster.network(tenant);
      cluster.subnet(network, `10.0.${n}.0/24`);
      cluster.subnet(network, n === 0 ? 'fd00::/64' : 'fd00:1::/64', { raMode: 'dhcpv6-stateful', addressMode: 'dhcpv6-stateful' });
      return network;
    });
    this.near = [this.#port(0, 1), this.#port(0, 2)];
    this.far = this.#port(1, 2);
    const gateway = cluster.state.concentratorOf(tenant)!;
    cluster.do(placeConcentrator(cluster.state, cluster.context, gateway.id, this.nodes[2]!));
  }

  #port(network: number, node: number): Port {
    const { id } = this.cluster.port(this.networks[network]!);
    const instance = this.cluster.instance(id);
    this.cluster.do(placeInstance(this.cluster.state, this.cluster.context, instance.id, this.nodes[node - 1]!));
    return this.cluster.state.ports.get(id)!;
  }

  /** Where it ends, in short. */
  fate(from: Port, destination: IpAddress, protocol: 'tcp' | 'icmp' = 'tcp'): string {
    const { verdict } = createReach(
      this.cluster.state,
      FACTS,
    )({ from: { kind: 'port', portId: from.id }, destination, protocol, port: 80 });
    if (verdict.kind === 'dropped') return verdict.reason;
    return `${verdict.to.kind} from ${verdict.packet.source}`;
  }
}

const ip6 = (port: Port): IpAddress => port.fixedIps.map(({ address }) => address).find(isIpv6)!;

test('by IPv6 ports reach one another on the link and through the gateway, and nobody outside', () => {
  const scene = new Scene();
  const { near, far } = scene;
  const fate = scene.fate.bind(scene);
  assert.equal(fate(near[0], ip6(near[1])), `port from ${ip6(near[0])}`);
  assert.equal(fate(near[0], ip6(far)), `port from ${ip6(near[0])}`);
  assert.equal(fate(near[0], parseIp('fd00::1'), 'icmp'), `gateway from ${ip6(near[0])}`);
  assert.equal(fate(near[0], parseIp('2001:db8::1')), 'no_uplink');
  assert.equal(fate(near[0], parseIp('fd00::dead')), 'unknown_address');
});

test('groups decide by the rules of the packet’s family', () => {
  const scene = new Scene();
  const { cluster } = scene;
  const { state, context } = cluster;
  const [a, b] = scene.near;
  const [groupId] = b.securityGroups as [SecurityGroupId];
  const wish = { groupId, description: '', direction: 'ingress', remoteText: undefined, remoteGroupId: undefined } as const;
  for (const rule of state.rulesOf(groupId)) if (rule.direction === 'ingress') cluster.do({ put: [], remove: [rule] });
  assert.equal(scene.fate(a, ip6(b), 'icmp'), 'ingress_group');
  const icmp = { protocol: parseIpProtocol('icmp', 'protocol'), portMin: 128, portMax: 0, remoteCidr: undefined };
  cluster.do(createSecurityGroupRule(state, context, { ...wish, ...icmp, ethertype: 'IPv6' }));
  assert.equal(scene.fate(a, ip6(b), 'icmp'), `port from ${ip6(a)}`, 'icmp of an IPv6 rule is ICMPv6');
  const all = { protocol: undefined, portMin: undefined, portMax: undefined };
  cluster.do(createSecurityGroupRule(state, context, { ...wish, ...all, ethertype: 'IPv4', remoteCidr: undefined }));
  assert.equal(scene.fate(a, ip6(b)), 'ingress_group', 'a rule of IPv4 says nothing of IPv6');
  cluster.do(createSecurityGroupRule(state, context, { ...wish, ...all, ethertype: 'IPv6', remoteCidr: parseIpCidr('fd00:1::/64') }));
  assert.equal(scene.fate(a, ip6(b)), 'ingress_group');
  assert.equal(scene.fate(scene.far, ip6(b)), `port from ${ip6(scene.far)}`);
});

test('a port may send from its own IPv6 addresses and its pairs’, and from no other', () => {
  const scene = new Scene();
  const { cluster } = scene;
  const [a, b] = scene.near;
  const from = { kind: 'port', portId: a.id, address: parseIp('fd00:9::9') } as const;
  const sent = (): string => {
    const { verdict } = createReach(cluster.state, FACTS)({ from, destination: ip6(b), protocol: 'tcp', port: 80 });
    return verdict.kind === 'dropped' ? verdict.reason : verdict.kind;
  };
  assert.equal(sent(), 'spoofed_source');
  const cidr = parseIpCidr('fd00:9::/64');
  cluster.do(updatePort(cluster.state, cluster.context, a.id, { addressPairs: [{ cidr, text: cidr, mac: undefined }] }));
  assert.equal(sent(), 'delivered', 'the default group lets its members’ prefixes in');
});

test('a preview names what a rule opens by IPv6', () => {
  const scene = new Scene();
  const { state } = scene.cluster;
  const [a, b] = scene.near;
  const [groupId] = b.securityGroups as [SecurityGroupId];
  const rule = [...state.rulesOf(groupId)].find(({ direction, ethertype }) => direction === 'ingress' && ethertype === 'IPv6')!;
  const after = state.fork();
  const changes = { put: [], remove: [rule] };
  after.apply(changes);
  const { opens, closes } = reachDifference(state, after, FACTS, changes);
  assert.deepEqual(opens, []);
  const line = closes.find(({ from, to, protocol }) => from.portId === a.id && to.portId === b.id && protocol === 'icmp');
  assert.deepEqual([line?.from.address, line?.to.address], [ip6(a), ip6(b)]);
  assert.ok(
    closes.every(({ to }) => to.address.includes(':')),
    'and nothing of IPv4',
  );
});

test('plans carry both families: legs and what is advertised there, members, names, leases and workloads', () => {
  const scene = new Scene();
  const [a] = scene.near;
  const { state } = scene.cluster;
  const plan = compile(state, FACTS, scene.nodes[2]!);
  const [gateway] = plan.of('gateway').values();
  assert.deepEqual(gateway?.segments[0]?.subnets6, [
    { cidr: 'fd00::/64', gatewayIp: 'fd00::1', advertise: 'dhcpv6-stateful', dhcp: true, dnsNameservers: [] },
  ]);
  const { vni } = scene.networks[0]!;
  for (const kind of ['dhcphost', 'dnsname'] as const) assert.ok(plan.get(kind, `${vni}/${ip6(a)}`) !== undefined, `${kind} of ${ip6(a)}`);
  const own = compile(state, FACTS, scene.nodes[0]!);
  const [instance] = own.of('instance').values();
  assert.deepEqual([instance?.gateway, instance?.gateway6], ['10.0.0.1', 'fd00::1']);
  assert.deepEqual(instance?.addresses[1], { address: ip6(a), prefixLength: 64 });
  const [groupId] = a.securityGroups as [SecurityGroupId];
  assert.ok(own.get('member', memberKey(groupId, ip6(scene.far))) !== undefined, 'a member of IPv6');
  assert.deepEqual(new Set(own.get('group', groupId)?.rules.map(({ family = 'ipv4' }) => family)), new Set(['ipv4', 'ipv6']));
});
