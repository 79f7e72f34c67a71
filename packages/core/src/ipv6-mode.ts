/** How hosts of an IPv6 subnet get their addresses (neutron-api.md §4.2): by advertised prefix, by DHCPv6, or the former with DHCPv6 for all else. */
export const IPV6_MODES = ['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'] as const;
export type Ipv6Mode = (typeof IPV6_MODES)[number];
