import { parseCidr } from '../cidr.ts';
import { placeConcentrator } from '../command/concentrator.ts';
import { createFirewallRule } from '../command/firewall-rule.ts';
import { createFloatingIp } from '../command/floating-ip.ts';
import { placeInstance } from '../command/instance.ts';
import { createNatRule } from '../command/nat-rule.ts';
import { reportNode } from '../command/node.ts';
import { createPortForwarding } from '../command/port-forwarding.ts';
import { updateTenant } from '../command/tenant.ts';
import { TestCluster, testId } from '../command/test-support.ts';
import { parseIpCidr } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { ClusterFacts } from '../plan/render.ts';
import type { Changes, Network, Port, Tenant } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import type { SecurityGroup, SecurityGroupRule } from '../security-group.ts';
import type { NodeId, SecurityGroupId, SecurityGroupRuleId, Uuid } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import type { Flow, GatewayProtocol } from './flow.ts';

/** Chooses one of 0…n−1. */
export type Choose = (n: number) => number;

/** Choices from a list of numbers, which a property test can shrink: when it is used up, always the first. */
export function choicesOf(numbers: readonly number[]): Choose {
  let next = 0;
  return (n) => (numbers[next++] ?? 0) % n;
}

export const RANDOM_FACTS: ClusterFacts = { infrastructure: [parseCidr('172.30.0.0/24')] };
export const ROUTER = '203.0.113.1' as Ipv4;
/** Behind the router. */
export const FAR = '198.51.100.7' as Ipv4;
export const SERVICES: readonly (readonly [GatewayProtocol, number])[] = [
  ['icmp', 0],
  ['tcp', 22],
  ['tcp', 53],
  ['tcp', 80],
  ['udp', 53],
  ['udp', 80],
  ['udp', 5000],
];
/** Of what is asked of every port only: gateways translate no ports of these. */
export const OTHER_SERVICES: readonly Pick<Flow, 'protocol' | 'port' | 'icmp'>[] = [
  { protocol: 'icmp', icmp: { type: 8, code: 1 } },
  { protocol: 'icmp', icmp: { type: 13, code: 0 } },
  { protocol: 'sctp', port: 80 },
  // GRE (RFC 2784).
  { protocol: '47' },
];
/** What some ports may send as beside their own addresses; others must not. In 10.0.0.0/24 it begins behind this. */
export const PAIRED = 200;
const PAIRS = [`10.0.0.${PAIRED + 1}/32`, `10.0.0.${PAIRED + 2}/32`, '10.0.0.192/26', '192.0.2.0/24'];
/** Odd, so that no two numbers become one; and neighbours differ in their first digits. */
const SPREAD = 0x9e37_79b1;
/** Type and code of rules: of echo requests, and of others. */
const ICMP_TYPES: readonly (readonly (number | undefined)[])[] = [
  [8, 0],
  [8, undefined],
  [8, 1],
  [0, 0],
  [13, 0],
  [13, undefined],
];
const CIDRS = ['10.0.0.0/24', '10.0.1.0/24', '172.30.0.0/25', '192.168.7.0/28'];
const REMOTES6 = ['::/0', 'fd00::/64'];
const REMOTES = ['0.0.0.0/0', '10.0.0.0/25', '10.0.0.0/24', '203.0.113.0/24', '198.51.100.0/24', '203.0.113.1/32'];

/** Where the nodes are: as many as were chosen, with VTEP 172.30.0.`n`. */
export const nodeId = (n: number): NodeId => testId<NodeId>(n);

/**
 * A small random cluster, made by commands: up to three nodes, one or two tenants that use the same addresses, networks of both topologies,
 * with and without gateways, ports with and without security and address pairs, groups with and without state that name prefixes, one
 * another, ICMP messages and protocols of all kinds, firewall and NAT rules, public addresses, forwards and SSH reach. What a command refuses is left out.
 */
export class RandomCluster {
  readonly cluster = new TestCluster({
    cluster: { computeCidrs: [parseCidr('172.30.0.0/24')], managementCidrs: [] },
    // The kernel's names are made of an id's first digits.
    uuid: (n) => `${(Math.imul(n, SPREAD) >>> 0).toString(16).padStart(8, '0')}-0000-4000-9000-000000000000` as Uuid,
  });
  readonly nodeCount: number;
  readonly #choose: Choose;

  constructor(choose: Choose) {
    this.#choose = choose;
    const { cluster } = this;
    this.nodeCount = 3 - choose(3);
    for (let n = 1; n <= this.nodeCount; n += 1) {
      const addresses = [`172.30.0.${n}` as Ipv4];
      cluster.do(
        reportNode(cluster.state, cluster.context, { id: nodeId(n), hostname: `n${n}`, roles: ['compute', 'network'], addresses }),
      );
    }
    const tenants = Array.from({ length: 1 + choose(2) }, () => cluster.tenant());
    const external = cluster.network(tenants[0]!.id, { external: true });
    cluster.subnet(external, '203.0.113.0/24', { enableDhcp: false });
    for (const tenant of tenants) this.#tenant(tenant);
    for (let n = 2 + choose(5); n > 0; n -= 1) this.#try(() => this.#port(this.#pick(this.#networks())));
    for (const { id } of cluster.state.concentrators.values()) {
      if (choose(10) < 9) cluster.do(placeConcentrator(cluster.state, cluster.context, id, nodeId(1 + choose(this.nodeCount))));
    }
    for (let n = choose(4); n > 0; n -= 1) this.#try(() => this.#publicAddress(external));
    for (let n = choose(6); n > 0; n -= 1) this.#try(() => this.#firewallRule());
    for (let n = choose(6); n > 0; n -= 1) this.#try(() => cluster.do(randomNatRule(cluster, choose)));
  }

  #tenant(tenant: Tenant): void {
    const { cluster } = this;
    if (this.#choose(2) === 0) cluster.do(updateTenant(cluster.state, cluster.context, tenant.id, { sshReach: true }));
    for (let n = 1 + this.#choose(2); n > 0; n -= 1) {
      const topology = this.#choose(2) === 0 ? 'mesh' : 'concentrator';
      const network = cluster.network(tenant.id, { topology, adminStateUp: this.#choose(12) > 0 });
      for (let m = 1 + this.#choose(2); m > 0; m -= 1) {
        this.#try(() => cluster.subnet(network, this.#pick(CIDRS), this.#choose(5) === 0 ? { gatewayIp: null } : {}));
      }
    }
    const groups = Array.from({ length: 1 + this.#choose(3) }, (_, n) => this.#group(tenant, n));
    for (const group of [...groups, ...cluster.state.groupsOf(tenant.id)]) {
      for (let n = this.#choose(4); n > 0; n -= 1) this.#rule(group, this.#pick([...cluster.state.groupsOf(tenant.id)]).id);
    }
  }

  #group(tenant: Tenant, n: number): SecurityGroup {
    const template = [...this.cluster.state.groupsOf(tenant.id)][0]!;
    const id = this.cluster.context.uuid() as SecurityGroupId;
    const stateless = this.#choose(4) === 3 ? { stateless: true as const } : {};
    const group: SecurityGroup = { ...template, id, name: `g${n}`, isDefault: false, ...stateless };
    this.cluster.do({ put: [group], remove: [] });
    return group;
  }

  #rule(group: SecurityGroup, remoteGroupId: SecurityGroupId): void {
    const others = OTHER_SERVICES.map(({ protocol, port = 0 }) => [protocol, port] as const);
    const [protocol, port] = this.#pick([...SERVICES, [undefined, 0] as const, ...others]);
    const remote = this.#choose(3);
    const whole = this.#choose(3) === 0;
    const some = protocol === 'icmp' ? this.#pick(ICMP_TYPES) : [port, port + this.#choose(80)];
    const ports = protocol === undefined || protocol === '47' || whole ? [undefined, undefined] : some;
    const isSix = this.#choose(10) === 9;
    const rule: SecurityGroupRule = {
      kind: 'securityGroupRule',
      id: this.cluster.context.uuid() as SecurityGroupRuleId,
      tenantId: group.tenantId,
      groupId: group.id,
      description: '',
      direction: this.#choose(2) === 0 ? 'ingress' : 'egress',
      ethertype: isSix ? 'IPv6' : 'IPv4',
      protocol: protocol === undefined ? undefined : parseIpProtocol(protocol, 'protocol'),
      portMin: ports[0],
      portMax: ports[1],
      remoteCidr: remote === 1 ? parseIpCidr(this.#pick(isSix ? REMOTES6 : REMOTES)) : undefined,
      remoteText: undefined,
      remoteGroupId: remote === 2 ? remoteGroupId : undefined,
      revision: 1,
      createdAt: group.createdAt,
      updatedAt: group.updatedAt,
    };
    this.cluster.do({ put: [rule], remove: [] });
  }

  #port(network: Network): void {
    const { cluster } = this;
    const subnets: Subnet[] = [...cluster.state.subnetsOf(network.id)];
    const groups = [...cluster.state.groupsOf(network.tenantId)].filter(() => this.#choose(2) === 0).map(({ id }) => id);
    const insecure = this.#choose(7) === 6;
    const port: Port = cluster.port(network, {
      adminStateUp: this.#choose(10) < 9,
      fixedIps: subnets.filter((_, n) => n === 0 || this.#choose(3) === 2).map(({ id }) => ({ subnetId: id, address: undefined })),
      portSecurityEnabled: !insecure,
      securityGroups: insecure ? [] : groups,
      addressPairs:
        insecure || this.#choose(4) < 3 ? [] : [this.#pick(PAIRS)].map((text) => ({ cidr: parseCidr(text), text, mac: undefined })),
    });
    if (this.#choose(12) === 11) return;
    const { id } = cluster.instance(port.id);
    if (this.#choose(12) < 11) cluster.do(placeInstance(cluster.state, cluster.context, id, nodeId(1 + this.#choose(this.nodeCount))));
  }

  #publicAddress(external: Network): void {
    const { cluster } = this;
    const port = this.#pick([...cluster.state.ports.values()]);
    const { address } = this.#pick(port.fixedIps);
    const kind = this.#choose(5);
    const { floatingIp } = cluster.do(
      createFloatingIp(cluster.state, cluster.context, {
        tenantId: port.tenantId,
        description: '',
        floatingNetworkId: external.id,
        subnetId: undefined,
        address: undefined,
        target: kind < 2 ? { portId: port.id, fixedIp: address } : undefined,
      }),
    );
    for (let n = kind < 2 ? 0 : kind - 2; n > 0; n -= 1) {
      const [protocol, internalFirst] = this.#pick(SERVICES.slice(1));
      const externalFirst = this.#pick([22, 80, 5000, 8080]);
      const externalLast = externalFirst + this.#choose(3);
      this.#try(() =>
        cluster.do(
          createPortForwarding(cluster.state, cluster.context, floatingIp.id, {
            description: '',
            protocol: protocol === 'tcp' ? 'tcp' : 'udp',
            externalFirst,
            externalLast,
            internalPortId: port.id,
            internalAddress: address,
            internalFirst,
            internalLast: internalFirst + externalLast - externalFirst,
          }),
        ),
      );
    }
  }

  #firewallRule(): void {
    const { cluster } = this;
    const port = this.#pick([...cluster.state.ports.values()]);
    const [protocol, portMin] = this.#pick([...SERVICES, [undefined, 0] as const]);
    const ports = protocol === undefined || protocol === 'icmp' || this.#choose(3) === 0 ? undefined : portMin;
    cluster.do(
      createFirewallRule(cluster.state, cluster.context, {
        tenantId: port.tenantId,
        portId: this.#choose(2) === 0 ? port.id : undefined,
        direction: this.#choose(2) === 0 ? 'inbound' : 'outbound',
        action: this.#choose(3) === 0 ? 'allow' : 'deny',
        protocol,
        remoteCidr: this.#choose(3) === 0 ? parseCidr(this.#pick(REMOTES)) : undefined,
        portMin: ports,
        portMax: ports === undefined ? undefined : ports + this.#choose(40),
        priority: this.#choose(4),
        description: '',
      }),
    );
  }

  #networks(): readonly Network[] {
    return [...this.cluster.state.networks.values()].filter(({ external }) => !external);
  }

  #pick<T>(items: readonly T[]): T {
    return pickOf(items, this.#choose);
  }

  #try(action: () => Changes | Subnet | void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
    }
  }
}

function pickOf<T>(items: readonly T[], choose: Choose): T {
  if (items.length === 0) throw new WeftError('nothing_to_pick', 'there is none');
  return items[choose(items.length)]!;
}

/** One more NAT rule of a tenant that is there: in or out, by a public address or the gateway's own. Throws what the command throws. */
export function randomNatRule({ state, context }: TestCluster, choose: Choose): Changes {
  const port = pickOf([...state.ports.values()], choose);
  const leadsIn = choose(3) > 0;
  const floating = [undefined, ...state.floatingIpsOf(port.tenantId)];
  const some = [...SERVICES.slice(1), ['tcp', 8080] as const, ['udp', 8080] as const];
  const [protocol, first] = pickOf(leadsIn ? some : [...SERVICES, [undefined, 0] as const], choose);
  const hasPorts = leadsIn || (protocol !== undefined && protocol !== 'icmp' && choose(3) > 0);
  return createNatRule(state, context, {
    tenantId: port.tenantId,
    portId: leadsIn || choose(2) === 0 ? port.id : undefined,
    direction: leadsIn ? 'inbound' : 'outbound',
    protocol,
    remoteCidr: choose(3) === 0 ? parseCidr(pickOf(REMOTES, choose)) : undefined,
    portMin: hasPorts ? first : undefined,
    portMax: hasPorts ? first + choose(4) : undefined,
    floatingIpId: pickOf(floating, choose)?.id,
    toPort: leadsIn && choose(2) === 0 ? pickOf([22, 53, 79, 80, 5000], choose) : undefined,
    priority: choose(4),
    description: '',
  });
}
