import type { Port } from './resource.ts';

/**
 * Who a port is that serves DHCP and names, in the words of the API. Subnets with DHCP that nothing routes – on no router, and without an automatic
 * gateway – are served from such a port, one for each network, by a concentrator that forwards nothing. Only Weft makes one.
 */
export const NETWORK_DHCP = 'network:dhcp';

export function isDhcpPort(port: Pick<Port, 'deviceOwner'>): boolean {
  return port.deviceOwner === NETWORK_DHCP;
}

/**
 * How long its leases last, in minutes. Once the subnet is on a router, that one answers, with the address of another name server: the sooner a
 * workload asks again, the sooner it knows. Shorter ones dnsmasq does not give (dnsmasq(8), `--dhcp-range`).
 */
export const DHCP_LEASE_MINUTES = 2;
