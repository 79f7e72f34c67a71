import { cidrContains, cidrHosts, cidrPrefixLength, cidrsOverlap } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { isCidr4 } from '../ip.ts';
import type { IpCidr } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { SSH_PORT } from '../plan/render.ts';
import type { GatewayProtocol } from '../reach/flow.ts';
import { wordedMatch } from '../reach/groups.ts';
import type { Port } from '../resource.ts';
import type { TenantId } from '../uuid.ts';
import { piecesOf } from './port-ranges.ts';
import type { PortRange } from './port-ranges.ts';

/** A service to ask about: `range.first` stands for all of its range; of icmp the range means nothing. */
export type Service = Readonly<{ protocol: GatewayProtocol; range: PortRange }>;
/** `address` stands for all of the outside that is in `prefix` and in none of `except`. */
export type OutsidePart = Readonly<{ prefix: Cidr; except: readonly Cidr[]; address: Ipv4 }>;

/**
 * What the rules about some ports of a tenant tell apart, under all given states: services by the ends of port ranges, the outside by the
 * prefixes that are named. The outside is IPv4's: nothing leads there by IPv6.
 */
export class Interests {
  readonly #ranges: Readonly<Record<'tcp' | 'udp', PortRange[]>> = { tcp: [], udp: [] };
  readonly #prefixes = new Set<Cidr>();
  readonly #inside = new Set<Cidr>();

  /** Groups of the ports, and what the tenant's gateway does. */
  add(state: ClusterState, tenantId: TenantId, ports: Iterable<Port>): void {
    for (const groupId of new Set([...ports].flatMap(({ securityGroups }) => securityGroups))) {
      for (const rule of state.rulesOf(groupId)) this.#rule({ ...rule, ...wordedMatch(rule) });
    }
    // Groups take what a port may send as for a member, wherever it comes from.
    for (const { addressPairs = [] } of ports) for (const { cidr } of addressPairs) if (isCidr4(cidr)) this.#prefixes.add(cidr);
    for (const rule of state.firewallRulesOf(tenantId)) this.#rule(rule);
    for (const rule of state.natRulesOf(tenantId)) {
      this.#rule(rule);
      const { direction, protocol, portMin, portMax, toPort } = rule;
      if (direction === 'outbound' || toPort === undefined || portMin === undefined) continue;
      this.#rule({ protocol, portMin: toPort, portMax: toPort + (portMax ?? portMin) - portMin, remoteCidr: undefined });
    }
    for (const floating of state.floatingIpsOf(tenantId)) {
      for (const { protocol, externalFirst, externalLast, internalFirst } of state.forwardingsOf(floating.id)) {
        this.#ranges[protocol].push({ first: externalFirst, last: externalLast });
        this.#ranges[protocol].push({ first: internalFirst, last: internalFirst + externalLast - externalFirst });
      }
    }
    for (const { id, external } of state.networksOf(tenantId)) {
      for (const { cidr } of external ? [] : state.subnetsOf(id)) if (isCidr4(cidr)) this.#inside.add(cidr);
    }
    if (state.tenants.get(tenantId)?.sshReach !== true) return;
    this.#ranges.tcp.push({ first: SSH_PORT, last: SSH_PORT });
    for (const { id } of ports) {
      const sshPort = state.instanceOfPort(id)?.sshPort;
      if (sshPort !== undefined) this.#ranges.tcp.push({ first: sshPort, last: sshPort });
    }
  }

  services(): readonly Service[] {
    return [
      { protocol: 'icmp', range: { first: 0, last: 0 } },
      ...(['tcp', 'udp'] as const).flatMap((protocol) => piecesOf(this.#ranges[protocol]).map((range) => ({ protocol, range }))),
    ];
  }

  /** The whole of it first. */
  outside(): readonly OutsidePart[] {
    const prefixes = [...new Set([ANYWHERE, ...this.#prefixes])].toSorted((a, b) => cidrPrefixLength(a) - cidrPrefixLength(b));
    return prefixes.flatMap((prefix) => {
      const except = prefixes.filter((other) => cidrPrefixLength(other) > cidrPrefixLength(prefix) && cidrsOverlap(other, prefix));
      const address = candidates(prefix).find((candidate) => ![...this.#inside, ...except].some((cidr) => cidrContains(cidr, candidate)));
      return address === undefined ? [] : [{ prefix, except, address }];
    });
  }

  #rule(
    rule: Readonly<{
      protocol: string | undefined;
      portMin: number | undefined;
      portMax: number | undefined;
      remoteCidr: IpCidr | undefined;
    }>,
  ): void {
    if (rule.remoteCidr !== undefined && isCidr4(rule.remoteCidr)) this.#prefixes.add(rule.remoteCidr);
    if ((rule.protocol === 'tcp' || rule.protocol === 'udp') && (rule.portMin !== undefined || rule.portMax !== undefined)) {
      this.#ranges[rule.protocol].push({ first: rule.portMin ?? 0, last: rule.portMax ?? 65_535 });
    }
  }
}

const ANYWHERE = '0.0.0.0/0' as Cidr;
/** Addresses for documentation and benchmarks, which are nobody's (RFC 5737, RFC 2544). */
const NOBODYS = ['192.0.2.1', '198.51.100.1', '198.18.0.1', '203.0.113.254', '100.64.0.1'].map((text) => text as Ipv4);

function candidates(prefix: Cidr): readonly Ipv4[] {
  const { first, last } = cidrHosts(prefix);
  return prefix === ANYWHERE ? NOBODYS : [first, last, ...NOBODYS.filter((address) => cidrContains(prefix, address))];
}
