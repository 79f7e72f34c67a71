import { isIpv4 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type {
  ConcentratorId,
  FirewallRuleId,
  FloatingIpId,
  InstanceId,
  NatRuleId,
  NetworkId,
  NodeId,
  PortForwardingId,
  PortId,
  SecurityGroupId,
  SecurityGroupRuleId,
} from '../uuid.ts';

/**
 * What reachability is asked about, and what it answers, as data: the walk of the first packet of one connection. Answers to what was let
 * through pass by connection tracking and are not asked about.
 */

/** Where a packet begins: at a port (its first address of the destination's family unless told), at an address outside, or in a tenant's gateway. */
export type FlowSource =
  | Readonly<{ kind: 'port'; portId: PortId; address?: IpAddress }>
  | Readonly<{ kind: 'outside'; address: Ipv4 }>
  | Readonly<{ kind: 'gateway'; concentratorId: ConcentratorId }>;

/** Those that rules of gateways can name. */
export type GatewayProtocol = 'tcp' | 'udp' | 'icmp';

/** One word for each, as `ipProtocolWord` gives it: the last is any other's number. ICMP is one word for both families. */
export type FlowProtocol = GatewayProtocol | 'sctp' | 'dccp' | 'udplite' | `${number}`;

/** Of an ICMP message (RFC 792, RFC 4443). */
export type IcmpKind = Readonly<{ type: number; code: number }>;

/** `port`: the destination's, of protocols that have them. `icmp`: absent for an echo request. */
export type Flow = Readonly<{ from: FlowSource; destination: IpAddress; protocol: FlowProtocol; port?: number; icmp?: IcmpKind }>;

/** The packet at one point of its walk. `port` is 0 where the protocol has none; `icmp` as that of {@link Flow}. */
export type Packet<A extends IpAddress = IpAddress> = Readonly<{
  source: A;
  destination: A;
  protocol: FlowProtocol;
  port: number;
  icmp?: IcmpKind;
}>;

export function isPacket4(packet: Packet): packet is Packet<Ipv4> {
  return isIpv4(packet.source) && isIpv4(packet.destination);
}

/** What an ICMP packet is: an echo request of its family (RFC 792, RFC 4443 §4.1), unless it says otherwise. */
export function icmpOf({ destination, icmp }: Pick<Packet, 'destination' | 'icmp'>): IcmpKind {
  return icmp ?? { type: isIpv4(destination) ? 8 : 128, code: 0 };
}

/** Where a packet ends, or is dropped. */
export type ReachPlace =
  | Readonly<{ kind: 'port'; portId: PortId }>
  | Readonly<{ kind: 'network'; networkId: NetworkId }>
  | Readonly<{ kind: 'gateway'; concentratorId: ConcentratorId }>
  | Readonly<{ kind: 'outside' }>
  /** The metadata service of the sender's node. */
  | Readonly<{ kind: 'metadata'; networkId: NetworkId }>;

/** What changed the packet's addresses; `by` names the record, where there is one. */
export type Translation =
  | Readonly<{ kind: 'public_ip'; by: FloatingIpId }>
  | Readonly<{ kind: 'nat_rule'; by: NatRuleId }>
  | Readonly<{ kind: 'port_forwarding'; by: PortForwardingId }>
  | Readonly<{ kind: 'ssh_reach'; by: InstanceId }>
  /** What a tenant sends to its own public address gets the gateway as its source, and so the receiver's groups see the gateway. */
  | Readonly<{ kind: 'hairpin'; by: ConcentratorId }>
  /** Outbound: the gateway's own address. */
  | Readonly<{ kind: 'source_nat'; by: ConcentratorId }>;

/** One decision on the way, in order. */
export type ReachStep =
  | Readonly<{ kind: 'port_security_off'; portId: PortId }>
  | Readonly<{
      kind: 'group_allows';
      portId: PortId;
      direction: 'ingress' | 'egress';
      groupId: SecurityGroupId;
      ruleId: SecurityGroupRuleId;
    }>
  /** `hub`: the node through which it passes, in a network that sends everything through its concentrator. */
  | Readonly<{ kind: 'switched'; networkId: NetworkId; from: NodeId; to: NodeId; hub?: NodeId }>
  | Readonly<{ kind: 'translated'; translation: Translation; packet: Packet }>
  | Readonly<{ kind: 'routed'; concentratorId: ConcentratorId; to: NetworkId | 'outside' }>
  | Readonly<{ kind: 'firewall_allows'; concentratorId: ConcentratorId; direction: 'inbound' | 'outbound'; ruleId: FirewallRuleId }>;

/** Why a packet gets no further. */
export type DropReason =
  /** The port is on no node that can carry it. */
  | 'not_placed'
  | 'admin_down'
  /** Neither the port's own address nor port security off. */
  | 'spoofed_source'
  | 'egress_group'
  | 'ingress_group'
  /** Nobody has that address on the network, so nobody answers ARP for it. */
  | 'unknown_address'
  /** The sender knows no way there: no gateway on its subnets. */
  | 'no_route'
  /** There is a gateway address, but no placed concentrator behind it. */
  | 'no_gateway'
  /** The network sends everything between nodes through its concentrator, and there is none. */
  | 'no_hub'
  /** The gateway has no address outside; of IPv6 none has. */
  | 'no_uplink'
  | 'no_source_nat'
  | 'router_down'
  /** Sent to the underlay, the management network or a VTEP. */
  | 'infrastructure'
  /** A source that the gateway does not expect from there. */
  | 'foreign_source'
  | 'firewall_rule'
  /** A public address that leads nowhere, or nowhere on this port. */
  | 'closed_public_address'
  /** The gateway itself listens for DHCP, DNS and echo requests only. */
  | 'gateway_closed'
  /** From outside to an address that is not public. */
  | 'not_public'
  /** To the metadata address, but not to its service. */
  | 'metadata_closed';

export type Verdict =
  | Readonly<{ kind: 'delivered'; to: ReachPlace; packet: Packet }>
  | Readonly<{ kind: 'dropped'; at: ReachPlace; reason: DropReason; ruleId?: FirewallRuleId }>;

export type ReachAnswer = Readonly<{ verdict: Verdict; steps: readonly ReachStep[] }>;

export function dropped(at: ReachPlace, reason: DropReason, ruleId?: FirewallRuleId): Verdict {
  return { kind: 'dropped', at, reason, ...(ruleId === undefined ? {} : { ruleId }) };
}
