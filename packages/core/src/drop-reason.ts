/**
 * Why the data path dropped a packet, and what to do about it: the one table of reasons. A key says where it was dropped – at the `port` of
 * the workload, or at the `gateway` of its tenant –, the reason, and whether the workload `sent` the packet, was to have `received` it, or
 * neither can be said. The data path counts by these keys; `weft why` prints these texts.
 */
export const DROPS = {
  'port spoof_mac sent': {
    explanation: 'It sent with a MAC address that is not the port’s.',
    remedy: 'Let the workload use the port’s MAC address, or switch port security off if it is to bridge others.',
  },
  'port spoof_ip sent': {
    explanation: 'It sent from an IP address that is not the port’s.',
    remedy: 'Let the workload use the port’s addresses, and switch IPv6 off in it if the port has none of IPv6.',
  },
  'port spoof_arp sent': {
    explanation: 'It claimed by ARP an address that is not the port’s.',
    remedy: 'Let the workload announce the port’s own addresses only.',
  },
  'port spoof_nd sent': {
    explanation: 'It claimed by neighbour discovery an IPv6 address or a MAC address that is not the port’s.',
    remedy: 'Let the workload announce the port’s own addresses only.',
  },
  'port spoof_dhcp sent': {
    explanation: 'It answered as a DHCP server.',
    remedy: 'Stop the DHCP server in the workload: the tenant’s gateway is the only one.',
  },
  'port spoof_ra sent': {
    explanation: 'It announced itself as an IPv6 router.',
    remedy: 'Stop router advertisements in the workload.',
  },
  'port headers sent': {
    explanation: 'It sent IPv6 packets whose headers cannot be read to their end, or neighbour discovery behind other headers.',
    remedy: 'Let the first fragment of a packet hold all of its headers, as every ordinary system does.',
  },
  'port ethertype sent': {
    explanation: 'It sent frames that are neither IP nor ARP, such as VLAN-tagged ones.',
    remedy: 'Use untagged frames; give each VLAN a network of its own.',
  },
  'port mtu sent': {
    explanation: 'It sent ICMP packets larger than the network’s MTU; larger ones of other protocols are lost uncounted.',
    remedy: 'Set the MTU of its interface to the network’s; DHCP tells it.',
  },
  'port broadcast sent': {
    explanation: 'It sent to everybody or to a group; only ARP, neighbour discovery and DHCP are passed on.',
    remedy: 'Let it address its peers one by one: there is no broadcast or multicast between workloads.',
  },
  'port arp_unknown sent': {
    explanation: 'It asked by ARP or neighbour discovery for addresses that nobody on its network has.',
    remedy: 'Check the address it looks for, and that the port with that address is up.',
  },
  'port arp_flood sent': {
    explanation: 'It asked or announced by ARP or neighbour discovery faster than any host has reason to.',
    remedy: 'Look for a program in the workload that scans its network, or for a loop behind it.',
  },
  'port closed sent': {
    explanation: 'It sent while the port was administratively down.',
    remedy: 'Set admin_state_up of the port to true.',
  },
  'port host sent': {
    explanation: 'It addressed the machine that it runs on, which no workload reaches.',
    remedy: 'Check its default gateway and its neighbour entries: they name a MAC address that is no workload’s and no gateway’s.',
  },
  'port group sent': {
    explanation: 'No rule of the port’s security groups lets it send this.',
    remedy: 'Give the port a security group with an egress rule for it.',
  },
  'port group received': {
    explanation: 'No rule of the port’s security groups lets this in.',
    remedy: 'Give the port a security group with an ingress rule for it.',
  },
  'port metadata sent': {
    explanation: 'It asked the metadata address for something else than the metadata service: only TCP port 80 is there.',
    remedy: 'Ask http://169.254.169.254/ without a port.',
  },
  'port metadata_source sent': {
    explanation: 'It asked the metadata service from an address that is not a fixed address of its port.',
    remedy: 'Let it ask from the port’s own address: allowed address pairs and a port without port security make no difference here.',
  },
  'port metadata_rate sent': {
    explanation: 'It, or its network, began more connections to the metadata service of its node than that serves in a second.',
    remedy: 'Let it keep what it was told, and ask again later.',
  },
  'port invalid sent': {
    explanation: 'It sent packets of connections that are not known, for instance of one that was revoked or timed out.',
    remedy: 'Let it connect again; long silent connections want keep-alives.',
  },
  'port invalid received': {
    explanation: 'Packets came in for connections that are not known, for instance of one that was revoked or timed out.',
    remedy: 'Let the other side connect again; long silent connections want keep-alives.',
  },
  'port capped sent': {
    explanation: 'It has as many open connections as a port may have, and began more.',
    remedy: 'Close connections that are not needed, or spread the work over more ports.',
  },
  'port capped received': {
    explanation: 'It has as many open connections as a port may have, and others began more to it.',
    remedy: 'Close connections that are not needed, or spread the work over more ports.',
  },
  'port rate sent': {
    explanation: 'It sent faster than the port’s rate limit, and for longer than can wait. Bytes of these are not counted.',
    remedy: 'An operator can raise `weft:egress_kbps` of the port. Programs that adapt, as TCP does, lose a little all the time.',
  },
  'port rate received': {
    explanation: 'Others sent to it faster than the port’s rate limit, and for longer than can wait. Bytes of these are not counted.',
    remedy: 'An operator can raise `weft:ingress_kbps` of the port. Programs that adapt, as TCP does, lose a little all the time.',
  },
  'port loop none': {
    explanation: 'Frames with the port’s own MAC address came from another node: reflected, or sent by somebody who uses the same address.',
    remedy: 'Nothing if the number stands still; otherwise an operator looks for a second workload with this MAC address.',
  },
  'gateway to_infrastructure sent': {
    explanation: 'It addressed the machines and networks below the tenants’, which no workload reaches.',
    remedy: 'Nothing: workloads have no business there. Use the service’s public address.',
  },
  'gateway foreign_source sent': {
    explanation: 'It sent through the gateway from an address that is not of its network.',
    remedy: 'Let it send from an address of its subnet; the gateway routes no others.',
  },
  'gateway service sent': {
    explanation: 'It asked its gateway for a service that it does not offer: only ping, DHCP and DNS.',
    remedy: 'Address the workload or the host that offers the service.',
  },
  'gateway neighbours sent': {
    explanation: 'It, or others of its tenant, began to talk with more new addresses at once than a gateway looks for.',
    remedy: 'Let it look through a network more slowly: some hundred addresses a second.',
  },
  'gateway invalid sent': {
    explanation:
      'It sent packets through the gateway of connections that are not known there, for instance of one that was ended or timed out.',
    remedy: 'Let it connect again; long silent connections want keep-alives.',
  },
  'gateway firewall sent': {
    explanation: 'A firewall rule of its tenant denies what it sent outside.',
    remedy: 'Look at `weft firewall-rule list`: a rule that allows it needs a smaller priority than the one that denies.',
  },
  'gateway firewall received': {
    explanation: 'A firewall rule of its tenant denies what was sent to it from outside.',
    remedy: 'Look at `weft firewall-rule list`: a rule that allows it needs a smaller priority than the one that denies.',
  },
  'gateway rate sent': {
    explanation:
      'Its tenant sent outside faster than the tenant’s rate limit; whose packets were lost is not known. Bytes of these are not counted.',
    remedy: 'An operator can raise `egress_kbps` of the tenant. Programs that adapt, as TCP does, lose a little all the time.',
  },
  'gateway rate received': {
    explanation:
      'From outside, more came for its tenant than the tenant’s rate limit; whose packets were lost is not known. Bytes of these are not counted.',
    remedy: 'An operator can raise `ingress_kbps` of the tenant. Programs that adapt, as TCP does, lose a little all the time.',
  },
  'gateway no_mapping received': {
    explanation: 'From outside, something was sent to it, or to a public address of it, that leads nowhere.',
    remedy: 'Give the port a floating IP, or add a port forwarding; without a mapping the outside cannot begin a connection.',
  },
} as const;

export type DropKind = keyof typeof DROPS;
export type DropPlace = 'port' | 'gateway';
export type DropDirection = 'sent' | 'received';

/** Packets that were dropped for one reason. */
export type DropCount = Readonly<{ kind: DropKind; packets: number; bytes: number }>;

/** `direction` is undefined where neither can be said. */
export type DropParts = Readonly<{ where: DropPlace; reason: string; direction: DropDirection | undefined }>;

export function dropParts(kind: DropKind): DropParts {
  const [where, reason, direction] = kind.split(' ') as [DropPlace, string, DropDirection | 'none'];
  return { where, reason, direction: direction === 'none' ? undefined : direction };
}

export const DROP_KINDS = Object.keys(DROPS) as readonly DropKind[];

export function isDropKind(text: string): text is DropKind {
  return Object.hasOwn(DROPS, text);
}
