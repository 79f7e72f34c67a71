import { cidrContains } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import { isIpv4 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import { forwardKey } from '@weft/core/plan/forward';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { Plan } from '@weft/core/plan/plan';
import type { ConcentratorId } from '@weft/core/uuid';
import type { ConntrackEntry } from '@weft/netlink/conntrack';
import { gatewayPlace } from './names.ts';
import type { Place } from './names.ts';
import type { Revoked } from './revocation.ts';

/** A workload's service. */
export type Target = Readonly<{ address: Ipv4; port: number }>;

/** What is over at a gateway: what came by services that lead no more to where they led, and what its firewall denies. */
export type Over = Readonly<{
  /** By `forwardKey`, with where each leads now; undefined: nowhere. */
  services: ReadonlyMap<string, Target | undefined>;
  /** `rules` are all of the firewall's, in order; `subnets` are those behind the gateway. */
  firewall: Readonly<{ rules: readonly CompiledFirewallRule[]; subnets: readonly Cidr[] }> | undefined;
}>;

/** What revocations at a gateway mean by the plan as it is now, which may be another than that which they were noted for. */
export function overAt(plan: Plan, place: Place, revoked: readonly Revoked[]): Over {
  const isHere = (body: Readonly<{ concentratorId: ConcentratorId }>): boolean => gatewayPlace(body.concentratorId) === place;
  const services = new Map<string, Target | undefined>();
  for (const { address, service } of revoked) {
    if (address === undefined || !isIpv4(address) || service === undefined) continue;
    const key = forwardKey(address, service.protocol, service.port);
    const now = plan.get('forward', key);
    services.set(key, now !== undefined && isHere(now) ? { address: now.internal, port: now.internalPort } : undefined);
  }
  const denies = revoked.some(({ address }) => address === undefined);
  const firewall = denies ? [...plan.of('firewall').values()].find(isHere) : undefined;
  const gateway = firewall === undefined ? undefined : plan.get('gateway', gatewayKey(firewall.concentratorId));
  const subnets = gateway?.segments.flatMap((segment) => segment.subnets.map(({ cidr }) => cidr)) ?? [];
  return { services, firewall: firewall === undefined ? undefined : { rules: firewall.rules, subnets } };
}

/**
 * Whether a connection of a gateway is over: exactly what is no longer allowed, whoever else talks with the same client or workload. IPv6 never
 * is: it has no services, and the firewall stands where no IPv6 passes.
 */
export function isOver({ services, firewall }: Over, tracked: ConntrackEntry): boolean {
  if (!isIpv4Entry(tracked)) return false;
  const entry = tracked;
  return isLedNowhere(services, entry) || (firewall !== undefined && isDenied(firewall, entry));
}

type Ipv4Tuple = Readonly<{ source: Ipv4; destination: Ipv4 }>;
type Ipv4Entry = ConntrackEntry & Ipv4Tuple & Readonly<{ reply: Ipv4Tuple }>;

/** Of one family all addresses of an entry are. */
const isIpv4Entry = (entry: ConntrackEntry): entry is Ipv4Entry => isIpv4(entry.source);

const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

/**
 * A connection that a NAT rule marked is that rule's. One that was taken up in its middle by what the workload sent is known by the address and
 * port that its packets leave with: only with those of the service is it the client's.
 */
function isLedNowhere(services: Over['services'], entry: Ipv4Entry): boolean {
  if (services.size === 0 || entry.mark !== 0) return false;
  const protocol = entry.protocol === PROTOCOLS.tcp ? 'tcp' : entry.protocol === PROTOCOLS.udp ? 'udp' : undefined;
  if (protocol === undefined) return false;
  const leadsElsewhere = (address: Ipv4, port: number | undefined, to: Ipv4, toPort: number | undefined): boolean => {
    const key = forwardKey(address, protocol, port ?? 0);
    if (!services.has(key)) return false;
    const now = services.get(key);
    return now?.address !== to || now.port !== toPort;
  };
  const { destination, destinationPort, source, sourcePort, reply } = entry;
  if (entry.isLed) return leadsElsewhere(destination, destinationPort, reply.source, reply.sourcePort);
  return entry.isPickedUp && leadsElsewhere(reply.destination, reply.destinationPort, source, sourcePort);
}

/** As `layout/firewall.ts` lays it out: with the addresses inside, and in the middle of a connection also the other direction, turned round. */
function isDenied({ rules, subnets }: NonNullable<Over['firewall']>, entry: Ipv4Entry): boolean {
  const isInside = (address: Ipv4): boolean => subnets.some((cidr) => cidrContains(cidr, address));
  const { source, sourcePort, reply } = entry;
  const leaves = isInside(source);
  if (leaves === isInside(reply.source)) return false;
  const [here, there] = leaves ? [source, reply.source] : [reply.source, source];
  const [direction, opposite] = leaves ? (['outbound', 'inbound'] as const) : (['inbound', 'outbound'] as const);
  const denies = (way: CompiledFirewallRule['direction'], port: number | undefined): boolean => {
    const first = rules.find((rule) => rule.direction === way && fits(rule, { here, there, protocol: entry.protocol, port: port ?? 0 }));
    return first?.action === 'deny';
  };
  return denies(direction, reply.sourcePort) || (entry.isPickedUp && denies(opposite, sourcePort));
}

type Asked = Readonly<{ here: Ipv4; there: Ipv4; protocol: number; port: number }>;

function fits({ protocol, remoteCidr, portMin, portMax, local }: CompiledFirewallRule, asked: Asked): boolean {
  if (local?.includes(asked.here) === false) return false;
  if (remoteCidr !== undefined && !cidrContains(remoteCidr, asked.there)) return false;
  if (protocol !== undefined && PROTOCOLS[protocol] !== asked.protocol) return false;
  return portMin === undefined || (asked.port >= portMin && asked.port <= (portMax ?? portMin));
}
