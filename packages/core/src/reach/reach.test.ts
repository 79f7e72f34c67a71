import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { placeConcentrator } from '../command/concentrator.ts';
import { createFirewallRule } from '../command/firewall-rule.ts';
import type { CreateFirewallRule } from '../command/firewall-rule.ts';
import { createFloatingIp } from '../command/floating-ip.ts';
import type { FloatingIpTarget } from '../command/floating-ip.ts';
import { placeInstance } from '../command/instance.ts';
import { createNatRule } from '../command/nat-rule.ts';
import type { CreateNatRule } from '../command/nat-rule.ts';
import { createPortForwarding } from '../command/port-forwarding.ts';
import { updatePort } from '../command/port.ts';
import { updateTenant } from '../command/tenant.ts';
import { TestCluster } from '../command/test-support.ts';
import { isIpv4 } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import { METADATA_ADDRESS } from '../metadata-address.ts';
import type { FloatingIp, Network, Port, Topology } from '../resource.ts';
import type { SecurityGroupRule } from '../security-group.ts';
import type { NatRuleId, NodeId, SecurityGroupId, SecurityGroupRuleId, TenantId } from '../uuid.ts';
import type { Flow, FlowSource, ReachAnswer } from './flow.ts';
import { createReach } from './reach.ts';

const FACTS = { infrastructure: [parseCidr('10.88.0.0/24')] };
const OUTSIDE = '198.51.100.7' as Ipv4;
type RuleWish = Partial<Omit<SecurityGroupRule, 'protocol'>> & Readonly<{ protocol?: string | undefined }>;
const WEB = { protocol: 'tcp', port: 80 } as const;
const ip = (text: string): Ipv4 => text as Ipv4;

/** Three nodes; a tenant with a network of two ports on nodes 1 and 2, and a gateway on node 3. All are in the default group. */
class Scene {
  readonly cluster = new TestCluster();
  readonly nodes: readonly NodeId[];
  readonly tenantId: TenantId;
  readonly network: Network;
  readonly a: Port;
  readonly b: Port;

  constructor(topology: Topology = 'mesh') {
    this.nodes = [1, 2, 3].map((n) => this.cluster.node(n));
    this.tenantId = this.cluster.tenant().id;
    this.network = this.cluster.network(this.tenantId, { topology });
    this.cluster.subnet(this.network, '10.0.0.0/24');
    [this.a, this.b] = [this.port(this.network, 1), this.port(this.network, 2)];
    this.placeGateway(3);
  }

  port(network: Network, node: number | undefined): Port {
    const port = this.cluster.port(network);
    const { id } = this.cluster.instance(port.id);
    if (node !== undefined) this.cluster.do(placeInstance(this.cluster.state, this.cluster.context, id, this.nodes[node - 1]!));
    return this.cluster.state.ports.get(port.id)!;
  }

  get gateway(): NonNullable<ReturnType<TestCluster['state']['concentratorOf']>> {
    return this.cluster.state.concentratorOf(this.tenantId)!;
  }

  placeGateway(node: number): void {
    this.cluster.do(placeConcentrator(this.cluster.state, this.cluster.context, this.gateway.id, this.nodes[node - 1]!));
  }

  /** Changes the first rule for IPv4 of the default group in a direction; what is unsaid is any. */
  rule(direction: 'ingress' | 'egress', changed: RuleWish): SecurityGroupRule {
    const { protocol: word, ...rest } = changed;
    const to = { ...rest, ...(word === undefined ? {} : { protocol: parseIpProtocol(word, 'protocol') }) };
    const { state } = this.cluster;
    const old = [...state.securityGroupRules.values()].find((rule) => rule.direction === direction && rule.ethertype === 'IPv4')!;
    const rule = { ...old, protocol: undefined, remoteGroupId: undefined, remoteCidr: undefined, ...to };
    this.cluster.do({ put: [rule], remove: [] });
    return rule;
  }

  /** A public address of the tenant. */
  floating(target: FloatingIpTarget | undefined): FloatingIp {
    const { cluster } = this;
    let external = [...cluster.state.networks.values()].find((network) => network.external);
    if (external === undefined) {
      external = cluster.network(this.tenantId, { external: true });
      cluster.subnet(external, '203.0.113.0/24', { enableDhcp: false });
    }
    const wish = {
      description: '',
      subnetId: undefined,
      address: undefined,
      floatingNetworkId: external.id,
      tenantId: this.tenantId,
      target,
    };
    return cluster.do(createFloatingIp(cluster.state, cluster.context, wish)).floatingIp;
  }

  firewall(rule: Partial<CreateFirewallRule>): string {
    const { state, context } = this.cluster;
    const any = { portId: undefined, protocol: undefined, remoteCidr: undefined, portMin: undefined, portMax: undefined, description: '' };
    const wish = { ...any, direction: 'inbound', action: 'deny', priority: 5, tenantId: this.tenantId, ...rule } as const;
    return this.cluster.do(createFirewallRule(state, context, wish)).firewallRule.id;
  }

  ask(from: Port | FlowSource, destination: Ipv4, service: Pick<Flow, 'protocol' | 'port'> = WEB): ReachAnswer {
    const source: FlowSource = 'fixedIps' in from ? { kind: 'port', portId: from.id } : from;
    return createReach(this.cluster.state, FACTS)({ from: source, destination, ...service });
  }

  /** Where it ends, in short: `port <id> from <address>`, or why not. */
  fate(...question: Parameters<Scene['ask']>): string {
    const { verdict } = this.ask(...question);
    if (verdict.kind === 'dropped') return `${verdict.reason} at ${verdict.at.kind}`;
    return `${verdict.to.kind === 'port' ? `port ${verdict.to.portId}` : verdict.to.kind} from ${verdict.packet.source}`;
  }
}

const addressOf = (port: Port): Ipv4 => port.fixedIps.map(({ address }) => address).filter(isIpv4)[0]!;
const outside: FlowSource = { kind: 'outside', address: OUTSIDE };
const arrives = (to: Port, from: Ipv4): string => `port ${to.id} from ${from}`;

test('between two ports the sender’s and the receiver’s groups decide, and the answer names the rules', () => {
  const scene = new Scene();
  const { a, b, cluster, network, nodes } = scene;
  const [groupId] = b.securityGroups as [SecurityGroupId];
  const rules = [...cluster.state.securityGroupRules.values()].filter(({ ethertype }) => ethertype === 'IPv4');
  const ruleOf = (direction: string): SecurityGroupRuleId => rules.find((rule) => rule.direction === direction)!.id;
  assert.deepEqual(scene.ask(a, addressOf(b)), {
    verdict: {
      kind: 'delivered',
      to: { kind: 'port', portId: b.id },
      packet: { source: addressOf(a), destination: addressOf(b), ...WEB },
    },
    steps: [
      { kind: 'group_allows', portId: a.id, direction: 'egress', groupId, ruleId: ruleOf('egress') },
      { kind: 'switched', networkId: network.id, from: nodes[0], to: nodes[1] },
      { kind: 'group_allows', portId: b.id, direction: 'ingress', groupId, ruleId: ruleOf('ingress') },
    ],
  });
  scene.rule('ingress', { protocol: 'tcp', portMin: 22, portMax: 23 });
  assert.equal(scene.fate(a, addressOf(b)), 'ingress_group at port');
  assert.equal(scene.fate(a, addressOf(b), { protocol: 'tcp', port: 23 }), arrives(b, addressOf(a)));
  scene.rule('egress', { remoteCidr: parseCidr('192.0.2.0/24') });
  assert.equal(scene.fate(a, addressOf(b), { protocol: 'tcp', port: 23 }), 'egress_group at port');
});

test('an echo request is type 8, code 0, and rules for IPv6 let nothing of IPv4 through', () => {
  const scene = new Scene();
  const echo = { protocol: 'icmp' } as const;
  for (const [rule, passes] of [
    [{ protocol: 'icmp', portMin: undefined, portMax: undefined }, true],
    [{ protocol: 'icmp', portMin: 8, portMax: undefined }, true],
    [{ protocol: 'icmp', portMin: 8, portMax: 0 }, true],
    [{ protocol: 'icmp', portMin: 8, portMax: 1 }, false],
    [{ protocol: 'icmp', portMin: 0, portMax: 0 }, false],
    [{ protocol: 'udp', portMin: undefined, portMax: undefined }, false],
    [{ protocol: undefined, ethertype: 'IPv6' }, false],
  ] as const) {
    const fresh = new Scene();
    fresh.rule('ingress', rule);
    assert.equal(fresh.fate(fresh.a, addressOf(fresh.b), echo).startsWith('port'), passes, JSON.stringify(rule));
  }
  assert.equal(scene.fate(scene.a, addressOf(scene.b), echo), arrives(scene.b, addressOf(scene.a)));
});

test('a port without port security asks no group, and may send as anybody', () => {
  const scene = new Scene();
  const { a, b, cluster } = scene;
  const forged: FlowSource = { kind: 'port', portId: a.id, address: ip('10.0.0.99') };
  assert.equal(scene.fate(forged, addressOf(b)), 'spoofed_source at port');
  cluster.do(updatePort(cluster.state, cluster.context, a.id, { portSecurityEnabled: false, securityGroups: [] }));
  assert.equal(scene.fate(a, addressOf(b)), 'ingress_group at port', 'it is no member of the group any more');
  assert.equal(scene.fate(b, addressOf(a)), arrives(a, addressOf(b)));
  assert.deepEqual(scene.ask(b, addressOf(a)).steps.at(-1), { kind: 'port_security_off', portId: a.id });
  scene.rule('ingress', {});
  assert.equal(scene.fate(forged, addressOf(b)), arrives(b, ip('10.0.0.99')));
});

test('who is not placed, is down, or does not exist is not reached', () => {
  const scene = new Scene();
  const { a, b, cluster, network } = scene;
  const nowhere = scene.port(network, undefined);
  assert.equal(scene.fate(a, addressOf(nowhere)), 'not_placed at port');
  assert.equal(scene.fate(nowhere, addressOf(a)), 'not_placed at port');
  assert.equal(scene.fate(a, ip('10.0.0.250')), 'unknown_address at network');
  cluster.do(updatePort(cluster.state, cluster.context, b.id, { adminStateUp: false }));
  assert.equal(scene.fate(a, addressOf(b)), 'admin_down at port');
  assert.equal(scene.fate(b, addressOf(a)), 'admin_down at port');
  assert.equal(scene.fate({ kind: 'port', portId: scene.gateway.id as never }, addressOf(a)), 'not_placed at port');
});

test('in a concentrator network nodes meet at the hub; without one, only neighbours on a node meet', () => {
  const scene = new Scene('concentrator');
  const { a, b, cluster, nodes } = scene;
  const [, step] = scene.ask(a, addressOf(b)).steps;
  assert.deepEqual([step?.kind, step !== undefined && 'hub' in step && step.hub], ['switched', nodes[2]]);
  const alone = cluster.network(scene.tenantId, { topology: 'concentrator' });
  cluster.subnet(alone, '10.9.0.0/24', { gatewayIp: null });
  const [c, d, e] = [scene.port(alone, 1), scene.port(alone, 1), scene.port(alone, 2)];
  assert.equal(scene.fate(c, addressOf(d)), arrives(d, addressOf(c)));
  assert.equal(scene.fate(c, addressOf(e)), 'no_hub at network');
  assert.equal(scene.fate(c, OUTSIDE), 'no_route at port');
});

test('the gateway routes between subnets, and gives what goes outside its own address, but lets nothing to the infrastructure', () => {
  const scene = new Scene();
  const { a, cluster, gateway } = scene;
  const second = cluster.network(scene.tenantId);
  cluster.subnet(second, '10.1.0.0/24');
  const c = scene.port(second, 2);
  assert.equal(scene.fate(a, addressOf(c)), arrives(c, addressOf(a)));
  assert.equal(scene.fate(a, OUTSIDE), `outside from ${gateway.uplink?.address}`);
  assert.deepEqual(scene.ask(a, OUTSIDE).steps.slice(2), [
    { kind: 'routed', concentratorId: gateway.id, to: 'outside' },
    {
      kind: 'translated',
      translation: { kind: 'source_nat', by: gateway.id },
      packet: { source: gateway.uplink?.address, destination: OUTSIDE, ...WEB },
    },
  ]);
  assert.equal(scene.fate(a, ip('10.88.0.2')), 'infrastructure at gateway');
  assert.equal(scene.fate(a, ip('10.1.0.99')), 'unknown_address at network');
});

test('the gateway itself answers echo requests, names and leases, and those of its tenant only', () => {
  const scene = new Scene();
  const { a, gateway } = scene;
  const [leg, uplink] = [ip('10.0.0.1'), gateway.uplink!.address];
  const ask = (from: Port | FlowSource, to: Ipv4, protocol: Flow['protocol'], port = 0): string => scene.fate(from, to, { protocol, port });
  assert.deepEqual(
    [ask(a, leg, 'icmp'), ask(a, leg, 'udp', 53), ask(a, leg, 'tcp', 53), ask(a, leg, 'udp', 67)].map((fate) => fate.split(' ')[0]),
    ['gateway', 'gateway', 'gateway', 'gateway'],
  );
  assert.equal(ask(a, leg, 'tcp', 80), 'gateway_closed at gateway');
  assert.equal(ask(outside, uplink, 'icmp'), `gateway from ${OUTSIDE}`);
  assert.equal(ask(outside, uplink, 'udp', 53), 'gateway_closed at gateway');
  assert.equal(ask({ kind: 'outside', address: addressOf(a) }, uplink, 'icmp'), 'foreign_source at gateway');
  scene.rule('ingress', {});
  const own: FlowSource = { kind: 'gateway', concentratorId: gateway.id };
  assert.equal(ask(own, addressOf(a), 'tcp', 80), arrives(a, leg));
  assert.equal(ask(own, OUTSIDE, 'udp', 53), `outside from ${uplink}`);
  assert.equal(ask(own, ip('10.88.0.2'), 'udp', 53), 'infrastructure at gateway');
});

test('a public address leads to its port from outside and from its own tenant, whose receiver then sees the gateway', () => {
  const scene = new Scene();
  const { a, b } = scene;
  const { address } = scene.floating({ portId: b.id, fixedIp: undefined });
  assert.equal(scene.fate(outside, address), 'ingress_group at port', 'the default group lets in members only');
  scene.rule('ingress', {});
  assert.equal(scene.fate(outside, address), arrives(b, OUTSIDE));
  assert.equal(scene.fate(a, address), arrives(b, ip('10.0.0.1')));
  assert.equal(scene.fate(b, address), arrives(b, ip('10.0.0.1')), 'also to itself');
  assert.equal(scene.fate(b, OUTSIDE), `outside from ${address}`, 'and out again by the same');
  assert.equal(scene.fate(outside, scene.floating(undefined).address), 'closed_public_address at outside');
  assert.equal(scene.fate(outside, addressOf(b)), 'not_public at outside');
});

test('another tenant comes to a public address as its own gateway', () => {
  const scene = new Scene();
  const { address } = scene.floating({ portId: scene.b.id, fixedIp: undefined });
  scene.rule('ingress', {});
  const { cluster } = scene;
  const other = cluster.network(cluster.tenant().id);
  cluster.subnet(other, '10.0.0.0/24');
  const x = scene.port(other, 1);
  const gateway = cluster.state.concentratorOf(other.tenantId)!;
  assert.equal(scene.fate(x, address), 'no_gateway at network');
  cluster.do(placeConcentrator(cluster.state, cluster.context, gateway.id, scene.nodes[1]!));
  assert.equal(scene.fate(x, address), arrives(scene.b, gateway.uplink!.address));
  if (addressOf(x) !== addressOf(scene.b)) assert.equal(scene.fate(x, addressOf(scene.b)), 'unknown_address at network');
});

test('forwarded ports and SSH reach lead inside, and the rest of their address nowhere', () => {
  const scene = new Scene();
  const { b, cluster, gateway } = scene;
  scene.rule('ingress', {});
  const { id, address } = scene.floating(undefined);
  const wish = { description: '', protocol: 'tcp', internalPortId: b.id, internalAddress: addressOf(b) } as const;
  const range = { externalFirst: 8080, externalLast: 8082, internalFirst: 80, internalLast: 82 };
  const made = cluster.do(createPortForwarding(cluster.state, cluster.context, id, { ...wish, ...range }));
  const answer = scene.ask(outside, address, { protocol: 'tcp', port: 8081 });
  assert.deepEqual(answer.steps[0], {
    kind: 'translated',
    translation: { kind: 'port_forwarding', by: made.portForwarding.id },
    packet: { source: OUTSIDE, destination: addressOf(b), protocol: 'tcp', port: 81 },
  });
  assert.equal(answer.verdict.kind, 'delivered');
  assert.equal(scene.fate(outside, address, { protocol: 'tcp', port: 8083 }), 'closed_public_address at gateway');
  assert.equal(scene.fate(outside, address, { protocol: 'udp', port: 8081 }), 'closed_public_address at gateway');
  assert.equal(scene.fate(outside, address, { protocol: 'icmp' }), `gateway from ${OUTSIDE}`);

  const { sshPort } = cluster.state.instanceOfPort(b.id)!;
  const ssh = { protocol: 'tcp', port: sshPort! } as const;
  assert.equal(scene.fate(outside, gateway.uplink!.address, ssh), 'gateway_closed at gateway');
  cluster.do(updateTenant(cluster.state, cluster.context, scene.tenantId, { sshReach: true }));
  assert.equal(scene.fate(outside, gateway.uplink!.address, ssh), arrives(b, OUTSIDE));
});

test('firewall rules are asked by priority, for the addresses inside, between the tenant and the outside only', () => {
  const scene = new Scene();
  const { a, b } = scene;
  scene.rule('ingress', {});
  const { address } = scene.floating({ portId: b.id, fixedIp: undefined });
  const denied = scene.firewall({ direction: 'inbound', portId: b.id, protocol: 'tcp', portMin: 80, portMax: 90 });
  assert.deepEqual(scene.ask(outside, address).verdict, {
    kind: 'dropped',
    at: { kind: 'gateway', concentratorId: scene.gateway.id },
    reason: 'firewall_rule',
    ruleId: denied,
  });
  assert.equal(scene.fate(a, address), arrives(b, ip('10.0.0.1')), 'the hairpin never was outside');
  const allowed = scene.firewall({ action: 'allow', priority: 4, remoteCidr: parseCidr('198.51.100.0/24') });
  assert.equal(scene.fate(outside, address), arrives(b, OUTSIDE));
  assert.ok(scene.ask(outside, address).steps.some((step) => step.kind === 'firewall_allows' && step.ruleId === allowed));
  assert.equal(scene.fate({ kind: 'outside', address: ip('192.0.2.1') }, address), 'firewall_rule at gateway');
  scene.firewall({ direction: 'outbound', portId: a.id });
  assert.equal(scene.fate(a, OUTSIDE), 'firewall_rule at gateway');
  assert.equal(scene.fate(b, OUTSIDE), `outside from ${address}`);
});

test('NAT rules come before forwards and whole addresses: the first that fits leads inside, or gives what leaves its source', () => {
  const scene = new Scene();
  const { a, b, cluster, gateway } = scene;
  scene.rule('ingress', {});
  const { id, address } = scene.floating({ portId: a.id, fixedIp: undefined });
  const nat = (given: Partial<CreateNatRule>): NatRuleId =>
    cluster.do(
      createNatRule(cluster.state, cluster.context, {
        tenantId: scene.tenantId,
        portId: b.id,
        direction: 'inbound',
        protocol: 'tcp',
        remoteCidr: undefined,
        portMin: 80,
        portMax: 82,
        floatingIpId: id,
        toPort: undefined,
        priority: 1,
        description: '',
        ...given,
      }),
    ).natRule.id;
  const at = (port: number) => ({ protocol: 'tcp', port }) as const;
  assert.equal(scene.fate(outside, address, at(81)), arrives(a, OUTSIDE));
  const shifted = nat({ toPort: 8080, remoteCidr: parseCidr('198.51.100.0/24') });
  assert.deepEqual(scene.ask(outside, address, at(81)).steps[0], {
    kind: 'translated',
    translation: { kind: 'nat_rule', by: shifted },
    packet: { source: OUTSIDE, destination: addressOf(b), protocol: 'tcp', port: 8081 },
  });
  assert.equal(scene.fate(outside, address, at(83)), arrives(a, OUTSIDE), 'beyond the range');
  assert.equal(scene.fate(outside, address, { protocol: 'udp', port: 81 }), arrives(a, OUTSIDE), 'another protocol');
  assert.equal(scene.fate({ kind: 'outside', address: ip('192.0.2.1') }, address, at(81)), arrives(a, ip('192.0.2.1')), 'from elsewhere');
  assert.equal(scene.fate(a, address, at(81)), arrives(a, ip('10.0.0.1')), 'from within, it is not from there');
  nat({ priority: 2 });
  assert.equal(scene.fate(a, address, at(81)), arrives(b, ip('10.0.0.1')), 'turned round at the gateway');
  nat({ floatingIpId: undefined });
  assert.equal(scene.fate(outside, gateway.uplink!.address, at(82)), arrives(b, OUTSIDE));
  assert.equal(scene.fate(outside, gateway.uplink!.address, at(83)), 'gateway_closed at gateway');

  const spare = scene.floating(undefined);
  const outbound = { direction: 'outbound', protocol: undefined, portMin: undefined, portMax: undefined, toPort: undefined } as const;
  assert.equal(scene.fate(outside, spare.address, { protocol: 'icmp' }), 'closed_public_address at outside');
  nat({ ...outbound, portId: undefined, floatingIpId: spare.id, priority: 2 });
  assert.equal(scene.fate(outside, spare.address, { protocol: 'icmp' }), `gateway from ${OUTSIDE}`);
  assert.deepEqual([scene.fate(a, OUTSIDE), scene.fate(b, OUTSIDE)], [`outside from ${spare.address}`, `outside from ${spare.address}`]);
  nat({ ...outbound, portId: a.id, floatingIpId: undefined, remoteCidr: parseCidr('198.51.100.0/24') });
  assert.equal(scene.fate(a, OUTSIDE), `outside from ${gateway.uplink!.address}`, 'an exception');
  assert.equal(scene.fate(a, ip('192.0.2.1')), `outside from ${spare.address}`);
});

test('the metadata service is reached by TCP port 80 alone, from a port’s own address, as far as its groups let it out', () => {
  const scene = new Scene();
  const reach = createReach(scene.cluster.state, FACTS);
  const from: FlowSource = { kind: 'port', portId: scene.a.id };
  const to = (flow: Partial<Flow>) => reach({ from, destination: METADATA_ADDRESS, ...WEB, ...flow }).verdict;
  const at = { kind: 'port', portId: scene.a.id };
  assert.deepEqual(to({}).kind === 'delivered' && to({}), {
    kind: 'delivered',
    to: { kind: 'metadata', networkId: scene.network.id },
    packet: { source: scene.a.fixedIps[0]!.address, destination: METADATA_ADDRESS, protocol: 'tcp', port: 80 },
  });
  assert.deepEqual(to({ port: 81 }), { kind: 'dropped', at, reason: 'metadata_closed' });
  assert.deepEqual(to({ protocol: 'icmp' }), { kind: 'dropped', at, reason: 'metadata_closed' });
  const forged = { from: { ...from, address: ip('10.0.0.77') } };
  assert.deepEqual(to(forged), { kind: 'dropped', at, reason: 'spoofed_source' });
  scene.cluster.do(updatePort(scene.cluster.state, scene.cluster.context, scene.a.id, { portSecurityEnabled: false, securityGroups: [] }));
  assert.deepEqual(to(forged), { kind: 'dropped', at, reason: 'spoofed_source' }, 'also without port security');
  assert.equal(to({}).kind, 'delivered');
  const other = new Scene();
  other.rule('egress', { remoteCidr: parseCidr('10.0.0.0/8') });
  const refused = createReach(
    other.cluster.state,
    FACTS,
  )({ from: { kind: 'port', portId: other.a.id }, destination: METADATA_ADDRESS, ...WEB });
  assert.equal(refused.verdict.kind === 'dropped' && refused.verdict.reason, 'egress_group');
});
