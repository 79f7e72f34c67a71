import { pairAddress } from '@weft/core/address-pair';
import { ipCidrContains, isIpv4, isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { ipProtocolWord, parseIpProtocol } from '@weft/core/ip-protocol';
import type { GroupRule } from '@weft/core/plan/group';
import { memberKey } from '@weft/core/plan/member';
import type { Plan } from '@weft/core/plan/plan';
import type { PortBody } from '@weft/core/plan/port';
import type { SecurityGroupId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { linkLocalOf } from './link-local.ts';

/** A tracked connection as its first packet was: `type` and `code` are ICMP's, the ports those of protocols that have them. */
export type FirstPacket = Readonly<{
  protocol: number;
  source: IpAddress;
  destination: IpAddress;
  destinationPort: number | undefined;
  icmpType: number | undefined;
  icmpCode: number | undefined;
}>;

type Match = (packet: FirstPacket, remote: IpAddress) => boolean;
type Matches = Readonly<Record<GroupRule['direction'], readonly Match[]>>;

/**
 * Whether a plan's groups would let a running connection begin today. This is the pure twin of the chains that `layout/group.ts` and
 * `layout/port.ts` write: the sending port of this node is asked for the way out, the receiving one for the way in, and whoever is not on
 * this node is not asked, since its own node does that. Answers need no rule, so only the first packet's direction counts.
 *
 * Good for the plan as it is now. What is asked for often, addresses and rules, is prepared once, when it is first needed.
 */
export class StillAllowed {
  readonly #plan: Plan;
  readonly #groups = new Map<SecurityGroupId, Matches>();
  #ports: ReadonlyMap<string, readonly PortBody[]> | undefined;
  /** Those with a prefix of addresses beside their own. */
  #wide: readonly PortBody[] = [];

  constructor(options: Readonly<{ plan: Plan }>) {
    this.#plan = options.plan;
  }

  /** Whether an open port of this node has that address in that segment: what it has not is nobody's to judge. */
  isHere(vni: Vni, address: IpAddress): boolean {
    return this.#portsOf(vni, address).length > 0;
  }

  /** A connection in a segment. */
  isAllowed(vni: Vni, packet: FirstPacket): boolean {
    return (
      this.#allow(this.#portsOf(vni, packet.source), 'egress', packet, packet.destination) &&
      this.#allow(this.#portsOf(vni, packet.destination), 'ingress', packet, packet.source)
    );
  }

  /** Several may have an address among their pairs, and which one has it now is not known. */
  #allow(ports: readonly PortBody[], direction: GroupRule['direction'], packet: FirstPacket, remote: IpAddress): boolean {
    return ports.length === 0 || ports.some((port) => this.#allows(port, direction, packet, remote));
  }

  #allows(port: PortBody, direction: GroupRule['direction'], packet: FirstPacket, remote: IpAddress): boolean {
    if (!port.portSecurity) return true;
    return port.groups.some((group) => this.#matchesOf(group)[direction].some((matches) => matches(packet, remote)));
  }

  #portsOf(vni: Vni, address: IpAddress): readonly PortBody[] {
    if (this.#ports === undefined) {
      const open = [...this.#plan.of('port').values()].filter((port) => port.adminStateUp);
      const ports = new Map<string, PortBody[]>();
      for (const port of open) {
        for (const each of addressesOf(port)) ports.set(`${port.vni}/${each}`, [...(ports.get(`${port.vni}/${each}`) ?? []), port]);
      }
      this.#ports = ports;
      this.#wide = open.filter(isWide);
    }
    const exact = this.#ports.get(`${vni}/${address}`) ?? [];
    if (this.#wide.length === 0) return exact;
    const wide = this.#wide.filter((port) => port.vni === vni && port.pairs?.some(({ cidr }) => ipCidrContains(cidr, address)));
    return [...new Set([...exact, ...wide])];
  }

  #matchesOf(group: SecurityGroupId): Matches {
    let matches = this.#groups.get(group);
    if (matches === undefined) {
      const { ingress = [], egress = [] } = Object.groupBy(this.#plan.get('group', group)?.rules ?? [], ({ direction }) => direction);
      const compile = (rule: GroupRule): Match => matchOf(this.#plan, rule);
      matches = { ingress: ingress.map(compile), egress: egress.map(compile) };
      this.#groups.set(group, matches);
    }
    return matches;
  }
}

/** A port's own addresses, the link-local one with those of IPv6, and those of its pairs that are single. */
export function addressesOf({ mac, ips, pairs = [] }: PortBody): readonly IpAddress[] {
  const linkLocal = linkLocalOf(mac, [...ips, ...pairs.map(({ cidr }) => cidr)]);
  return [...new Set([...ips, ...linkLocal, ...pairs.flatMap((pair) => pairAddress(pair) ?? [])])];
}

/** Whether it may have addresses that cannot be listed. */
export function isWide({ pairs = [] }: PortBody): boolean {
  return pairs.some((pair) => pairAddress(pair) === undefined);
}

function matchOf(plan: Plan, rule: GroupRule): Match {
  const { protocol: word, portMin, portMax, remoteGroup } = rule;
  const fitsRemote =
    remoteGroup === undefined ? inPrefix(rule) : (remote: IpAddress) => plan.get('member', memberKey(remoteGroup, remote)) !== undefined;
  if (word === undefined) return (_packet, remote) => fitsRemote(remote);
  if (word === 'icmp' || word === 'ipv6-icmp') {
    return ({ protocol, icmpType, icmpCode }, remote) =>
      wordOf(protocol) === word &&
      (portMin === undefined || (icmpType === portMin && (portMax === undefined || icmpCode === portMax))) &&
      fitsRemote(remote);
  }
  const anyPort = portMin === undefined && portMax === undefined;
  const [first, last] = [portMin ?? 0, portMax ?? 65_535];
  return ({ protocol, destinationPort }, remote) =>
    wordOf(protocol) === word &&
    (anyPort || (destinationPort !== undefined && destinationPort >= first && destinationPort <= last)) &&
    fitsRemote(remote);
}

const wordOf = (protocol: number): string | undefined => ipProtocolWord(parseIpProtocol(protocol, 'protocol'));

function inPrefix({ remoteCidr, family }: GroupRule): (remote: IpAddress) => boolean {
  // A rule is about one family.
  if (remoteCidr === undefined) return family === 'ipv6' ? isIpv6 : isIpv4;
  return (remote) => ipCidrContains(remoteCidr, remote);
}
